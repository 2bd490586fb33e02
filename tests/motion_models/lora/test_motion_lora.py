"""MotionLoRAs: every key format gives the same LoRA, with the results of diffusers and peft."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import comfy.model_management
import pytest
import torch
from animatediff_xl.motion_models.conditioning.curves import FRAMES, STEPS, from_text, from_values
from animatediff_xl.motion_models.errors import MotionError
from animatediff_xl.motion_models.lora.motion_lora import ChosenLora, coverage, open_motion_lora
from safetensors.torch import save_file
from torch import Tensor

from tests.memory import peak_growth
from tests.motion_models.sampling.test_parity import TOLERANCE, inputs, oracle_noise, predicted_noise
from tests.sampling import sample
from tests.small import SD15, SDXL, Base, random_motion, save, shapes_of, small_pair

RANK = 4
ATTENTION = ("to_q", "to_k", "to_v", "to_out.0")
Pairs = dict[str, tuple[Tensor, Tensor]]
"""(down, up) by the authors' path of the layer that is changed."""


def random_pairs(motion: dict[str, Tensor], parts: tuple[str, ...] = ATTENTION, seed: int = 0) -> Pairs:
    generator = torch.Generator().manual_seed(seed)
    pairs = {}
    for key, value in motion.items():
        path = key.removesuffix(".weight")
        if path != key and path.endswith(parts):
            down = torch.randn(RANK, value.shape[1], generator=generator) / RANK
            pairs[path] = down, 0.2 * torch.randn(value.shape[0], RANK, generator=generator)
    return pairs


def diffusers_path(path: str) -> str:
    path = path.replace(".temporal_transformer", "")
    return path.replace("attention_blocks.0", "attn1").replace("attention_blocks.1", "attn2")


def processor(path: str) -> str:
    parent, leaf = path.replace("to_out.0", "to_out").rsplit(".", 1)
    return f"{parent}.processor.{leaf}_lora"


def motion_director(path: str) -> str:
    parent, leaf = path.rsplit(".", 1)
    return f"{parent}.processor.{leaf}_lora"


def both(pairs: Pairs, name: Callable[[str], str], down: str = "down", up: str = "up") -> dict[str, Tensor]:
    return {
        f"{name(path)}.{part}.weight": value
        for path, pair in pairs.items()
        for part, value in zip((down, up), pair, strict=True)
    }


def kohya(pairs: Pairs) -> dict[str, Tensor]:
    named = both(pairs, lambda path: "lora_unet_" + path.replace(".", "_"), "lora_down", "lora_up")
    downs = [key.removesuffix(".lora_down.weight") for key in named if key.endswith(".lora_down.weight")]
    return named | {f"{stem}.alpha": torch.tensor(RANK / 2) for stem in downs}


KEY_FORMATS: dict[str, Callable[[Pairs], dict[str, Tensor]]] = {
    "authors": lambda pairs: both(pairs, processor),
    "authors, from a trainer": lambda pairs: {f"module.{k}": v for k, v in both(pairs, processor).items()},
    "MotionDirector": lambda pairs: both(pairs, motion_director),
    "diffusers": lambda pairs: both(pairs, lambda path: "unet." + processor(diffusers_path(path))),
    "peft": lambda pairs: both(pairs, lambda path: "unet." + diffusers_path(path), "lora_A", "lora_B"),
    "plain peft": lambda pairs: both(pairs, lambda path: f"base_model.model.{path}", "lora_A", "lora_B"),
    "kohya": kohya,
}
HALVED = ("kohya",)  # alpha is half the rank


