/**
 * A timeline on a node: it draws the text of another widget, and changes that text where a person edits the drawing.
 *
 * The text can change in many ways: typed, pasted, undone, in a subgraph's node, by another extension. So a timeline
 * that can be seen looks at it a few times a second. It asks the server only for a text that has rested for that time.
 */

import { app } from "../../../../scripts/app.js"
import { translate } from "../messages.mjs"
import { ask } from "../server.mjs"
import { textsOfPage } from "../texts.mjs"
import { isLinked, valueOf, widgetOf } from "./inputs.mjs"
import { listenToKeyboard } from "./keyboard.mjs"
import { latest } from "./latest.mjs"
import { listenToPointer, passToCanvas } from "./pointer.mjs"
import { rangeOf, valueStep } from "./scale.mjs"
import { View } from "./view.mjs"

const NAME = "animatediff_timeline"
const PATH = "/animatediff_xl/timeline"
const REST_MS = 150
const AGAIN_MS = 5000
/** Of a classic node's elements, above and below. */
const MARGINS = 20

/** Put a timeline above the text of a node. */
export function addTimeline(node, settings) {
  const { root } = new Timeline(node, settings).view
  const widget = node.addDOMWidget(NAME, NAME, root, { serialize: false })
  widget.serialize = false
  widget.computeLayoutSize = undefined // it does not grow with the node: the text does
  widget.computeSize = () => [0, settings.height]
  root.style.minHeight = `${settings.height - MARGINS}px`
  node.setSize([node.size[0], node.size[1] + settings.height]) // a new node keeps the room for its text
  node.widgets.splice(node.widgets.indexOf(widget), 1)
  node.widgets.splice(node.widgets.indexOf(widgetOf(node, settings.text)), 0, widget)
  const { onSerialize } = node
  node.onSerialize = function (data) {
    onSerialize?.call(this, data)
    data.widgets_values = data.widgets_values?.filter(() => true) // the page leaves a hole for it
  }
}

class Timeline {
  constructor(node, settings) {
    this.node = node
    this.settings = settings
    this.view = new View(settings.hasValues)
    this.drawing = null
    this.selected = 0
    this.cursor = null
    /** The state that was last seen, and the one that is drawn. */
    this.seen = this.drawn = ""
    this.edits = Promise.resolve()
    this.preview = latest((edit, scale) => this.drawPreview(edit, scale))
    const on = this.actions()
    this.pointer = listenToPointer(this.view, () => this.scale(), on)
    listenToKeyboard(this.view, { ...on, cancel: this.pointer.cancel })
    passToCanvas(this.view.root)
    this.listenToFields()
    this.watch()
  }

  get texts() {
    return textsOfPage().timeline
  }

  watch() {
    let timer
    new IntersectionObserver(([{ isIntersecting }]) => {
      clearInterval(timer)
      if (isIntersecting) timer = setInterval(() => this.look(), REST_MS)
    }).observe(this.view.root)
  }

  /** Draw what the node has now, if it has changed and rests. */
  look() {
    if (this.pointer.isDragging() || this.isReplaced()) return
    const now = this.state()
    if (now === this.seen && now !== this.drawn) this.update()
    this.seen = now
  }

  /** Whether another node has come in its place, as after undo. Some Vue nodes keep the element of the first. */
  isReplaced() {
    const { root } = this.view
    const shownOn = root.closest("[data-node-id]")?.dataset.nodeId
    const node = shownOn === String(this.node.id) ? app.canvas.graph?.getNodeById(this.node.id) : null
    const element = widgetOf(node ?? this.node, NAME)?.element ?? root
    if (element !== root) root.replaceWith(element)
    return element !== root
  }

  /** All that a drawing depends on. */
  state() {
    return this.whyNotDrawn() ?? JSON.stringify(this.request())
  }

  /** Draw what the node has now. */
  async update() {
    const now = (this.drawn = this.state())
    const why = this.whyNotDrawn()
    if (why) return this.show(null, why)
    try {
      const reply = await ask(PATH, this.request())
      if (this.drawn === now) this.show(reply)
    } catch {
      this.failed()
    }
  }

  /** The server did not answer: ask again a while later. */
  failed() {
    this.show(null, this.texts.offline)
    setTimeout(() => (this.drawn = ""), AGAIN_MS)
  }

  /** The reason why the text says nothing about a run, if there is one. */
  whyNotDrawn() {
    const { text, replacedBy } = this.settings
    if (replacedBy.some((name) => isLinked(this.node, name))) return this.texts.replaced
    return isLinked(this.node, text) ? this.texts.linked : null
  }

  /** What the server is asked: for the drawing, or for the text after an edit if it has one. */
  request() {
    const { text, inputs } = this.settings
    const values = inputs.map((name) => [name, valueOf(this.node, name).value])
    return {
      node: this.node.comfyClass,
      inputs: { ...Object.fromEntries(values), [text]: widgetOf(this.node, text).value },
    }
  }

  /** Show a reply of the server, or why there is none. */
  show(reply, why) {
    const error = why ?? (reply.error && translate(reply.error, textsOfPage()))
    this.drawing = error ? null : reply
    this.selected = Math.min(this.selected, (this.drawing?.keys.length ?? 1) - 1)
    this.redraw()
    this.view.say(error ?? this.hint(), Boolean(reply?.error))
  }

  hint() {
    const guessed = this.settings.inputs.find((name) => !valueOf(this.node, name).isKnown)
    return guessed ? this.texts.guessed.replace("{value}", valueOf(this.node, guessed).value) : this.texts.hint
  }

