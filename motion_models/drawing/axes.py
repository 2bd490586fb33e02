"""Axes of curves."""

import math

TICKS = 5
"""About as many on an axis."""


def ticks(low: float, high: float, most: int = TICKS) -> list[float]:
    """Round numbers in a range: multiples of 1, 2 or 5 times a power of ten. most: about as many."""
    if not high > low:
        return [low]
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    size = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    first, last = math.ceil(low / size), math.floor(high / size)
    return [number * size for number in range(first, last + 1)]
