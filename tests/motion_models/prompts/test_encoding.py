"""The conditioning of prompts that travel, with the host's own encoding as the oracle."""

from typing import Any

import pytest
import torch
from animatediff_xl.motion_models.errors import MotionError
from animatediff_xl.motion_models.prompts.encoding import MIXES
from animatediff_xl.motion_models.prompts.travel import travel
from comfy.hooks import HookGroup, HookKeyframe, HookKeyframeGroup, WeightHook
from comfy.sd1_clip import SD1ClipModel, SD1Tokenizer
from comfy_extras.nodes_hooks import SetClipHooks
from torch import Tensor

from nodes import CLIPTextEncode
from tests.conftest import DYNAMIC_VRAM
from tests.motion_models.prompts.test_grammar import SAME
from tests.small import with_parameters

RED, BLUE = "a red circle moving left", "a (blue:1.4) square moving up, (small)"
LONG = ", ".join(["a green triangle"] * 20)
"""Two chunks of tokens."""
SHARES = {0: 0.0, 4: 0.25, 8: 0.5, 12: 0.75, 15: 0.9375}


def encode(clip: Any, text: str) -> tuple[Tensor, Tensor]:
    """Text and pooled text of the host's node."""
    ((encoded, options),) = CLIPTextEncode().encode(clip, text)[0]
    return encoded, options["pooled_output"]


def conditioning(clip: Any, text: str, frames: int = 16, mix: str = "text", loop: bool = False) -> list:
    return travel(text, frames, "linear", loop).conditioning(clip, mix)


def test_text_and_pooled_text_have_the_right_shares(clip) -> None:
    ((text, options),) = conditioning(clip, f"0: {RED}\n16: {BLUE}")
    for found, red, blue in zip((text, options["pooled_output"]), encode(clip, RED), encode(clip, BLUE), strict=True):
        assert found.shape == (16, *red.shape[1:]) and not torch.allclose(red, blue, atol=1e-2)
        for frame, share in SHARES.items():
            expected = (1 - share) * red[0].double() + share * blue[0].double()
            assert (found[frame] - expected).abs().max() <= 1e-6 * expected.abs().max()


@pytest.mark.parametrize("mix", MIXES)
def test_key_frames_are_those_of_clip_text_encode(clip, mix: str) -> None:
    """Bit for bit, also with weighted words."""
    found = conditioning(clip, f"0: {RED}\n8: {BLUE}\n12: {RED}", mix=mix)
    for key, prompt in ((0, RED), (8, BLUE), (12, RED), (15, RED)):
        for index, expected in enumerate(encode(clip, prompt)):
            if mix == "text":
                tensor = (found[0][0], found[0][1]["pooled_output"])[index][key]
            else:
                (active,) = (entry for entry in found if entry[1]["mask"][key] == 1)
                tensor = (active[0], active[1]["pooled_output"])[index][0]
            assert torch.equal(tensor, expected[0])


def test_a_loop_has_a_way_back(clip) -> None:
    ((text, _),) = conditioning(clip, f"0: {RED}\n4: {BLUE}", frames=8, loop=True)
    assert torch.equal(text[5], text[3]) and torch.equal(text[7], text[1]) and not torch.equal(text[7], text[0])


@pytest.mark.parametrize("mix", MIXES)
def test_each_prompt_is_encoded_once(clip, monkeypatch: pytest.MonkeyPatch, mix: str) -> None:
    encoded = []
    host_encode = type(clip).encode_from_tokens_scheduled
    monkeypatch.setattr(
        type(clip),
        "encode_from_tokens_scheduled",
        lambda self, tokens, **options: encoded.append(tokens) or host_encode(self, tokens, **options),
    )
    conditioning(clip, f"0: {RED}\n2: {BLUE}\n4: {RED}\n10: {BLUE}\n300: {LONG}\n400: never reached", mix=mix)
    assert len(encoded) == 3


def test_a_single_prompt_is_not_repeated(clip) -> None:
    for mix in MIXES:
        ((text, options),) = conditioning(clip, f"0: {RED}\n8: {RED}", mix=mix)
        assert torch.equal(text, encode(clip, RED)[0]) and "mask" not in options


def test_shorter_prompts_get_empty_chunks_before_encoding(clip) -> None:
    ((text, options),) = conditioning(clip, f"0: {RED}\n15: {LONG}")
    tokens = {name: chunks + clip.tokenize("")[name] for name, chunks in clip.tokenize(RED).items()}
    ((red, _),) = clip.encode_from_tokens_scheduled(tokens)
    assert text.shape[1] == 2 * 77
    assert torch.equal(text[0], red[0]) and torch.equal(text[15], encode(clip, LONG)[0][0])
    assert torch.allclose(options["pooled_output"][0], encode(clip, RED)[1][0], atol=1e-5)
    empty = encode(clip, "")[0][0]
    assert torch.equal(text[0, 77:], empty) and empty.abs().max() > 0.1  # not zeros


def test_predictions_need_no_padding(clip) -> None:
    (short, _), (long, _) = conditioning(clip, f"0: {RED}\n15: {LONG}", mix="predictions")
    assert (short.shape[1], long.shape[1]) == (77, 2 * 77)


