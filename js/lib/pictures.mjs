/** Room on a node for the picture that a run shows on it, in classic and Vue nodes. */

import { api } from "../../../scripts/api.js"

const KIND = "ADXL_MeasureMotion"
/** ComfyUI's own widget for pictures in classic nodes, and the height that computeSize() adds for it. */
const PREVIEW = { name: "$$canvas-image-preview", height: 224 }
/** What a Vue node has beside its picture, and above and below it more than computeSize() says. */
const BESIDE = { width: 16, height: 86 }
const TEXT_PIXELS = 80
/** A taller node would not fit on a screen, even at half its size. */
const MOST_PIXELS = 1600

/** In Vue nodes widgets with texts take half of the height, whatever they need. */
const STYLE = `.lg-node-widgets:has([node-type="${KIND}"]):has(+ div .image-preview) { flex: none !important }`

/** The shape of the last picture of each node. A node that a person makes smaller stays so, also when opened again. */
const shapes = new Map()

export function addStyle() {
  document.head.appendChild(document.createElement("style")).textContent = STYLE
}

/** Make a node as tall as its picture needs at the node's width. The key names the node, also when opened again. */
export function makeRoom(node, key, file) {
  if (!file || node?.comfyClass !== KIND) return
  const picture = new Image()
  picture.onload = () => {
    // in classic nodes texts would take an equal share of the room
    for (const { element, options } of node.widgets) {
      if (element) options.getMaxHeight = () => options.getMinHeight?.() ?? TEXT_PIXELS
    }
    const shape = picture.naturalHeight / picture.naturalWidth
    if (shapes.get(key) !== shape) grow(node, Math.min(picture.naturalHeight, (node.size[0] - BESIDE.width) * shape))
    shapes.set(key, shape)
  }
  picture.src = api.apiURL(`/view?${new URLSearchParams(file)}`)
}

function grow(node, pictureHeight) {
  const preview = node.widgets.some(({ name }) => name === PREVIEW.name) ? PREVIEW.height : 0
  const height = node.computeSize()[1] - preview + BESIDE.height + pictureHeight
  node.setSize([node.size[0], Math.max(node.size[1], Math.min(height, MOST_PIXELS))])
  node.setDirtyCanvas(true, true)
}
