/** Finding nodes of a graph by the ids that ComfyUI's server uses. */

/**
 * @param graph the root graph
 * @param {string} executionId "7", or "3:7" for node 7 in subgraph node 3
 * @returns {object[]} the node and the subgraph nodes around it, outermost first; empty if one is not in the graph
 */
export function nodesOnPath(graph, executionId) {
  const path = []
  for (const id of String(executionId).split(":")) {
    const node = graph?.getNodeById(isNaN(id) ? id : Number(id))
    if (!node) return []
    path.push(node)
    graph = node.subgraph
  }
  return path
}
