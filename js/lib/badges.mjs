/**
 * A report of a node in a subgraph, as a badge on the node of the subgraph, which takes no widgets from extensions.
 * Vue nodes do not draw a new badge at once.
 */

const MOST_CHARACTERS = 60
const BADGE = Symbol("badge of AnimateDiff XL")

/** @param {string} text the report. Its last line is shown, because warnings come last. None if it is empty. */
export function showBadge(subgraphNode, text) {
  const line = text.split("\n").at(-1)
  const short = line.length > MOST_CHARACTERS ? `${line.slice(0, MOST_CHARACTERS)}…` : line
  subgraphNode.badges = subgraphNode.badges.filter((badge) => !badge[BADGE])
  if (short) subgraphNode.badges.push(Object.assign(new LGraphBadge({ text: short }), { [BADGE]: true }))
  subgraphNode.setDirtyCanvas(true, true)
}
