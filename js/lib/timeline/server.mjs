/** Asking the server what to draw of a text, and for the text after an edit. Only the server reads texts. */

import { api } from "../../../../scripts/api.js"

const PATH = "/animatediff_xl/timeline"

/**
 * @param {{node: string, inputs: object, edit?: object}} request
 * @returns {Promise<object>} the drawing, or {error}. Rejects if the server does not answer.
 */
export async function ask(request) {
  const options = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(request) }
  return (await api.fetchApi(PATH, options)).json()
}

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
