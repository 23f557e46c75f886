const everyMs = 20
const samples = 5

/**
 * How long what is ready to run waits for this process's one thread: the least of the last few times, because one long
 * piece of work delays but once, while a queue that does not empty delays always (as CoDel, RFC 8289, tells a burst from
 * too much).
 */
export function measureLoopDelay() {
  const late: number[] = Array.from({ length: samples }, () => 0)
  let next = 0
  let dueAt = performance.now() + everyMs
  const timer = setInterval(() => {
    const at = performance.now()
    late[next] = Math.max(0, at - dueAt)
    next = (next + 1) % samples
    dueAt = at + everyMs
  }, everyMs)
  timer.unref()
  return {
    ms: () => Math.min(...late),
    stop: () => clearInterval(timer),
  }
}
