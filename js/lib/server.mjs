/** Asking the routes of this pack on ComfyUI's server. */

import { api } from "../../../scripts/api.js"

/** @returns {Promise<Response>} of content that is sent as JSON. Rejects if the server does not answer. */
export const post = (path, content) =>
  api.fetchApi(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(content),
  })

/** @returns {Promise<object>} the answer to content. A refusal is an {error}. */
export const ask = async (path, content) => (await post(path, content)).json()
