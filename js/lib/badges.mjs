/**
 * A report of a node in a subgraph, as a badge on the node of the subgraph.
 * Nodes of subgraphs take no widgets from extensions. The Vue renderer draws no badges on them.
 */

const MOST_CHARACTERS = 80
const BADGE = Symbol("badge of AnimateDiff XL")

/** @param {string} text the report. Its last line is shown, because warnings come last. None if it is empty. */
export function showBadge(subgraphNode, text) {
  const line = text.split("\n").at(-1)
  const short = line.length > MOST_CHARACTERS ? `${line.slice(0, MOST_CHARACTERS)}…` : line
  subgraphNode.badges = subgraphNode.badges.filter((badge) => !badge[BADGE])
  if (short) subgraphNode.badges.push(Object.assign(new LGraphBadge({ text: short }), { [BADGE]: true }))
  subgraphNode.setDirtyCanvas(true, true)
}
