/** Values of a node's inputs, as a run would see them. */

/** @returns the node and link that an input gets its value from, or undefined */
function originOf(node, name) {
  const id = node.inputs?.find((input) => input.name === name)?.link
  const link = id == null ? undefined : (node.graph?.getLink?.(id) ?? node.graph?.links?.[id])
  return link && node.graph.getNodeById(link.origin_id)
}

/** Whether another node, or the input of a subgraph, gives the value. */
export const isLinked = (node, name) => node.inputs?.find((input) => input.name === name)?.link != null

export const widgetOf = (node, name) => node.widgets?.find((widget) => widget.name === name)

/**
 * The value of an input. A link is followed to a node that holds one value, such as Int. The values of others are known
 * only when they run.
 * @returns {{value: *, isKnown: boolean}} the widget's own value if it is not known
 */
export function valueOf(node, name) {
  const own = widgetOf(node, name)?.value
  if (!isLinked(node, name)) return { value: own, isKnown: true }
  const given = widgetOf(originOf(node, name) ?? {}, "value")?.value
  return typeof given === typeof own ? { value: given, isKnown: true } : { value: own, isKnown: false }
}
