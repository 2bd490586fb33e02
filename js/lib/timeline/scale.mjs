/** Positions on a ruler. A frame is a column: frame 0 of 16 fills the first sixteenth, and its middle is its place. */

const MOST_TICKS = 9
const STEPS = [1, 2, 4, 5, 8]

/** @returns {number} percent from the left */
export const percentOf = (position, end) => Math.min(100, Math.max(0, ((position + 0.5) / (end + 1)) * 100))

/** @returns {number} the whole position at a fraction of the width */
export const positionAt = (fraction, end) => Math.min(end, Math.max(0, Math.floor(fraction * (end + 1))))

/** @returns {number[]} the positions with a number: even steps, and the last one if it has room */
export function ticks(end) {
  let step = 1
  for (let tens = 1; end / step > MOST_TICKS - 1; tens *= 10) {
    step = tens * (STEPS.find((candidate) => end / (tens * candidate) <= MOST_TICKS - 1) ?? 10)
  }
  const found = []
  for (let position = 0; position <= end; position += step) found.push(position)
  if (end - found.at(-1) >= step / 2) found.push(end)
  else if (found.length > 1) found[found.length - 1] = end
  return found
}

/** The range of values that a curve is drawn in: at least 0 to 1. */
export function rangeOf(drawing) {
  const values = [0, 1, ...drawing.curve.map(([, value]) => value), ...drawing.keys.map((key) => key.value)]
  return [Math.min(...values), Math.max(...values)]
}

/** Part of the range between two values that are both written. */
const APART = 0.13

/** @returns {number[]} the values with a number: the limits of a range, and 0 and 1 where they have room */
export function valueTicks([low, high]) {
  const isFree = (value) => [low, high].every((limit) => Math.abs(value - limit) > APART * (high - low))
  return [low, high, ...[0, 1].filter(isFree)]
}

/** Part of the height above the highest value, and below the lowest. */
const MARGIN = 0.13

/** @returns {number} percent from the top */
export function percentOfValue(value, [low, high]) {
  const fraction = MARGIN + ((high - value) / (high - low)) * (1 - 2 * MARGIN)
  return Math.min(100, Math.max(0, fraction * 100))
}

/** @returns {number} a round value at a fraction of the height. It can be outside of the range. */
export function valueAt(fraction, [low, high]) {
  const value = high - ((fraction - MARGIN) / (1 - 2 * MARGIN)) * (high - low)
  const step = valueStep([low, high])
  return Number((Math.round(value / step) * step).toFixed(4))
}

/** The smallest step of a value: about a hundredth of the range. */
export const valueStep = ([low, high]) => 10 ** Math.floor(Math.log10((high - low) * 1.001) - 2)
