/** Showing a report on a node: a read-only text below its widgets, in classic and Vue nodes. */

import { app } from "../../../scripts/app.js"
import { ComfyWidgets } from "../../../scripts/widgets.js"

const NAME = "animatediff_report"
const LINE_PIXELS = 17
const PADDING_PIXELS = 14
const CHARACTER_PIXELS = 6.02
/** Of a Vue node beside the letters: borders, padding, and room for a scroll bar. */
const SIDES_PIXELS = 64
/** Chinese letters are twice as wide, and lines break between any two of them. */
const PARTS = /[\u2e80-\uffff]|[^\s\u2e80-\uffff]+\s?/g

/** Vue nodes read the options that the first report of a node had. Later ones use them too, or keep its height. */
const firstOptions = new Map()

function addWidget(node, label) {
  const { widget } = ComfyWidgets.STRING(node, NAME, ["STRING", { multiline: true }], app)
  const key = `${node.graph?.rootGraph?.id} ${node.id}`
  widget.options = Object.assign(firstOptions.get(key) ?? widget.options, widget.options)
  firstOptions.set(key, widget.options)
  widget.label = label
  widget.serialize = false // neither in the saved graph
  widget.options.serialize = false // nor in the prompt
  widget.options.read_only = true
  const element = widget.element ?? widget.inputEl
  element.readOnly = true
  element.dataset.testid = "animatediff-report"
  widget.options.getMinHeight = () => linesOf(widget.value, node.size[0]) * LINE_PIXELS + PADDING_PIXELS
  return widget
}

/** The number of lines of a text in a node of a width. */
function linesOf(text, width) {
  const columns = Math.max(20, Math.floor((width - SIDES_PIXELS) / CHARACTER_PIXELS))
  let lines = 0
  for (const paragraph of text.split("\n")) {
    let column = 0
    lines += 1
    for (const part of paragraph.match(PARTS) ?? []) {
      const size = part >= "\u2e80" ? 2 : part.trimEnd().length
      if (column && column + size > columns) {
        column = 0
        lines += 1
      }
      lines += Math.ceil(size / columns) - 1 // a file name that is longer than a line
      column += part >= "\u2e80" ? 2 : part.length
    }
  }
  return lines
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
    widget.options.rows = linesOf(text, node.size[0]) // Vue nodes make room for it
  }
  const [width, height] = node.computeSize()
  node.setSize([Math.max(node.size[0], width), text ? Math.max(node.size[1], height) : height])
  node.setDirtyCanvas?.(true, true)
}
