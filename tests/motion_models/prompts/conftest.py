"""The text encoders of the tiny SDXL for all tests of this folder."""

from typing import Any

import pytest

from tests.tiny.evaluation import tiny_models


@pytest.fixture(scope="session")
def clip() -> Any:
    return tiny_models().clip
