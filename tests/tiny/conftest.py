"""The committed small models, for the tests that sample or train them."""

from collections.abc import Iterator

import pytest
import torch

from tests.tiny.evaluation import Tiny, tiny_models


@pytest.fixture(scope="module", autouse=True)
def inference() -> Iterator[None]:
    """The host runs its nodes in inference mode."""
    with torch.inference_mode():
        yield


@pytest.fixture(scope="module")
def tiny() -> Tiny:
    return tiny_models()
