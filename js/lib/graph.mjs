/** Finding nodes of a graph by the ids that ComfyUI's server uses. */

/**
 * @param graph the root graph
 * @param {string} executionId "7", or "3:7" for node 7 in subgraph node 3
 * @returns {object|undefined} the node, or undefined if it is not in the graph
 */
export function nodeOf(graph, executionId) {
  let node
  for (const id of String(executionId).split(":")) {
    node = graph?.getNodeById(isNaN(id) ? id : Number(id))
    graph = node?.subgraph
  }
  return node
}