def change(file: Path, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The change of each weight by a MotionLoRA at strength 1."""
    return {
        key: adapter.calculate_weight(torch.zeros_like(weights[key]), key, 1.0, 1.0, None, lambda x: x)
        for key, adapter in coverage(open_motion_lora(file), shapes_of(weights), "motion.ckpt").adapters.items()
    }


@pytest.mark.parametrize("base", ["SDXL", "SD1.5"])
@pytest.mark.parametrize("key_format", KEY_FORMATS)
def test_every_lora_key_format_gives_the_same_change(tmp_path: Path, key_format: str, base: str) -> None:
    motion = random_motion((32, 64, 96) if base == "SDXL" else (32, 64, 96, 96), mid=base == "SD1.5")
    parts = (*ATTENTION, "ff.net.0.proj", "ff.net.2") if key_format == "MotionDirector" else ATTENTION
    pairs = random_pairs(motion, parts)
    file = save(KEY_FORMATS[key_format](pairs), tmp_path / "lora.safetensors")
    changes = change(file, motion)
    assert changes.keys() == {f"{path}.weight" for path in pairs}
    for path, (down, up) in pairs.items():
        expected = up @ down * (0.5 if key_format in HALVED else 1)
        assert torch.allclose(changes[f"{path}.weight"], expected, atol=1e-6)


@pytest.mark.parametrize("prefix", ["", "unet."])
def test_peft_alpha_is_read_from_the_metadata(tmp_path: Path, prefix: str) -> None:
    motion = random_motion((32, 32, 32))
    pairs = random_pairs(motion)
    path = tmp_path / "lora.safetensors"
    settings = {f"{prefix}r": RANK, f"{prefix}lora_alpha": 3 * RANK}
    save_file(KEY_FORMATS["peft"](pairs), path, metadata={"lora_adapter_metadata": json.dumps(settings)})
    layer, (down, up) = next(iter(pairs.items()))
    assert torch.allclose(change(path, motion)[f"{layer}.weight"], 3 * up @ down, atol=1e-6)


# Through the whole UNet


@pytest.fixture
def lora(pair, tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    def write(seed: int = 0) -> Path:
        return save(both(random_pairs(pair.motion, seed=seed), processor), tmp_path / f"lora{seed}.safetensors")

    yield write
    comfy.model_management.unload_all_models()  # removes the patches from the weights that all tests share


CHAINS = {"1": [1.0], "0.7": [0.7], "-1": [-1.0], "1 and 0.7": [1.0, 0.7]}


@pytest.mark.parametrize("chain", CHAINS)
def test_a_chain_of_loras_equals_diffusers_with_peft(lora, animate, chain: str) -> None:
    fresh = small_pair()
    given, chosen, names = inputs(4, 16, 16, 2), [], []
    for seed, strength in enumerate(CHAINS[chain]):
        chosen.append(ChosenLora(open_motion_lora(lora(seed)), strength))
        theirs = KEY_FORMATS["diffusers"](random_pairs(fresh.motion, seed=seed))
        fresh.oracle.load_lora_adapter(theirs, prefix="unet", adapter_name=f"lora{seed}")
        names.append(f"lora{seed}")
    plain = oracle_noise(small_pair(), **given)
    fresh.oracle.set_adapters(names, CHAINS[chain])
    expected = oracle_noise(fresh, **given)
    animated = animate(fresh.model, loras=tuple(chosen))
    comfy.model_management.load_models_gpu(animated.get_additional_models())
    ours = predicted_noise(animated, **given)
    assert (ours - expected).abs().max() < TOLERANCE
    assert (expected - plain).abs().max() > 0.1


def test_removing_a_lora_restores_the_result(pair, animate, lora) -> None:
    chosen = ChosenLora(open_motion_lora(lora()), 1.0)
    before, plain = sample(animate(pair.model)), sample(pair.model)
    changed = sample(animate(pair.model, loras=(chosen,)))
    assert (changed - before).abs().max() > 0.1
    assert torch.equal(sample(animate(pair.model)), before)
    assert torch.equal(sample(pair.model), plain)
    assert torch.equal(sample(animate(pair.model, loras=(chosen,))), changed)


def test_one_motion_model_applied_twice_keeps_its_loras_apart(pair, animate, lora) -> None:
    chosen = ChosenLora(open_motion_lora(lora()), 1.0)
    with_lora_first = animate(animate(pair.model, loras=(chosen,)))
    assert not torch.equal(sample(with_lora_first), sample(animate(animate(pair.model))))
    first, second = with_lora_first.get_additional_models()
    assert first.patches and not second.patches and first.model is not second.model


# Over time


@pytest.mark.parametrize("value", [1.0, -0.5])
def test_a_constant_schedule_equals_a_constant_strength(pair, animate, lora, value: float) -> None:
    opened = open_motion_lora(lora())
    constant = sample(animate(pair.model, loras=(ChosenLora(opened, value),)))
    for over in (FRAMES, STEPS):
        chosen = ChosenLora(opened, 1.0, (from_values([value], over),))
        assert torch.allclose(sample(animate(pair.model, loras=(chosen,))), constant, rtol=1e-3, atol=1e-3)


def test_each_frame_has_its_own_lora_strength(pair, animate, lora) -> None:
    """A step from 0 to 1 at frame 2: earlier frames are projected without the LoRA, the others with it."""
    schedule = (from_text("0: 0, 2: 1", "step", FRAMES),)
    animated = animate(pair.model, loras=(ChosenLora(open_motion_lora(lora()), 1.0, schedule),))
    motion, low_rank = (patcher.model for patcher in animated.get_additional_models())
    layer = motion.get_submodule(low_rank.paths[0])
    x = torch.randn(7, 4, layer.in_features, generator=torch.Generator().manual_seed(0))
    without = layer(x)
    with low_rank.hooks(motion, 1.0):
        full = layer(x)
    with low_rank.hooks(motion, torch.tensor([[0.0, 0.0, 1.0, 1.0]])):
        stepped = layer(x)
    assert torch.equal(stepped[:, :2], without[:, :2])
    assert torch.equal(stepped[:, 2:], full[:, 2:])
    assert (full - without).abs().max() > 0.1
    assert torch.equal(layer(x), without)


def test_a_lora_can_start_at_a_step(pair, animate, lora) -> None:
    opened, steps = open_motion_lora(lora()), 4

    def run(points: str) -> list[Tensor]:
        """The denoised latents of each step."""
        denoised: list[Tensor] = []
        chosen = ChosenLora(opened, 1.0, (from_text(points, "step", STEPS),))
        sample(
            animate(pair.model, loras=(chosen,)),
            steps=steps,
            callback=lambda step, latents, *_: denoised.append(latents.clone()),
        )
        return denoised

    never, late = run("0: 0"), run("0: 0, 2: 1")
    assert [not torch.equal(*pair) for pair in zip(never, late, strict=True)] == [False, False, True, True]


def test_the_host_can_copy_scheduled_lora_weights(pair, animate, lora) -> None:
    schedule = (from_values([1, 0], FRAMES),)
    animated = animate(pair.model, loras=(ChosenLora(open_motion_lora(lora()), 1.0, schedule),))
    _, pairs = animated.get_additional_models()
    make, arguments = pairs.cached_patcher_init
    copy = make(*arguments, disable_dynamic=True)
    assert copy.model is not pairs.model
    state = pairs.model.state_dict()
    assert all(torch.equal(value, state[key]) for key, value in copy.model.state_dict().items())
    assert pairs.model_size() < 0.3 * animated.get_additional_models()[0].model_size()


# Memory


def test_a_lora_needs_at_most_three_times_its_file_size(tmp_path: Path) -> None:
    motion = random_motion((256, 512, 768))
    path = save(both(random_pairs(motion), processor), tmp_path / "lora.safetensors")
    with peak_growth() as grown:
        covered = coverage(open_motion_lora(path), shapes_of(motion), "motion.ckpt")
    assert covered.adapters
    assert grown[0] < 3 * path.stat().st_size + (8 << 20)
    full = sum(motion[key].nbytes for key in covered.adapters)
    assert full > 20 * path.stat().st_size


# What fits


def test_the_lora_report_counts_used_and_unused_tensors(pair, tmp_path: Path) -> None:
    """A LoRA for a motion model with a middle block, on one without."""
    pairs = random_pairs(pair.motion)
    deepest = "up_blocks.0.motion_modules.0"
    middle = {k.replace("up_blocks.0", "mid_block"): v for k, v in pairs.items() if k.startswith(deepest)}
    path = save(both(pairs | middle, processor), tmp_path / "v2_lora_PanLeft.safetensors")
    covered = coverage(open_motion_lora(path), shapes_of(pair.motion), "motion.ckpt")
    assert covered.report(path.name) == "v2_lora_PanLeft.safetensors is added: rank 4, 240 tensors used, 16 not."


@pytest.mark.parametrize("base", [SD15, SDXL])
def test_the_loaded_lora_names_the_base_by_its_levels(base: Base, tmp_path: Path) -> None:
    path = save(both(random_pairs(small_pair(base=base).motion), processor), tmp_path / "x.safetensors")
    name = "SD1.5" if base is SD15 else "SDXL"
    assert open_motion_lora(path).report().startswith(f"A MotionLoRA for {name} motion models: rank 4,")


def test_a_lora_of_other_widths_is_refused(pair, tmp_path: Path) -> None:
    wide = random_motion((64, 128, 256))
    path = save(both(random_pairs(wide), processor), tmp_path / "wide.safetensors")
    reason = r"wide\.safetensors does not fit motion\.ckpt.* It changes weights of 64 x 64, not 32 x 32\."
    with pytest.raises(MotionError, match=reason):
        coverage(open_motion_lora(path), shapes_of(pair.motion), "motion.ckpt")


SD15_WIDTHS, SDXL_WIDTHS = (32, 64, 128, 128), (32, 64, 128)


@pytest.mark.parametrize("key_format", ["authors", "diffusers", "kohya"])
@pytest.mark.parametrize(
    ("made_for", "used_on", "reason"),
    [
        (SD15_WIDTHS, SDXL_WIDTHS, "It changes weights of 128 x 128, not 64 x 64"),
        ((32, 32, 32, 32), (32, 32, 32), "It changes level 4, and the motion model has 3 levels"),
        (SDXL_WIDTHS, SD15_WIDTHS, "It changes weights of 64 x 64, not 128 x 128"),
    ],
)
def test_a_lora_for_the_other_base_is_refused(
    tmp_path: Path, made_for: tuple[int, ...], used_on: tuple[int, ...], reason: str, key_format: str
) -> None:
    """Most of its keys exist in the other base too, and some have the same size there."""
    path = save(KEY_FORMATS[key_format](random_pairs(random_motion(made_for))), tmp_path / "other.safetensors")
    with pytest.raises(
        MotionError, match=rf"other\.safetensors does not fit m\.ckpt, .*another base model.*{reason}\."
    ):
        coverage(open_motion_lora(path), shapes_of(random_motion(used_on)), "m.ckpt")


@pytest.mark.parametrize("half", [".down.", ".up."])
def test_a_lora_with_half_a_pair_is_refused(pair, tmp_path: Path, half: str) -> None:
    halves = {key: value for key, value in both(random_pairs(pair.motion), processor).items() if half not in key}
    path = save(halves, tmp_path / "half.safetensors")
    with pytest.raises(MotionError, match="one half of a low-rank pair without the other"):
        coverage(open_motion_lora(path), shapes_of(pair.motion), "motion.ckpt")


NOT_MOTION_LORAS = {
    "a motion model": (lambda: random_motion((32, 32, 32)), "is a whole motion model.*Load AnimateDiff Motion Model"),
    "a spatial LoRA": (
        lambda: {"lora_unet_down_blocks_1_attentions_0.lora_up.weight": torch.zeros(4, 4)},
        "is a LoRA, not a MotionLoRA: load it with Load LoRA",
    ),
    "a domain adapter": (
        lambda: {"down_blocks.0.attentions.0.attn1.processor.to_q_lora.up.weight": torch.zeros(4, 4)},
        "domain adapter.*Apply AnimateDiff Domain Adapter",
    ),
    "a checkpoint": (lambda: {"model.diffusion_model.x": torch.zeros(1)}, "is an image checkpoint.*Load Checkpoint"),
    "something else": (lambda: {"x": torch.zeros(1)}, "does not contain a LoRA of a motion model"),
}


@pytest.mark.parametrize("kind", NOT_MOTION_LORAS)
def test_a_file_that_is_no_motion_lora_is_refused(tmp_path: Path, kind: str) -> None:
    make, sentence = NOT_MOTION_LORAS[kind]
    with pytest.raises(MotionError, match=sentence) as raised:
        open_motion_lora(save(make(), tmp_path / "picked.safetensors"))
    assert str(raised.value).endswith("Choose a MotionLoRA here, such as v2_lora_PanLeft.ckpt.")


def test_a_lora_covers_the_middle_block_of_sd15(tmp_path: Path, animate) -> None:
    sd15 = small_pair(base=SD15, mid=True)
    pairs = random_pairs(sd15.motion)
    assert len(pairs) == 21 * 8
    covered = coverage(
        open_motion_lora(save(both(pairs, processor), tmp_path / "l.ckpt")), shapes_of(sd15.motion), "v2"
    )
    assert (covered.matched, covered.unmatched) == (336, 0)
