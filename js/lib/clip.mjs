/** Frames and steps of the clip that a MODEL will sample, before any run: from the latent of the sampler behind it. */

import { consumersOf, linkedTo, valueOf } from "./links.mjs"

/** What MODELs and guiders pass through on their way to a sampler. */
const CARRIERS = ["MODEL", "GUIDER"]
const MOST_NODES = 200

const number = (node, name) => Number(valueOf(node, name) ?? NaN)

/** Frames of what is linked to an input. NaN if only a run knows them. */
function framesAt(node, name, depth) {
  const source = linkedTo(node, name)
  const frames = source && depth < MOST_NODES ? FRAMES[source.type] : undefined
  return frames ? frames(source, depth + 1) : NaN
}

const passedBy = (name) => (node, depth) => framesAt(node, name, depth)
const given = (name) => (node) => number(node, name)

/** Frames of a node's LATENT or IMAGE, by its class. */
const FRAMES = {
  ADXL_EmptyLatentFrames: given("frames"),
  ADXL_PicturesInClip: given("frames"),
  EmptyLatentImage: given("batch_size"),
  LoadImage: () => 1,
  RepeatLatentBatch: (node, depth) => framesAt(node, "samples", depth) * number(node, "amount"),
  RepeatImageBatch: (node, depth) => framesAt(node, "image", depth) * number(node, "amount"),
  LatentBatch: (node, depth) => framesAt(node, "samples1", depth) + framesAt(node, "samples2", depth),
  LatentFromBatch: (node, depth) =>
    Math.max(1, Math.min(number(node, "length"), framesAt(node, "samples", depth) - number(node, "batch_index"))),
  VAEEncode: passedBy("pixels"),
  VAEEncodeForInpaint: passedBy("pixels"),
  VAEDecode: passedBy("samples"),
  ImageScale: passedBy("image"),
  ImageScaleBy: passedBy("image"),
  SetLatentNoiseMask: passedBy("samples"),
  LatentUpscale: passedBy("samples"),
  LatentUpscaleBy: passedBy("samples"),
  KSampler: passedBy("latent_image"),
  KSamplerAdvanced: passedBy("latent_image"),
  SamplerCustom: passedBy("latent_image"),
  SamplerCustomAdvanced: passedBy("latent_image"),
}

/** @returns {object[]} the nodes that a MODEL reaches, in the order of their distance */
function reached(node) {
  const found = [node]
  for (const each of found) {
    for (const next of CARRIERS.flatMap((type) => consumersOf(each, type))) {
      if (!found.includes(next) && found.length < MOST_NODES) found.push(next)
    }
  }
  return found
}

/** The nodes that a MODEL comes from. */
function before(node) {
  const found = []
  for (let each = linkedTo(node, "model"); each && found.length < MOST_NODES; each = linkedTo(each, "model")) {
    found.push(each)
  }
  return found
}

/** Several clips can lie in a batch. */
function clipFrames(nodes) {
  const lengths = nodes.filter((node) => node.type === "ADXL_ApplyMotionModel").map((node) => number(node, "clip_frames"))
  return lengths.find((length) => length !== 0)
}

/**
 * Steps that a sampler makes. ComfyUI's ddim_uniform goes through the 1000 timesteps in whole strides, and often adds
 * a step: 12 become 13. With a denoise below 1 it makes as many as the sampler says.
 */
function stepsOf(node) {
  const steps = number(node, "steps")
  const adds = valueOf(node, "scheduler") === "ddim_uniform" && Number(valueOf(node, "denoise") ?? 1) === 1
  return adds ? Math.ceil(999 / Math.floor(1000 / steps)) : steps
}

/** @returns {{sampled: boolean, frames: number, steps: number}} NaN is what only a run knows */
export function clipOf(node) {
  const nodes = reached(node)
  const latentOf = (each) => each.inputs?.find((input) => input.type === "LATENT" && input.link != null)
  const goesOn = (each) => each.outputs?.some((output) => CARRIERS.includes(output.type))
  const sampler = nodes.find((each) => latentOf(each) && !goesOn(each))
  if (!sampler) return { sampled: false, frames: NaN, steps: NaN }
  const counted = linkedTo(sampler, "sigmas") ?? sampler
  return {
    sampled: true,
    frames: clipFrames([...before(node), ...nodes]) ?? framesAt(sampler, latentOf(sampler).name, 0),
    steps: stepsOf(counted),
  }
}
