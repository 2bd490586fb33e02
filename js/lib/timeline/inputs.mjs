/** Values of a node's inputs, as a run would see them. */

import { valueOf as valueInRun } from "../links.mjs"

/** Whether another node, or the input of a subgraph, gives the value. */
export const isLinked = (node, name) => node.inputs?.find((input) => input.name === name)?.link != null

export const widgetOf = (node, name) => node.widgets?.find((widget) => widget.name === name)

/** @returns {{value: *, isKnown: boolean}} the widget's own value if only a run knows the one that is linked */
export function valueOf(node, name) {
  const own = widgetOf(node, name)?.value
  const value = valueInRun(node, name)
  return typeof value === typeof own ? { value, isKnown: true } : { value: own, isKnown: false }
}
