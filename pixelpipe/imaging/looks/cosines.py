"""The cosines by which both kinds of placeholder describe a picture."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

_MOST_TERMS = 7


@lru_cache(maxsize=128)
def cosines(samples: int) -> NDArray[np.float64]:
    """One row for each of the seven lowest frequencies, taken at the middle of each sample."""
    at = (np.arange(samples) + 0.5) * np.pi / samples
    waves: NDArray[np.float64] = np.cos(np.arange(_MOST_TERMS)[:, np.newaxis] * at)
    return waves
