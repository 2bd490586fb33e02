"""Long clips on the small models, in windows of four frames: with our windows and with the host's."""

from animatediff_xl.motion_models.context.handler import ContextHandler, add_context
from animatediff_xl.motion_models.context.windows import ContextSettings
from comfy_extras.nodes_context_windows import ContextWindowsManualNode
from torch import Tensor

from tests.sampling import sample, start_noise

CLIP = 10  # 4 + 3 * 2: windows of 4 that overlap by 2 divide it


def windowed(model, per_batch: int = 1, freenoise: bool = False, in_motion_modules: bool = False, **settings):
    """MODEL with our windows, by default of four frames."""
    windows = ContextSettings(**{"length": 4, "overlap": 2, **settings})
    return add_context(model, ContextHandler(windows, per_batch, freenoise, in_motion_modules=in_motion_modules))


def host_windowed(model, schedule: str = "standard_static", fuse: str = "pyramid", closed=False, freenoise=False,
                  anchor: bool = False):  # fmt: skip
    """MODEL with the windows of the host's own node."""
    names = {field.id for field in ContextWindowsManualNode.define_schema().inputs}
    settings = {
        "context_length": 4, "context_overlap": 2, "context_schedule": schedule, "context_stride": 1,
        "closed_loop": closed, "fuse_method": fuse, "dim": 0, "freenoise": freenoise, "cond_retain_index_list": "",
        "split_conds_to_windows": False, "latent_retain_index_list": "", "causal_window_fix": anchor,
    }  # fmt: skip
    settings = {name: value for name, value in settings.items() if name in names}
    return ContextWindowsManualNode.execute(model=model, **settings)[0]


def long_sample(model, frames: int = CLIP, **given) -> Tensor:
    return sample(model, noise=start_noise(frames), **given)


def same(found: Tensor, expected: Tensor, rounding: float = 1e-5) -> bool:
    """Equal up to rounding, relative to the largest value. The small random models give large values."""
    return bool((found - expected).abs().max() <= rounding * expected.abs().max())
