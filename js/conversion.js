/** A menu command that converts graphs of AnimateDiff-Evolved, and an offer when one opens without that pack. */

import { app } from "../../scripts/app.js"
import { offerConversion } from "./lib/conversion.mjs"
import { loadTexts } from "./lib/texts.mjs"

const COMMAND = "AnimateDiffXL.ConvertGraph"
const THEIRS = /^(ADE_|AnimateDiffLoaderV1$|CheckpointLoaderSimpleWithNoiseSelect$)/

/** Graphs that were offered a conversion. Undo, and another tab, open them again. */
const offered = new Set()

app.registerExtension({
  name: "animatediff_xl.conversion",
  commands: [
    {
      id: COMMAND,
      label: "Convert AnimateDiff-Evolved graph to AnimateDiff XL",
      icon: "pi pi-sync",
      function: () => offerConversion("question"),
    },
  ],
  menuCommands: [{ path: ["Edit"], commands: [COMMAND] }],
  init: loadTexts,
  afterConfigureGraph(missing) {
    const { id } = app.rootGraph ?? app.graph
    const theirs = (missing ?? []).some((node) => THEIRS.test(node.type ?? node))
    if (!theirs || offered.has(id)) return
    offered.add(id)
    setTimeout(() => offerConversion("offer")) // the page must have opened the graph before it can open another
  },
})
