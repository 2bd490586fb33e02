"""Windows cost what their model calls cost: nothing is copied, read or scaled again for a window.

The device of most of these tests is torch's `meta`, whose numbers cannot be read.
"""

from collections.abc import Callable

import comfy.utils
import pytest
import torch
from animatediff_xl.motion_models.context.handler import ContextHandler
from animatediff_xl.motion_models.context.reference import Reference
from animatediff_xl.motion_models.context.windows import ContextSettings
from animatediff_xl.motion_models.sampling.run import RUN, SamplingRun

from tests.counting import Crossings, Writes
from tests.small import conditioning
from tests.windowed import CLIP, long_sample, windowed

from .test_conditions import HINTS, painting_control, with_control

SIDES = 2
WRITES_PER_WINDOW = 2 * SIDES
"""For each condition: its result times the weights, and the sum."""


class Steps:
    """Steps of a handler without a model: each call returns its latents."""

    def __init__(self, model, handler: ContextHandler, latents: torch.Tensor):
        model.model.current_patcher = model
        self.model, self.handler, self.latents = model.model, handler, latents
        self.sigmas = torch.tensor([5.0, 3.0, 1.0, 0.0])
        self.options = {"transformer_options": {RUN: SamplingRun(), "sample_sigmas": self.sigmas}}
        self.calls = 0

    def run(self, step: int) -> None:
        def calc_cond_batch(model, sides, x, timestep, options):
            self.calls += 1
            return [x for _ in sides]

        prompt = torch.empty(CLIP, 7, 8, device=self.latents.device)
        sides = [[{"cross_attn": prompt}]] * SIDES
        timestep = self.sigmas[step].expand(CLIP)
        self.handler.execute(calc_cond_batch, self.model, sides, self.latents, timestep, self.options)


@pytest.fixture
def meta_steps(pair) -> Callable[..., Steps]:
    def make(reference: Reference | None = None, **settings) -> Steps:
        handler = ContextHandler(ContextSettings(4, 2, **settings), windows_per_batch=1, reference=reference)
        return Steps(pair.model.clone(), handler, torch.empty(CLIP, 4, 8, 8, device="meta"))

    return make


@pytest.mark.parametrize(
    "settings",
    [{}, {"closed_loop": True, "schedule": "looped_uniform", "stride": 2}, {"reference": Reference(5, 0.5)}],
)
def test_windows_add_no_device_wait_or_copy(meta_steps: Callable[..., Steps], settings: dict) -> None:
    """After the first call of a step, which copies the windows of that step."""
    steps = meta_steps(**settings)
    steps.run(1)
    with Crossings() as crossings:
        steps.run(1)
    assert crossings.seen in ([], [Crossings.ASKED])  # one read of sigma a step


def test_consecutive_windows_write_only_their_sums(meta_steps: Callable[..., Steps]) -> None:
    steps = meta_steps()
    steps.run(0)
    steps.calls = 0
    with Writes() as writes:
        steps.run(1)
    assert steps.calls > 3
    frame = steps.latents[0].numel()
    assert len(writes.of_size(frame)) == steps.calls * WRITES_PER_WINDOW + SIDES
    assert not [write for write in writes.seen if "index" in write.operation]


def test_control_pictures_are_scaled_once_in_a_run(pair, animate, monkeypatch: pytest.MonkeyPatch) -> None:
    """ComfyUI copies the hint of each window, in the size that it has already."""
    scaled, scale = [], comfy.utils.common_upscale

    def counted(hint, width, height, *args, **kw):
        if hint.shape[-2:] != (height, width):
            scaled.append(len(hint))
        return scale(hint, width, height, *args, **kw)

    monkeypatch.setattr(comfy.utils, "common_upscale", counted)
    control = painting_control(torch.nn.functional.interpolate(HINTS, size=(96, 96)))
    model = windowed(animate(pair.model))
    long_sample(model, positive=with_control(control)(conditioning(1)))
    assert scaled == [CLIP]
