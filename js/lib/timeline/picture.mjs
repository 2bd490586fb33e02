/** What lies below the keys: the shares of prompts as coloured areas, or a curve. */

import { percentOf, percentOfValue } from "./scale.mjs"

const SVG = "http://www.w3.org/2000/svg"
/** Hues that differ from their neighbours. White letters can be read on all of them. */
const HUES = [212, 28, 150, 280, 345, 180, 60, 245]

const colourOf = (prompt) => `hsl(${HUES[prompt % HUES.length]} 48% 40%)`

function shape(name, attributes) {
  const element = document.createElementNS(SVG, name)
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value)
  return element
}

/** Percent by which columns reach into the next one, so that no gap shows between them. */
const OVERLAP = 0.1

/** @param {SVGElement} svg 100 wide and high, stretched over the track */
export function drawPicture(svg, drawing, scale) {
  svg.replaceChildren(...(drawing.curve.length ? curve(drawing, scale) : areas(drawing, scale)))
}

/** A column for each frame. The prompt to which it goes rises from below. */
function areas({ shares, prompts }, { end }) {
  const width = 100 / (end + 1)
  const paths = Array.from({ length: prompts }, () => "")
  const column = (frame, top, height) => `M${frame * width} ${top}h${width + OVERLAP}v${height}h${-width - OVERLAP}z`
  shares.forEach(([prompt, next, share], frame) => {
    if (share < 1) paths[prompt] += column(frame, 0, 100 * (1 - share))
    if (share) paths[next] += column(frame, 100 * (1 - share), 100 * share)
  })
  return paths.map((d, prompt) => shape("path", { d, fill: colourOf(prompt), "shape-rendering": "crispEdges" }))
}

/** The first value holds before the curve, and the last one after it. */
function curve({ curve, values }, { end, range }) {
  const height = (value) => percentOfValue(value, range)
  const point = (position, value) => `${percentOf(position, end)} ${height(value)}`
  const line = curve.map(([position, value]) => point(position, value))
  const whole = [`0 ${height(curve[0][1])}`, ...line, `100 ${height(curve.at(-1)[1])}`].join("L")
  const zero = height(0)
  return [
    shape("path", { class: "adxl-one", d: `M0 ${height(1)}H100` }),
    shape("path", { class: "adxl-below", d: `M0 ${zero}L${whole}L100 ${zero}z` }),
    shape("path", { class: "adxl-zero", d: `M0 ${zero}H100` }),
    shape("path", { class: "adxl-curve", d: `M${whole}` }),
    shape("path", { class: "adxl-dots", d: values.map((value, frame) => `M${point(frame, value)}h0`).join("") }),
  ]
}
