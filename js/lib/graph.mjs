/** Finding nodes of a graph by the ids that ComfyUI's server uses. */

/**
 * @param graph the root graph
 * @param {string} executionId "7", or "3:7" for node 7 in subgraph node 3
 * @returns {object[]} the subgraph nodes around a node, from the outside, and last the node; empty if it is not there
 */
export function pathTo(graph, executionId) {
  const path = []
  for (const id of String(executionId).split(":")) {
    const node = graph?.getNodeById(isNaN(id) ? id : Number(id))
    if (!node) return []
    path.push(node)
    graph = node.subgraph
  }
  return path
}
