/** Texts of this pack in the language of the page, from locales/<language>/main.json. */

import { app } from "../../../scripts/app.js"
import { api } from "../../../scripts/api.js"

const ENGLISH = {
  report: "report",
  error: "Error: ",
  messages: {},
  values: {},
  conversion: {
    title: "Convert to AnimateDiff XL",
    offer: "This graph needs AnimateDiff-Evolved, which is not installed. Convert its {count} nodes to AnimateDiff XL? Undo brings them back.",
    question: "Convert the {count} nodes of AnimateDiff-Evolved to AnimateDiff XL? Undo brings them back.",
    more: "{count} more: the note beside the graph has all.",
    nothing: "This graph has no nodes of AnimateDiff-Evolved.",
    done: "The graph is converted. The note beside it has the report.",
    failed: "The graph cannot be converted",
    note: "Converted from AnimateDiff-Evolved",
  },
  timeline: {
    timeline: "timeline",
    frame: "frame",
    step: "step",
    value: "value",
    add: "Add a key (Insert, or double click)",
    remove: "Remove the key (Delete)",
    hint: "Double click adds a key. Drag it or use arrow keys.",
    guessed: "Drawn for {value}: the number comes from a link.",
    linked: "The text comes from a link, so it is not drawn here.",
    replaced: "The connected values replace the points.",
    offline: "The timeline is not drawn: the server does not answer.",
  },
}

/** Texts of all packs, by language. */
let languages = {}

export async function loadTexts() {
  languages = await api.getCustomNodesI18n()
}

export const textsOfPage = () => languages[app.extensionManager.setting.get("Comfy.Locale")]?.animatediffXl ?? ENGLISH
