"""Their sample settings: FreeNoise, Clip Noise, and what is reported."""

from dataclasses import dataclass
from typing import Any

from ...errors import sentence
from ..formats.graph import Output
from ..reading.their_node import Conversion, TheirNode, title

NOISE = "ADXL_ClipNoise"
WINDOWS = "ADXL_ContextWindows"
SETTINGS = "ADE_AnimateDiffSamplingSettings"
FREENOISE = ("FreeNoise", "repeated_context")
SEED_A_FRAME: dict[str, Any] = {"kind": "one seed a frame", "seed_step": 1}
SAME_NOISE = SEED_A_FRAME | {"seed_step": 0}


@dataclass(frozen=True)
class SampleSettings:
    node: TheirNode
    freenoise: bool
    noise: dict[str, Any] | None
    """Inputs of Clip Noise."""


def sample_settings(conversion: Conversion, output: Output | None) -> SampleSettings | None:
    """What sample settings say of noise. The rest is reported."""
    node = conversion.their(output)
    if node is None or node.kind != SETTINGS:
        return None
    values = node.values()
    kind, seed = values["noise_type"], values["seed_gen"]
    noise = SEED_A_FRAME if seed.startswith("auto1111") and kind == "default" else None
    if kind == "constant":
        noise = SAME_NOISE
    report_noise(node, kind, seed)
    report_seeds(node, values)
    if kind in FREENOISE:
        node.went_into(WINDOWS)
    elif noise:
        node.went_into(NOISE)
    else:
        conversion.done.add(node.id)
        node.add(sentence("Its settings are those that ComfyUI has without it."))
    return SampleSettings(node, kind in FREENOISE, noise)


def report_noise(node: TheirNode, kind: str, seed: str) -> None:
    if kind == "empty":
        node.add(
            sentence("Clips without noise have no counterpart: noise is as usual now."),
            sentence("Use a sampler that adds no noise, such as KSampler (Advanced)."),
        )
    if kind == "repeated_context":
        node.add(
            sentence("Noise that repeats in each window has no counterpart. FreeNoise is used, and shuffles it."),
            sentence("Switch freenoise off on {node} if you want independent noise.", node=title(WINDOWS)),
        )
    if seed.endswith("[gpu]"):
        node.add(
            sentence("Noise is made on the CPU, as ComfyUI does, and not on the GPU."),
            sentence("Choose another seed if you do not like the clip."),
        )


def report_seeds(node: TheirNode, values: dict[str, Any]) -> None:
    """Report offsets of seeds, which the sampler has to get."""
    offset = values["seed_offset"]
    if values["seed_gen"].startswith("auto1111"):
        offset += values["batch_offset"]
    elif values["batch_offset"]:
        node.add(
            sentence(
                "batch_offset {value} has no counterpart: the noise begins with that of the first frame.",
                value=values["batch_offset"],
            ),
            sentence("Choose another seed if you do not like the clip."),
        )
    if offset:
        node.add(
            sentence("The seed of the sampler was changed by {value}, which has no counterpart.", value=offset),
            sentence("Add {value} to the seed of the sampler.", value=offset),
        )
    if node.link("seed_override") or values.get("seed_override"):
        node.add(
            sentence("Its seed_override has no counterpart: the seed is that of the sampler."),
            sentence("Set that seed on the sampler, or connect it there."),
        )


def clip_noise(conversion: Conversion, settings: SampleSettings, model: Output) -> Output:
    """The MODEL with the noise of sample settings."""
    if settings.noise is None:
        return model
    return conversion.make(NOISE, settings.node.id, settings.node.state, model=model, **settings.noise)
