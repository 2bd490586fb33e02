/**
 * Playing the previews of a run. The server draws all frames of a clip in one picture, a sheet. The page's own listeners
 * never see a sheet: they get one frame of it after another, as if the server had sent that.
 */

import { app } from "../../../scripts/app.js"
import { api } from "../../../scripts/api.js"

const PREVIEW = "b_preview_with_metadata"
/** The same picture without the id of its node, for older listeners. */
const PLAIN_PREVIEW = "b_preview"
/** AnimateDiff's usual 8 frames a second. */
const FRAME_MS = 125

/** @type {Map<string, {columns: number, rows: number, moments: number}>} what the next preview of a node shows */
const announced = new Map()
/** @type {Map<string, {detail: object, sheet: object, picture: Promise<ImageBitmap>}>} the last sheet of each node */
const playing = new Map()
/** Pictures that are frames of a sheet, and those that are sheets. */
const frames = new WeakSet()
const sheets = new WeakSet()

let timer

/** The next preview of a node is a sheet. */
export const announce = (sheet) => announced.set(String(sheet.node), sheet)

export function stop(nodeId) {
  playing.delete(nodeId)
  if (playing.size) return
  clearInterval(timer)
  timer = undefined
}

export function stopAll() {
  announced.clear()
  for (const nodeId of [...playing.keys()]) stop(nodeId)
}

/** To be called when a file is loaded: the page adds its own listeners after that, and they must come later. */
export function listen() {
  api.addEventListener(PREVIEW, onPreview)
  api.addEventListener(PLAIN_PREVIEW, onPlainPreview)
}

function onPreview(event) {
  const { blob, nodeId } = event.detail
  if (frames.has(blob)) return
  const sheet = announced.get(nodeId)
  announced.delete(nodeId)
  if (!sheet) return stop(nodeId) // a picture of the finished frame
  event.stopImmediatePropagation()
  sheets.add(blob)
  playing.set(nodeId, { detail: event.detail, sheet, picture: createImageBitmap(blob) })
  timer ??= setInterval(showFrames, FRAME_MS)
}

function onPlainPreview(event) {
  if (sheets.has(event.detail)) event.stopImmediatePropagation()
}

async function showFrames() {
  const moment = Math.floor(performance.now() / FRAME_MS)
  for (const [nodeId, player] of [...playing]) {
    const blob = await frameOf(player, moment % player.sheet.moments)
    if (playing.get(nodeId) !== player) continue // a newer one came, or the run has ended
    frames.add(blob)
    api.dispatchEvent(new CustomEvent(PREVIEW, { detail: { ...player.detail, blob } }))
    api.dispatchEvent(new CustomEvent(PLAIN_PREVIEW, { detail: blob }))
    app.canvas?.setDirty(true, false)
  }
}

/** One frame as a picture of its own, as large as the sheet. Canvas nodes never draw a picture larger than it is. */
async function frameOf({ sheet, picture }, moment) {
  const bitmap = await picture
  const [width, height] = [bitmap.width / sheet.columns, bitmap.height / sheet.rows]
  const scale = Math.max(bitmap.width, bitmap.height) / Math.max(width, height)
  const canvas = new OffscreenCanvas(Math.round(width * scale), Math.round(height * scale))
  const context = canvas.getContext("2d")
  context.imageSmoothingQuality = "high"
  const [left, top] = [(moment % sheet.columns) * width, Math.floor(moment / sheet.columns) * height]
  context.drawImage(bitmap, left, top, width, height, 0, 0, canvas.width, canvas.height)
  return canvas.convertToBlob({ type: "image/jpeg", quality: 0.9 })
}
