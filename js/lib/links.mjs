/** Following links in both directions: through subgraphs, reroutes, and nodes that are bypassed or muted. */

import { app } from "../../../scripts/app.js"

/** Origin and target of links at the border of a subgraph. Newer pages have ids as texts. */
const [INPUTS, OUTPUTS] = [-10, -20]
const [MUTED, BYPASSED] = [2, 4]

const inputNamed = (node, name) => node.inputs?.find((input) => input.name === name)

/** The node of the open workflow that stands for a subgraph: the first, if there are several. */
function nodeOf(subgraph, within = app.rootGraph ?? app.graph) {
  for (const node of within.nodes) {
    if (node.subgraph === subgraph) return node
    const inside = node.subgraph && nodeOf(subgraph, node.subgraph)
    if (inside) return inside
  }
}

/** The socket that a node only passes on from or to: the first of the same type. Undefined if it does not pass on. */
const passedOn = (node, sockets, type) =>
  node.mode === BYPASSED || node.type === "Reroute"
    ? sockets.find((socket) => node.type === "Reroute" || socket.type === type)
    : undefined

/** @returns {object|undefined} the node that is really linked to an input, or that has the widget for it */
export function originOf(node, input) {
  const link = input?.link != null && node.graph?.getLink(input.link)
  if (!link) return undefined
  if (Number(link.origin_id) === INPUTS) {
    const outer = nodeOf(node.graph)
    const outside = outer?.inputs[link.origin_slot]
    return outside?.link == null ? outer && { widgets: outer.widgets, promoted: outside?.name } : originOf(outer, outside)
  }
  return sourceOf(node.graph, link)
}

function sourceOf(graph, link) {
  const source = graph.getNodeById(link.origin_id)
  if (!source || source.mode === MUTED) return undefined
  if (source.mode !== BYPASSED && source.subgraph) {
    const inside = source.subgraph.getLink(source.subgraph.outputs[link.origin_slot]?.linkIds[0])
    return inside && sourceOf(source.subgraph, inside)
  }
  const passed = passedOn(source, source.inputs ?? [], source.outputs?.[link.origin_slot]?.type)
  return source.mode === BYPASSED || passed ? originOf(source, passed) : source
}

/** @returns {object[]} the nodes that are really linked to the outputs of a type */
export function consumersOf(node, type) {
  const slots = (node.outputs ?? []).filter((output) => output.type === type)
  return slots.flatMap((output) => targetsOf(node.graph, output.links, type))
}

function targetsOf(graph, links, type) {
  return [...(links ?? [])].flatMap((id) => {
    const link = graph.getLink(id)
    if (Number(link?.target_id) === OUTPUTS) {
      const outer = nodeOf(graph)
      return outer ? targetsOf(outer.graph, outer.outputs[link.target_slot]?.links, type) : []
    }
    const target = link && graph.getNodeById(link.target_id)
    if (!target || target.mode === MUTED) return []
    if (target.mode !== BYPASSED && target.subgraph) {
      return targetsOf(target.subgraph, target.subgraph.inputs[link.target_slot]?.linkIds, type)
    }
    const passed = passedOn(target, target.outputs ?? [], type)
    return target.mode === BYPASSED || passed ? targetsOf(graph, passed?.links, type) : [target]
  })
}

/** @returns {object|undefined} the node that is linked to an input, by its name */
export const linkedTo = (node, name) => originOf(node, inputNamed(node, name))

/** The value of a widget, or of the widget of a node whose only purpose is a value. Undefined if only a run knows it. */
export function valueOf(node, name) {
  const widget = node.widgets?.find((candidate) => candidate.name === name)
  if (inputNamed(node, name)?.link == null) return widget?.value
  const source = linkedTo(node, name)
  if (source?.inputs?.some((input) => input.link != null)) return undefined
  return source?.widgets?.find((candidate) => candidate.name === (source.promoted ?? "value"))?.value
}
