"""Clips of the small model made from pictures: no jump beside them, and the prompt decides where things go."""

from collections.abc import Callable

import numpy as np
import pytest

from tests.tiny.evaluation import Tiny
from tests.tiny.pictures import CLIPS, KINDS, Clip, line, measured

BORDERS = {
    **{kind: (0.0, 1.5) for kind in KINDS if kind.endswith("hold 8")},
    **{kind: (4.0, np.inf) for kind in KINDS if kind.endswith("hold 0")},
    "continues frames 4 to 7, hold 0": (3.0, np.inf),  # four frames show the motion, so the jump is smaller
    "joins two ends, hold 0": (3.0, np.inf),
    "first, hold 4": (0.0, 2.5),
    "middle, hold 6": (0.0, 1.5),
    "a loop from its first frame, hold 8": (0.0, 2.0),
}
"""Mean step beside a given frame, in median steps of the clip: at least, and at most."""
AS_PROMPTED = 0.9
"""Share of the clips whose object moves in the direction of the prompt."""
FEW = 5


def check(kind: str, clips: list[Clip]) -> None:
    assert all(clip.kept_error == 0 for clip in clips)
    least, most = BORDERS[kind]
    assert least <= np.mean([clip.border for clip in clips]) <= most
    if KINDS[kind].hold >= 6 and not KINDS[kind].closed_loop:  # in a loop the object has to come back
        assert np.mean([clip.goes_as_prompted for clip in clips]) >= AS_PROMPTED


@pytest.mark.measured
def test_a_picture_comes_to_life_without_a_jump(tiny: Tiny) -> None:
    check("first, hold 8", [measured(tiny, KINDS["first, hold 8"], seed) for seed in range(FEW)])


@pytest.mark.nightly
@pytest.mark.parametrize("kind", KINDS)
def test_given_frames_and_motion_over_many_clips(tiny: Tiny, report: Callable[[str], None], kind: str) -> None:
    clips = [measured(tiny, KINDS[kind], seed) for seed in range(CLIPS)]
    report(line(kind, clips))
    check(kind, clips)
