import type { Redis } from '../redis.ts'

const prefix = 'edgewise'

/** The embedded Redis, which begins with the first command: it takes some 50 MB, and who sends none needs none. */
export function openEmbeddedRedis(): Redis {
  let opened: Promise<Redis> | undefined
  const open = (): Promise<Redis> =>
    (opened ??= import('./in-process.ts').then(({ openInProcess }) => openInProcess(prefix)))
  return {
    prefix,
    isEmbedded: true,
    send: async (commands) => (await open()).send(commands),
    transact: async (commands) => (await open()).transact(commands),
    isReady: () => true,
    close: async () => (await opened)?.close(),
  }
}
