/** The element of a timeline: a ruler, a track with keys over a picture, and a row of fields and buttons. */

import { drawPicture } from "./picture.mjs"
import { percentOf, percentOfValue, ticks, valueTicks } from "./scale.mjs"

function make(tag, className, parent, attributes = {}) {
  const element = document.createElement(tag)
  element.className = className
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value)
  parent?.append(element)
  return element
}

/** A field for a number, behind its name. */
function makeField(row) {
  const label = make("label", "", row)
  make("span", "", label)
  return make("input", "adxl-field", label, { type: "number", step: "any" })
}

function name(element, text) {
  element.title = text
  element.setAttribute("aria-label", text)
}

export class View {
  constructor(hasValues) {
    this.hasValues = hasValues
    this.root = make("div", "adxl-timeline", null, { role: "group", "data-testid": "animatediff-timeline" })
    this.ruler = make("div", "adxl-ruler", this.root, { "aria-hidden": "true" })
    this.track = make("div", `adxl-track ${hasValues ? "adxl-strengths" : "adxl-prompts"}`, this.root)
    this.picture = document.createElementNS("http://www.w3.org/2000/svg", "svg")
    for (const [name, value] of [["viewBox", "0 0 100 100"], ["preserveAspectRatio", "none"], ["aria-hidden", "true"]])
      this.picture.setAttribute(name, value)
    this.track.append(this.picture)
    this.labels = make("div", "adxl-labels", this.track, { "aria-hidden": "true" })
    this.cursor = make("div", "adxl-cursor", this.track)
    this.flags = make("div", "adxl-flags", this.track)
    const row = make("div", "adxl-row", this.root)
    this.position = makeField(row)
    this.value = hasValues ? makeField(row) : null
    this.add = make("button", "adxl-button", row, { type: "button" })
    this.remove = make("button", "adxl-button", row, { type: "button" })
    this.add.textContent = "+"
    this.remove.textContent = "\u2212"
    this.message = make("span", "adxl-message", row, { role: "status" })
  }

  /** Words in the language of the page. unit: frame or step */
  name(texts, unit) {
    this.root.setAttribute("aria-label", texts.timeline)
    name(this.add, texts.add)
    name(this.remove, texts.remove)
    for (const [field, text] of [[this.position, texts[unit]], [this.value, texts.value]]) {
      if (!field) continue
      name(field, text)
      field.previousSibling.textContent = text
    }
  }

  /** Show a drawing, or an empty track if there is none. */
  draw(drawing, scale, selected) {
    this.root.classList.toggle("adxl-empty", !drawing)
    const keys = drawing?.keys ?? []
    if (drawing) this.drawPicture(drawing, scale)
    else this.picture.replaceChildren()
    this.drawRuler(drawing, scale)
    this.drawLabels(keys, scale)
    while (this.flags.childElementCount > keys.length) this.flags.lastChild.remove()
    while (this.flags.childElementCount < keys.length)
      make("div", "adxl-flag", this.flags, { role: "slider", tabindex: 0 })
    keys.forEach((key, index) => this.drawFlag(this.flags.children[index], key, scale, index === selected))
    this.drawFields(keys[selected], keys.length)
  }

  drawPicture(drawing, scale) {
    drawPicture(this.picture, drawing, scale)
  }

  drawRuler(drawing, scale) {
    this.ruler.replaceChildren()
    for (const position of drawing ? ticks(scale.end) : []) {
      const tick = make("span", "", this.ruler)
      tick.style.left = `${percentOf(position, scale.end)}%`
      tick.textContent = position
    }
  }

  /** Prompts in their colours from key to key, or the limits of the values. */
  drawLabels(keys, scale) {
    this.labels.replaceChildren()
    if (this.hasValues) {
      for (const value of keys.length ? valueTicks(scale.range) : []) {
        const label = make("span", "adxl-limit", this.labels)
        label.style.top = `${percentOfValue(value, scale.range)}%`
        label.textContent = Number(value.toFixed(2))
      }
      return
    }
    keys.forEach((key, index) => {
      const label = make("span", "adxl-prompt", this.labels)
      const next = keys[index + 1]?.position ?? scale.end + 1
      label.style.left = `${percentOf(key.position, scale.end)}%`
      label.style.width = `${percentOf(next, scale.end) - percentOf(key.position, scale.end)}%`
      label.textContent = key.label
    })
  }

  drawFlag(flag, key, scale, isSelected) {
    flag.classList.toggle("adxl-selected", isSelected)
    flag.title = this.hasValues ? key.label : `${key.position}: ${key.label}`
    flag.setAttribute("aria-label", flag.title)
    flag.setAttribute("aria-valuemin", 0)
    flag.setAttribute("aria-valuemax", scale.end)
    this.placeFlag(flag, key, scale)
  }

  placeFlag(flag, { position, value }, scale) {
    flag.setAttribute("aria-valuenow", position)
    flag.style.left = `${percentOf(position, scale.end)}%`
    if (this.hasValues) flag.style.top = `${percentOfValue(value, scale.range)}%`
  }

  /** @param {object} [key] the selected one */
  drawFields(key, count) {
    for (const [field, value] of [[this.position, key?.position], [this.value, key?.value]]) {
      if (!field) continue
      field.disabled = !key
      field.value = value ?? ""
    }
    this.add.disabled = !count
    this.remove.disabled = !key || count < 2
  }

  /** A line at the place where the next key is added. */
  placeCursor(position, scale) {
    this.cursor.hidden = position === null
    if (position !== null) this.cursor.style.left = `${percentOf(position, scale.end)}%`
  }

  say(text, isError) {
    this.message.textContent = text
    this.message.title = text
    this.message.classList.toggle("adxl-error", isError)
  }
}
