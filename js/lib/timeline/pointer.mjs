/** Mouse, pen and touch on a timeline. */

import { app } from "../../../../scripts/app.js"
import { positionAt, valueAt } from "./scale.mjs"

/** Position and value below the pointer, however far the canvas is zoomed. */
function placeOf(event, track, { end, range }) {
  const { left, top, width, height } = track.getBoundingClientRect()
  return {
    position: positionAt((event.clientX - left) / width, end),
    value: range ? valueAt((event.clientY - top) / height, range) : 0,
  }
}

/**
 * Report what a person does with keys.
 * @param {View} view
 * @param {() => object | null} scaleNow null if there is nothing to edit
 * @param {object} on what to call: select(index), drag(index, way, scale), drop(index, way), cancel(), point(place),
 *     add(place), open(index). A way is how far the pointer has gone, {position, value}.
 */
export function listenToPointer(view, scaleNow, on) {
  const { track, flags } = view
  let dragged = null

  const indexOf = (target) => [...flags.children].indexOf(target)
  const cancel = () => {
    dragged = null
    on.cancel()
  }

  track.addEventListener("pointerdown", (event) => {
    const scale = scaleNow()
    if (event.button !== 0 || !scale || dragged) return
    const from = placeOf(event, track, scale)
    const index = indexOf(event.target)
    if (index < 0) return on.point(from)
    event.target.setPointerCapture(event.pointerId)
    dragged = { index, scale, from, way: null }
    on.select(index)
  })
  track.addEventListener("pointermove", (event) => {
    if (!dragged) return
    const { position, value } = placeOf(event, track, dragged.scale)
    const way = { position: position - dragged.from.position, value: value - dragged.from.value }
    const last = dragged.way ?? { position: 0, value: 0 }
    if (way.position === last.position && way.value === last.value) return
    dragged.way = way
    on.drag(dragged.index, way, dragged.scale)
  })
  track.addEventListener("pointerup", () => {
    const { index, way } = dragged ?? {}
    dragged = null
    if (way) on.drop(index, way)
  })
  track.addEventListener("pointercancel", cancel)
  track.addEventListener("dblclick", (event) => {
    const scale = scaleNow()
    if (!scale) return
    const index = indexOf(event.target)
    if (index < 0) on.add(placeOf(event, track, scale))
    else on.open(index)
  })
  return { cancel, isDragging: () => dragged !== null }
}

/** A classic node has no element: what an element above it does not use must reach the canvas, as with its texts. */
export function passToCanvas(element) {
  const pass = (type, process, isMeant) =>
    element.addEventListener(type, (event) => {
      if (LiteGraph.vueNodesMode || !isMeant(event)) return
      event.preventDefault()
      app.canvas[process](event)
    })
  pass("wheel", "processMouseWheel", () => true)
  pass("pointerdown", "processMouseDown", (event) => event.button === 1)
  pass("pointermove", "processMouseMove", (event) => event.buttons & 4)
  pass("pointerup", "processMouseUp", (event) => event.button === 1)
}