  redraw() {
    const unit = valueOf(this.node, "over").value === "sampling steps" ? "step" : "frame"
    this.view.name(this.texts, unit)
    this.view.draw(this.drawing, this.scale(), this.selected)
    if (!this.drawing || this.cursor > this.drawing.end) this.cursor = null
    this.view.placeCursor(this.cursor, this.scale())
  }

  /** Where positions and values are drawn. */
  scale() {
    const { drawing } = this
    return drawing && { end: drawing.end, range: this.settings.hasValues ? rangeOf(drawing) : null }
  }

  actions() {
    return {
      select: (index) => {
        if (index === this.selected) return
        this.selected = index
        this.redraw()
      },
      point: ({ position }) => {
        this.cursor = position
        this.redraw()
      },
      drag: (index, way, scale) => {
        if (!this.drawing?.keys[index]) return
        const key = this.keyAfter(index, way)
        const flag = this.view.flags.children[index]
        this.view.placeFlag(flag, key, scale)
        this.view.drawFields(key, this.drawing.keys.length)
        this.preview(moveOf(index, way, key), scale).catch(() => {}) // the drop asks again
      },
      drop: (index, way) =>
        this.edit(() => this.drawing.keys[index] && moveOf(index, way, this.keyAfter(index, way))),
      cancel: () => this.drawing && this.show(this.drawing),
      add: (place) => this.edit(() => this.addition(place)),
      move: ({ position, steps }) =>
        this.edit(() => {
          const way = { position, value: this.settings.hasValues ? steps * valueStep(this.scale().range) : 0 }
          if (way.position || way.value) return moveOf(this.selected, way, this.keyAfter(this.selected, way))
        }),
      remove: () => this.edit(() => this.drawing.keys.length > 1 && { kind: "remove", key: this.selected }),
      open: (index) => this.openText(this.drawing.keys[index]),
    }
  }

  listenToFields() {
    const { position, value, add, remove } = this.view
    const on = this.actions()
    const type = (field, name) =>
      field?.addEventListener("change", () => {
        const number = Number(field.value)
        if (field.value.trim() && Number.isFinite(number) && (name === "value" || number >= 0))
          this.edit(() => ({ kind: "move", key: this.selected, [name]: number }))
        else this.redraw()
      })
    type(position, "position")
    type(value, "value")
    add.addEventListener("click", () => on.add())
    remove.addEventListener("click", on.remove)
  }

  /** A key after it was moved. */
  keyAfter(index, way) {
    const { position, value } = this.drawing.keys[index]
    const end = Math.max(this.drawing.end, position)
    return {
      position: Math.min(end, Math.max(0, position + way.position)),
      value: value === null ? null : Number((value + way.value).toFixed(4)),
    }
  }

  /** @param {{position, value}} [place] else the cursor, or the middle between the selected key and the next one */
  addition(place) {
    const { keys, end } = this.drawing
    const next = keys[this.selected + 1]?.position ?? end + 1
    const position = place?.position ?? this.cursor ?? Math.floor((keys[this.selected].position + next) / 2)
    return { kind: "add", position, ...(place && this.settings.hasValues && { value: place.value }) }
  }

  /** Edit the text, after the edits before. edit: gives what the server is asked for, or nothing. */
  edit(edit) {
    this.edits = this.edits.then(() => this.apply(edit)).catch(() => this.failed())
  }

  async apply(edit) {
    const before = this.state()
    if (before !== this.drawn) await this.update() // typed a moment ago
    const change = this.drawing && edit()
    if (!change) return
    const reply = await ask(PATH, { ...this.request(), edit: change })
    if (this.state() !== before) return // typed meanwhile
    if (reply.error) {
      this.redraw()
      this.view.say(translate(reply.error, textsOfPage()), true)
    } else this.commit(reply)
  }

  /** Write the text after an edit, as one step that undo takes back. */
  commit(reply) {
    const hadFocus = this.view.flags.contains(document.activeElement)
    if (reply.edited !== null) this.selected = reply.edited
    this.cursor = null
    if (reply.text !== this.drawing.text) {
      app.canvas.emitBeforeChange()
      widgetOf(this.node, this.settings.text).value = reply.text
      app.canvas.emitAfterChange()
    }
    this.seen = this.drawn = this.state()
    this.show(reply)
    if (hadFocus) this.view.flags.children[this.selected]?.focus()
  }

  /** Show how the clip will be while a key is dragged. */
  async drawPreview(edit, scale) {
    const reply = await ask(PATH, { ...this.request(), edit })
    if (!this.pointer.isDragging()) return
    if (!reply.error) {
      this.view.drawPicture(reply, scale)
      this.view.drawLabels(reply.keys, scale)
    }
    this.view.say(reply.error ? translate(reply.error, textsOfPage()) : this.hint(), Boolean(reply.error))
  }

  /** Mark what a key says in the text, so that typing replaces it. */
  openText(key) {
    const widget = widgetOf(this.node, this.settings.text)
    const area = this.view.root.closest("[data-node-id]")?.querySelector("textarea") ?? widget.element ?? widget.inputEl
    area?.focus()
    area?.setSelectionRange(...key.span)
  }
}

/** The edit that moves a key. What does not change is not written. */
const moveOf = (key, way, { position, value }) => ({
  kind: "move",
  key,
  ...(way.position && { position }),
  ...(way.value && { value }),
})
