/** Calls an asynchronous function one call at a time. Of calls that wait, only the last one happens. */
export function latest(call) {
  let running = false
  let waiting
  return async function next(...values) {
    waiting = values
    if (running) return
    running = true
    try {
      while (waiting) {
        const now = waiting
        waiting = undefined
        await call(...now)
      }
    } finally {
      running = false
    }
  }
}
