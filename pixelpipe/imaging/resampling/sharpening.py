"""How much a quickly resized picture is sharpened, to come close to Lanczos.

Halving, smoothing and interpolating are quick, and take out what is too fine for the target, but
a little of what is not with it. What each does to a frequency is known, and so is what a Lanczos
filter would do to it. So the filter of three taps that leaves the least difference between the
two can be worked out: by linear least squares over all frequencies, with the power that they have
in a photograph, which falls with their square.
"""

from functools import lru_cache

import numpy as np

from pixelpipe.imaging.resampling.kernels import LANCZOS3, LINE, OPENCV_CUBIC, Floats, Interpolation

_FREQUENCIES = 96
# The spectrum of what was sampled repeats; so far from its middle nothing is left of it.
_REPEATS = 3
# Beside the photograph, noise of equal power everywhere, so that no fine pattern is let through.
_NOISE = 1e-4
_STEPS = 16


@lru_cache(maxsize=512)
def sharpening(halvings: int, tap: float, ratio: float, *, linear: bool) -> float:
    """Work out the weight that each neighbour of a resized pixel has in it; under 0 sharpens.

    Args:
        halvings: How often the picture was halved, by means of two.
        tap: The weight that each neighbour was given after that.
        ratio: Pixels of the half by pixels of the target.
        linear: Whether the interpolation is linear, and not OpenCV's cubic.
    """
    fine = (np.arange(_FREQUENCIES) + 0.5) / (2 * _FREQUENCIES)
    frequencies = fine * 2**halvings
    power = 1 / (4 * _FREQUENCIES * fine) ** 2 + _NOISE
    wanted = _spectrum(LANCZOS3, frequencies * ratio)
    left = _filter(tap, frequencies)
    for before in range(halvings):
        left *= np.cos(np.pi * fine * 2**before)
    helped = needed = 0.0
    for repeat in range(-_REPEATS, _REPEATS + 1):
        there = frequencies + repeat
        made = left * _spectrum(LINE if linear else OPENCV_CUBIC, there)
        missing = made - (wanted if repeat == 0 else 0)
        by_weight = made * (1 - _filter(1, there * ratio))
        helped += float(power @ (by_weight * missing))
        needed += float(power @ by_weight**2)
    return helped / needed


def _filter(tap: float, frequencies: Floats) -> Floats:
    """What a filter of three taps leaves of each frequency, in cycles by its pixel."""
    return 1 - 2 * tap * (1 - np.cos(2 * np.pi * frequencies))


def _spectrum(kernel: Interpolation, frequencies: Floats) -> Floats:
    """What a kernel leaves of each frequency, in cycles by pixel that it is applied to."""
    steps = kernel.reach * _STEPS
    offsets = (np.arange(steps) + 0.5) / _STEPS
    weights = kernel.weight(offsets)
    waves = np.cos(2 * np.pi * np.outer(frequencies, offsets))
    return np.asarray(waves @ (weights / weights.sum()))
