/** Graphs of AnimateDiff-Evolved: asking the server to convert one, and putting the result in its place. */

import { app } from "../../../scripts/app.js"
import { translate } from "./messages.mjs"
import { ask } from "./server.mjs"
import { textsOfPage } from "./texts.mjs"

const PATH = "/animatediff_xl/convert"
const MOST_LINES = 12
const NOTE_SIZE = [420, 480]
const NOTE_MARGIN = 40
/** Time in which the page measures its nodes. */
const MEASURED_MS = 500

const rootGraph = () => app.rootGraph ?? app.graph

const filled = (text, count) => text.replace("{count}", count)

const line = (entry, texts) => {
  const advice = entry.advice ? ` ${translate(entry.advice, texts)}` : ""
  return `${entry.node} (${entry.id}): ${translate(entry.what, texts)}${advice}`
}

/** Say in a corner of the page what happened. */
const tell = (severity, summary, detail) => app.extensionManager.toast.add({ severity, summary, detail, life: 10_000 })

async function converted(graph) {
  const result = await ask(PATH, { graph })
  if (result.error) throw Error(result.error)
  return result
}

/**
 * Convert the open graph, after a question that says what has to be looked at.
 * @param {string} question the name of its text
 */
export async function offerConversion(question) {
  const texts = textsOfPage()
  const { title, more, nothing, done, failed } = texts.conversion
  try {
    const { graph, report } = await converted(rootGraph().serialize())
    const count = new Set(report.map((entry) => entry.id)).size
    if (!count) return tell("info", nothing)
    const open = report.filter((entry) => entry.advice).map((entry) => line(entry, texts))
    const itemList = open.slice(0, MOST_LINES)
    if (open.length > MOST_LINES) itemList.push(filled(more, open.length - MOST_LINES))
    const message = filled(texts.conversion[question], count)
    if (!(await app.extensionManager.dialog.confirm({ title, message, itemList }))) return
    await replaceGraph(withNote(graph, report))
    tell("success", done)
  } catch (error) {
    tell("error", failed, translate(error.message, texts))
  }
}

/** The graph with a note beside it that has the report. */
function withNote(graph, report) {
  const texts = textsOfPage()
  const id = 1 + Math.max(0, ...graph.nodes.map((node) => node.id).filter(Number.isInteger), graph.last_node_id ?? 0)
  const text = [`# ${texts.conversion.note}`, ...report.map((entry) => `- ${line(entry, texts)}`)].join("\n")
  const [left, top] = [0, 1].map((axis) => Math.min(0, ...graph.nodes.map((node) => node.pos[axis])))
  const note = {
    id,
    type: "MarkdownNote",
    title: texts.conversion.note,
    pos: [left - NOTE_SIZE[0] - NOTE_MARGIN, top],
    size: NOTE_SIZE,
    mode: 0,
    widgets_values: [text],
  }
  return { ...graph, nodes: [...graph.nodes, note], last_node_id: id }
}

/** Show another graph in place of the open one, as a step that undo takes back. */
async function replaceGraph(graph) {
  const history = app.extensionManager.workflow.activeWorkflow.changeTracker
  history.captureCanvasState ? history.captureCanvasState() : history.checkState()
  history.redoQueue = []
  await history.updateState([graph], history.undoQueue)
  await new Promise((resolve) => setTimeout(resolve, MEASURED_MS))
  // with the sizes of the new nodes, which would be another step; the page compares JSON
  history.activeState = JSON.parse(JSON.stringify(rootGraph().serialize()))
}
