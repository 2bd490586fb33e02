"""What the tests of trainings share."""

import pytest

from tests.small import host_model


@pytest.fixture
def model(pair):
    """A MODEL that can be read again, as from a loader of the host's core."""
    weights = {key: value.clone() for key, value in pair.model.model.diffusion_model.state_dict().items()}

    def load(*_, disable_dynamic=False):
        return host_model({key: value.clone() for key, value in weights.items()})

    loaded = load()
    loaded.cached_patcher_init = (load, ())
    return loaded
