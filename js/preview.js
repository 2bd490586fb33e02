/** The clip moves on its node while it is sampled. A setting switches that off. */

import { app } from "../../scripts/app.js"
import { api } from "../../scripts/api.js"
import { announce, listen, stop, stopAll } from "./lib/player.mjs"
import { post } from "./lib/server.mjs"

const EVENT = "animatediff_xl.preview"
const PATH = "/animatediff_xl/preview"
const SETTING = "AnimateDiffXL.MovingPreview"

/** What the server knows. It forgets that when it starts again. */
let told

/** Tell the server whether this page plays previews. It sends other pages what ComfyUI always sends. */
function tell() {
  const plays = Boolean(app.extensionManager.setting.get(SETTING))
  const now = `${api.clientId} ${plays}`
  if (!api.clientId || now === told) return
  told = now
  post(PATH, { client_id: api.clientId, plays })
}

listen()

app.registerExtension({
  name: "animatediff_xl.preview",
  settings: [
    {
      id: SETTING,
      name: "Clips move while they are sampled",
      tooltip: "Previews show all frames of a clip, one after another. Off: only its first frame.",
      type: "boolean",
      defaultValue: true,
      category: ["AnimateDiff XL", "General", "MovingPreview"],
      onChange: () => setTimeout(tell),
    },
  ],
  setup() {
    api.addEventListener(EVENT, ({ detail }) => announce(detail))
    api.addEventListener("progress_state", ({ detail }) => {
      for (const [nodeId, { state }] of Object.entries(detail.nodes)) if (state !== "running") stop(nodeId)
    })
    for (const end of ["execution_success", "execution_error", "execution_interrupted"]) {
      api.addEventListener(end, stopAll)
    }
    api.addEventListener("reconnected", () => (told = undefined))
    api.addEventListener("status", tell) // the first one after each connection says that the server knows this page
    tell()
  },
})
