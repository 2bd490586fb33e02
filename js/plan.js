/**
 * The windows of AnimateDiff Context Windows, drawn on the node while a person sets it up, without a run. A setting
 * switches that off. The server draws them, so that they are those that a run will have.
 */

import { app } from "../../scripts/app.js"
import { clipOf } from "./lib/clip.mjs"
import { valueOf } from "./lib/links.mjs"
import { translate } from "./lib/messages.mjs"
import { removePlan, showPlan } from "./lib/planWidget.mjs"
import { ask } from "./lib/server.mjs"
import { loadTexts, textsOfPage } from "./lib/texts.mjs"

const KIND = "ADXL_ContextWindows"
const PATH = "/animatediff_xl/window_plan"
const SETTING = "AnimateDiffXL.WindowPlan"
const WINDOWS = [
  "context_length",
  "context_overlap",
  "context_stride",
  "context_schedule",
  "fuse_method",
  "closed_loop",
  "reference_weight",
  "reference_frame",
  "windows_in",
]
/** Where no latent or sampler says more. */
const EXAMPLE = { frames: 48, steps: 20 }
/**
 * Values change by typing, links, undo, and on other nodes of the graph. So the page is looked at, and values that stay
 * the same for that long are asked for.
 */
const LOOK_MS = 250

/** What was last seen and asked for each node, as JSON. */
const states = new WeakMap()

const named = (node, name) => {
  const input = node.inputs.find((candidate) => candidate.name === name)
  return input?.label ?? input?.localized_name ?? name
}

/** What to ask the server, or why not, and what to say about it. */
function questionOf(node) {
  const texts = textsOfPage().plan
  const windows = Object.fromEntries(WINDOWS.map((name) => [name, valueOf(node, name)]))
  const unknown = WINDOWS.filter((name) => windows[name] === undefined).map((name) => named(node, name))
  if (unknown.length) return { note: texts.unknown.replace("{names}", unknown.join(", ")) }
  const clip = clipOf(node)
  const assumed = Object.keys(EXAMPLE).filter((name) => !Number.isFinite(clip[name]))
  const values = { ...clip, ...Object.fromEntries(assumed.map((name) => [name, EXAMPLE[name]])) }
  const names = assumed.map((name) => `${texts[name]} ${EXAMPLE[name]}`).join(", ")
  const note = clip.sampled ? names && texts.assumed.replace("{names}", names) : texts.example
  return { note, content: { windows, frames: values.frames, steps: values.steps } }
}

async function refresh(node) {
  const { note, content } = questionOf(node)
  const state = states.get(node) ?? {}
  states.set(node, state)
  const now = JSON.stringify([note, content])
  const isStill = now === state.seen
  state.seen = now
  if (!isStill || now === state.asked) return
  state.asked = now
  const { picture, cost, reference, error } = content ? await ask(PATH, content) : {}
  if (now !== state.asked) return
  const lines = [cost ?? error, reference, error ? "" : note].filter(Boolean)
  showPlan(node, picture, lines.map((line) => translate(line, textsOfPage())).join("\n"), Boolean(error))
}

function look() {
  if (document.hidden) return
  const isOn = app.extensionManager.setting.get(SETTING)
  for (const node of app.canvas?.graph?.nodes ?? []) {
    if (node.comfyClass !== KIND) continue
    if (isOn) refresh(node)
    else if (states.delete(node)) removePlan(node)
  }
}

app.registerExtension({
  name: "animatediff_xl.plan",
  settings: [
    {
      id: SETTING,
      name: "AnimateDiff Context Windows shows its windows",
      tooltip: "The node draws which frames run together, and what that costs, whenever its values change.",
      type: "boolean",
      defaultValue: true,
      category: ["AnimateDiff XL", "General", "WindowPlan"],
    },
  ],
  init: loadTexts,
  setup() {
    setInterval(look, LOOK_MS)
  },
  nodeCreated(node) {
    if (node.comfyClass === KIND && app.extensionManager.setting.get(SETTING)) showPlan(node, "", "")
  },
})
