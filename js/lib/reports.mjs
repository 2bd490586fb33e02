/** Showing a report on a node: a read-only text below its widgets, in classic and Vue nodes. */

import { app } from "../../../scripts/app.js"
import { ComfyWidgets } from "../../../scripts/widgets.js"

const NAME = "animatediff_report"
const LINE_PIXELS = 17
const PADDING_PIXELS = 14
const CHARACTER_PIXELS = 6.5
const WIDE = /[^\x00-\xff]/g // Chinese characters take the room of two others

function addWidget(node, label) {
  const { widget } = ComfyWidgets.STRING(node, NAME, ["STRING", { multiline: true }], app)
  widget.label = label
  widget.serialize = false // neither in the saved graph
  widget.options.serialize = false // nor in the prompt
  widget.options.read_only = true
  const element = widget.element ?? widget.inputEl
  element.readOnly = true
  element.dataset.testid = "animatediff-report"
  widget.options.getMinHeight = () => heightOf(widget.value, node.size[0])
  return widget
}

function heightOf(text, width) {
  const perLine = Math.max(20, Math.floor((width - 40) / CHARACTER_PIXELS))
  const lengths = text.replace(WIDE, "  ").split("\n").map((line) => line.length)
  const lines = lengths.reduce((sum, length) => sum + Math.max(1, Math.ceil(length / perLine)), 0)
  return lines * LINE_PIXELS + PADDING_PIXELS
}

/** Show a text on a node, below a label in Vue nodes, or take it away if the text is empty. */
export function showReport(node, text, label) {
  let widget = node.widgets?.find((candidate) => candidate.name === NAME)
  if ((widget?.value ?? "") === text) return
  if (!text) {
    if (widget) node.removeWidget ? node.removeWidget(widget) : node.widgets.splice(node.widgets.indexOf(widget), 1)
  } else {
    widget ??= addWidget(node, label)
    widget.value = text
  }
  const [width, height] = node.computeSize()
  node.setSize([Math.max(node.size[0], width), text ? Math.max(node.size[1], height) : height])
  node.setDirtyCanvas?.(true, true)
}
