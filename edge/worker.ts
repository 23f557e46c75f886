import { type App, createApp } from './app.ts'
import { createDeps } from './deps.ts'
import { parseEnv } from './env.ts'

export { RateLimiter } from './limit/durable.ts'

/** One for each isolate: made by its first request, because only requests have an environment. */
let app: App | undefined

export default {
  fetch(request, env, ctx) {
    app ??= createApp(createDeps(parseEnv(env)))
    return app.fetch(request, ctx)
  },
} satisfies ExportedHandler
