/** A picture with a text below, on a node, in classic and Vue nodes. */

const NAME = "animatediff_plan"
/** One height for all plans, so that a node keeps its size when values change. A larger node has a larger picture. */
const HEIGHT = 170

function addWidget(node) {
  const element = document.createElement("div")
  element.dataset.testid = "animatediff-plan"
  Object.assign(element.style, {
    display: "flex",
    flexDirection: "column",
    gap: "4px",
    minHeight: `${HEIGHT}px`,
    overflow: "hidden",
    pointerEvents: "none", // the canvas is dragged there, as elsewhere on a node
  })
  const picture = element.appendChild(document.createElement("img"))
  Object.assign(picture.style, { flex: "0 1 auto", minHeight: "0", objectFit: "contain", objectPosition: "top" })
  const text = element.appendChild(document.createElement("div"))
  Object.assign(text.style, { fontSize: "11px", whiteSpace: "pre-line" })
  const widget = node.addDOMWidget(NAME, NAME, element, { serialize: false, getMinHeight: () => HEIGHT })
  widget.serialize = false
  const [width, height] = node.computeSize()
  node.setSize([Math.max(node.size[0], width), Math.max(node.size[1], height)])
  return widget
}

const planOf = (node) => node.widgets?.find((widget) => widget.name === NAME)

/**
 * @param {string} address of a picture; none if it is empty
 * @param {boolean} [isError] whether the text says why there is no plan
 */
export function showPlan(node, address, lines, isError = false) {
  const [picture, text] = (planOf(node) ?? addWidget(node)).element.children
  picture.style.display = address ? "" : "none"
  if (address) picture.src = address
  text.textContent = lines
  text.style.color = isError ? "var(--error-text, #ff4444)" : "var(--descrip-text, #999)"
}

export function removePlan(node) {
  const widget = planOf(node)
  if (!widget) return
  node.removeWidget ? node.removeWidget(widget) : node.widgets.splice(node.widgets.indexOf(widget), 1)
  node.setSize([node.size[0], node.computeSize()[1]])
  node.setDirtyCanvas?.(true, true)
}
