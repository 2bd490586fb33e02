/** A report of a node in a subgraph, as a badge on the node of the subgraph, which takes no widgets from extensions. */

const MOST_CHARACTERS = 60

/** Texts of badges, by subgraph node. */
const texts = new WeakMap()

/**
 * Vue nodes draw the badges that a node is created with. They call one that is a function again when what it read last
 * time has changed, and a node's inputs are the only such thing that an extension can change.
 */
export function addBadge(subgraphNode) {
  subgraphNode.badges.push(() => {
    void subgraphNode.inputs.length
    return new LGraphBadge({ text: texts.get(subgraphNode) ?? "" })
  })
}

/** @param {string} text the report. Its last line is shown, because warnings come last. None if it is empty. */
export function showBadge(subgraphNode, text) {
  const line = text.split("\n").at(-1)
  texts.set(subgraphNode, line.length > MOST_CHARACTERS ? `${line.slice(0, MOST_CHARACTERS)}…` : line)
  subgraphNode.inputs.push({ name: "", type: "*" }) // Vue nodes notice that inputs changed, and look at the end
  subgraphNode.inputs.pop()
  subgraphNode.setDirtyCanvas(true, true)
}