def test_three_grammars_give_the_same_conditioning(clip) -> None:
    found = [conditioning(clip, text)[0] for text, _ in SAME.values()]
    for text, options in found[1:]:
        assert torch.equal(text, found[0][0])
        assert torch.equal(options["pooled_output"], found[0][1]["pooled_output"])


def test_masks_of_predictions_are_the_shares(clip) -> None:
    (_, red), (_, blue) = conditioning(clip, f"0: {RED}\n16: {BLUE}", mix="predictions")
    assert red["mask"].shape == (16, 1, 1)
    assert [float(blue["mask"][frame]) for frame in SHARES] == list(SHARES.values())
    assert torch.equal(red["mask"] + blue["mask"], torch.ones(16, 1, 1))


def with_hooks(clip: Any) -> Any:
    """A CLIP whose weights change in the middle of the sampling."""
    key = next(key for key in clip.patcher.model.state_dict() if key.endswith("mlp.fc1.weight"))
    weight = clip.patcher.model.state_dict()[key]
    hook = WeightHook(strength_model=0.0, strength_clip=1.0)
    hook.need_weight_init = False
    hook.weights_clip = {key: ("diff", (torch.ones_like(weight),))}
    hook.weights = {}
    keyframes = HookKeyframeGroup()
    for strength, start in ((1.0, 0.0), (0.0, 0.5)):
        keyframes.add(HookKeyframe(strength=strength, start_percent=start))
    group = HookGroup()
    group.add(hook)
    group.set_keyframes_on_hooks(hook_kf=keyframes)
    return SetClipHooks().apply_hooks(clip, schedule_clip=True, apply_to_conds=True, hooks=group)[0]


def test_hooks_of_a_clip_give_a_conditioning_for_each_part(clip) -> None:
    hooked = with_hooks(clip)
    parts = [CLIPTextEncode().encode(hooked, prompt)[0] for prompt in (RED, BLUE)]
    assert len(parts[0]) == 2
    # with dynamic VRAM, ComfyUI patches another copy of the CLIP than the one that encodes
    assert DYNAMIC_VRAM or not torch.equal(parts[0][0][0], parts[0][1][0])
    found = conditioning(hooked, f"0: {RED}\n15: {BLUE}")
    for (text, options), (red, expected), (blue, _) in zip(found, *parts, strict=True):
        assert torch.equal(text[0], red[0]) and torch.equal(text[15], blue[0])
        names = ("clip_start_percent", "clip_end_percent", "hooks")
        assert [options[name] for name in names] == [expected[name] for name in names]
    masked = conditioning(hooked, f"0: {RED}\n15: {BLUE}", mix="predictions")
    assert all(torch.equal(text, expected) for (text, _), (expected, _) in zip(masked, sum(parts, []), strict=True))


class SmallSD15:
    """The text encoder of SD1.5, with random weights."""

    def __init__(self) -> None:
        self.model = with_parameters(SD1ClipModel(dtype=torch.float32, model_options={"clip_l_model_config": SMALL}))
        self.tokenize = SD1Tokenizer().tokenize_with_weights

    def encode_from_tokens_scheduled(self, tokens: dict[str, list]) -> list:
        text, pooled = self.model.encode_token_weights(tokens)
        return [[text, {"pooled_output": pooled}]]


SMALL = {"hidden_size": 16, "intermediate_size": 64, "num_attention_heads": 2, "num_hidden_layers": 2}


@pytest.mark.skipif(DYNAMIC_VRAM, reason="ComfyUI's text encoders have no weights there until a file is loaded")
def test_the_text_encoder_of_sd15_works_too() -> None:
    encoder = SmallSD15()
    ((text, _),) = conditioning(encoder, f"0: {RED}\n15: {LONG}")
    tokens = encoder.tokenize(RED)["l"] + encoder.tokenize("")["l"]
    assert torch.equal(text[0], encoder.encode_from_tokens_scheduled({"l": tokens})[0][0][0])
    assert torch.equal(text[15], encoder.encode_from_tokens_scheduled(encoder.tokenize(LONG))[0][0][0])


class WordEncoder:
    """A text encoder without chunks, as those of newer models: one vector for each word."""

    def tokenize(self, text: str) -> dict[str, list]:
        return {"words": [text.split()]}

    def encode_from_tokens_scheduled(self, tokens: dict[str, list]) -> list:
        return [[torch.ones(1, len(tokens["words"][0]), 4), {"pooled_output": None}]]


def test_texts_of_different_length_are_refused_or_predicted() -> None:
    text = "0: one\n8: one two"
    with pytest.raises(MotionError, match="set mix to predictions. They have 1, 2 tokens"):
        conditioning(WordEncoder(), text)
    assert len(conditioning(WordEncoder(), text, mix="predictions")) == 2


@pytest.mark.parametrize("mix", MIXES)
@pytest.mark.parametrize("weight", ["nan", "inf", "1e38"])
def test_weights_of_words_that_are_not_finite_are_refused(clip, mix: str, weight: str) -> None:
    with pytest.raises(MotionError, match="numbers that are not finite"):
        conditioning(clip, f"0: {RED}\n8: (a:{weight}) square", mix=mix)


@pytest.mark.parametrize("mix", MIXES)
def test_brackets_that_comfyui_cannot_read_are_refused(clip, mix: str) -> None:
    with pytest.raises(MotionError, match="too many brackets inside brackets"):
        conditioning(clip, "0: " + "(" * 1500 + "a" + ")" * 1500, mix=mix)
