"""The inputs for the part of the sampling in which something acts."""

from comfy_api.latest import io


def percent_inputs(start_tooltip: str, end_tooltip: str, start: float = 0.0, end: float = 1.0) -> list[io.Float.Input]:
    """`start_percent` and `end_percent`, as ComfyUI counts them: 0 is the first step, 1 the last.

    start, end: the defaults.
    """
    given = (("start_percent", start, start_tooltip), ("end_percent", end, end_tooltip))
    return [
        io.Float.Input(name, default=default, min=0.0, max=1.0, step=0.001, tooltip=tooltip, advanced=True)
        for name, default, tooltip in given
    ]
