"""Each test of a conversion runs with both formats of a graph."""

from collections.abc import Callable

import pytest

from .graphs import FORMATS, Converted, Graph


@pytest.fixture(params=FORMATS)
def converted(request: pytest.FixtureRequest) -> Callable[[Graph], Converted]:
    """Converts a graph in one of the formats."""
    return lambda graph: Converted(FORMATS[request.param](graph))
