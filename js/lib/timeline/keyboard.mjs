/** The keyboard on a timeline: arrows move a key, Insert adds one, Delete removes it, Enter goes to its text. */

const FAR = 10

/** By the key that is pressed: how far it moves, in positions and in steps of the value. */
const WAYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] }

/**
 * @param {View} view
 * @param {object} on what to call: select(index), move(way), add(), remove(), open(index), cancel()
 */
export function listenToKeyboard(view, on) {
  const { flags, root } = view

  flags.addEventListener("focusin", (event) => on.select([...flags.children].indexOf(event.target)))
  flags.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const way = WAYS[event.key]
    const far = event.shiftKey ? FAR : 1
    if (way) on.move({ position: way[0] * far, steps: way[1] * far })
    else if (event.key === "Delete" || event.key === "Backspace") on.remove()
    else if (event.key === "Insert" || event.key === "+") on.add()
    else if (event.key === "Enter") on.open([...flags.children].indexOf(event.target))
    else if (event.key === "Escape") on.cancel()
    else return
    event.preventDefault()
    event.stopPropagation() // the page would delete or move the node
  })
  root.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches("input")) event.target.blur() // which is a change
  })
}
