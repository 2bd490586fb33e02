/** Timelines above the texts of Prompt Travel and Strength Schedule. The text stays the value of the node. */

import { app } from "../../scripts/app.js"
import { loadTexts } from "./lib/texts.mjs"
import { addStyle } from "./lib/timeline/style.mjs"
import { addTimeline } from "./lib/timeline/widget.mjs"

/**
 * By the class of a node. text: the input that has the text. inputs: what else the drawing depends on.
 * replacedBy: inputs that count in place of the text if they are connected. hasValues: whether a key has a value.
 */
const TIMELINES = {
  ADXL_PromptTravel: {
    text: "prompts",
    inputs: ["frames", "interpolation", "closed_loop"],
    replacedBy: [],
    hasValues: false,
    height: 122,
  },
  ADXL_StrengthSchedule: {
    text: "points",
    inputs: ["interpolation", "over", "length"],
    replacedBy: ["values", "curve"],
    hasValues: true,
    height: 160,
  },
}

app.registerExtension({
  name: "animatediff_xl.timeline",
  async init() {
    addStyle()
    await loadTexts()
  },
  nodeCreated(node) {
    const timeline = TIMELINES[node.comfyClass]
    if (timeline) addTimeline(node, timeline)
  },
})
