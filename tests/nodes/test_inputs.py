"""Input checks: every input of every node, with values that a link can bring."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from animatediff_xl.motion_models.errors import MotionError
from animatediff_xl.nodes import NODES
from animatediff_xl.nodes.common.inputs import checked_inputs
from comfy_api.latest import io
from server import PromptServer

INPUTS = [(node, field) for node in NODES for field in node.define_schema().inputs]
IDS = [f"{node.__name__}-{field.id}" for node, field in INPUTS]
ONE_VALUE = [
    (node, field) for node, field in INPUTS if node.define_schema().is_input_list and field.id not in node.lists
]
"""ComfyUI sends lists to these nodes, also for inputs that are none."""
HOSTILE: tuple[Any, ...] = (
    None, "", "x", "\udcff", "a\nb\u202e", "0:" + 20_000 * " " + "x", -1, 10**40, math.nan, math.inf, -math.inf, [],
    [1], {}, {"points": None}, (), ("x",), object(), b"\xff", torch.tensor([]), torch.full((2, 3), math.nan),
    np.array([1, 2]), 10**5000, [1, 10**400], torch.ones(2, 2).to_sparse(),
    torch.ones(2, 2, device="meta"), torch.ones(1, 1, 2, 2, 2), len,
)  # fmt: skip


@pytest.fixture(autouse=True)
def no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """A script runs nodes without a server and without hidden inputs."""
    monkeypatch.delattr(PromptServer, "instance", raising=False)


@pytest.mark.parametrize(("node", "field"), INPUTS, ids=IDS)
def test_hostile_values_work_or_are_refused_in_a_sentence(node: Any, field: Any) -> None:
    for value in HOSTILE:
        check = partial(checked_inputs, [field], {field.id: value}, node.own_checks)
        for call in (partial(node.execute, **{field.id: value}), check):
            try:
                call()
            except MotionError as error:
                sentence = str(error)
                assert sentence.isprintable() and sentence.encode() and len(sentence) < 1000, sentence


@pytest.mark.parametrize(("node", "field"), ONE_VALUE)
def test_different_values_are_refused_where_one_counts(node: Any, field: Any) -> None:
    with pytest.raises(MotionError, match=f"{field.id} is a list of 2 values that differ"):
        node.execute(**{field.id: [object(), object()]})


@pytest.mark.parametrize(("node", "field"), INPUTS, ids=IDS)
def test_none_is_the_default_or_refused(node: Any, field: Any) -> None:
    try:
        checked = checked_inputs([field], {field.id: None})
    except MotionError as error:
        assert not field.optional and field.id in str(error)
    else:
        default = getattr(field, "default", None)
        assert field.optional and checked == ({} if default is None else {field.id: default})


HOST_CHECKS = [
    (node, method)
    for node in NODES
    for method in ("validate_inputs", "fingerprint_inputs")
    if getattr(node, method).__func__ is not getattr(io.ComfyNode, method).__func__
]


@pytest.mark.parametrize(("node", "method"), HOST_CHECKS, ids=lambda part: getattr(part, "__name__", part))
def test_checks_of_the_host_bear_linked_inputs(node: Any, method: str) -> None:
    """ComfyUI passes None for them."""
    check: Callable = getattr(node, method)
    ids = [field.id for field in node.define_schema().inputs]
    names = ids if method == "fingerprint_inputs" else check.__code__.co_varnames[1:]
    assert check(**dict.fromkeys(name for name in names if name in ids)) is not None


@pytest.mark.parametrize("value", [3, 3.0, np.int64(3), np.float32(3), torch.tensor(3), torch.tensor([3.0])])
def test_numbers_of_any_type_are_taken(value: Any) -> None:
    field = io.Int.Input("n", min=0, max=5)
    assert checked_inputs([field], {"n": value}) == {"n": 3}


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.float16, torch.float8_e4m3fn, torch.float64])
def test_masks_of_any_type_become_numbers_from_0_to_1(dtype: torch.dtype) -> None:
    field = io.Mask.Input("mask")
    mask = checked_inputs([field], {"mask": torch.tensor([[0.0, 1.0, 7.0]]).to(dtype)})["mask"]
    assert mask.dtype == torch.float32 and mask.tolist() == [[[0.0, 1.0, 1.0]]]
    with pytest.raises(MotionError, match="mask is of type Tensor"):
        checked_inputs([field], {"mask": torch.tensor([[0.0, 1e300]], dtype=torch.float64)})


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32, torch.bool])
def test_pictures_of_whole_numbers_are_refused(dtype: torch.dtype) -> None:
    """Their numbers up to 255 would all be white."""
    with pytest.raises(MotionError, match="images is of type Tensor, but must be pictures with three"):
        checked_inputs([io.Image.Input("images")], {"images": torch.ones(1, 4, 4, 3, dtype=dtype)})


def test_latents_without_pixels_are_refused() -> None:
    with pytest.raises(MotionError, match="latent is of type dict, but must be a LATENT of finite numbers"):
        checked_inputs([io.Latent.Input("latent")], {"latent": {"samples": torch.zeros(1, 4, 0, 0)}})


@pytest.mark.parametrize("value", [True, np.bool_(True), torch.tensor(True), 1])
def test_truth_of_any_type_is_taken(value: Any) -> None:
    assert checked_inputs([io.Boolean.Input("b")], {"b": value}) == {"b": True}
