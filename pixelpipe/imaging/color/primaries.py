"""Red, green, blue and white as matrices to and from XYZ, under D50 as in ICC profiles."""

from collections.abc import Mapping, Sequence

import numpy as np

from pixelpipe.imaging.color.transfer import Floats

_D50 = np.array([0.9642, 1.0, 0.8249])
# The cone responses of Bradford (Lam, 1985), as ICC.1:2022 has them in annex E.
_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)
_LEAST = 1e-4

_D65 = (0.3127, 0.329)
_C = (0.31, 0.316)
_SRGB = (*_D65, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)

# x and y of white, red, green and blue, by the code points of ITU-T H.273.
PRIMARIES: Mapping[int, Sequence[float]] = {
    1: _SRGB,
    4: (*_C, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08),
    5: (*_D65, 0.64, 0.33, 0.29, 0.6, 0.15, 0.06),
    6: (*_D65, 0.63, 0.34, 0.31, 0.595, 0.155, 0.07),
    7: (*_D65, 0.63, 0.34, 0.31, 0.595, 0.155, 0.07),
    8: (*_C, 0.681, 0.319, 0.243, 0.692, 0.145, 0.049),
    9: (*_D65, 0.708, 0.292, 0.17, 0.797, 0.131, 0.046),
    11: (0.314, 0.351, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06),
    12: (*_D65, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06),
    22: (*_D65, 0.63, 0.34, 0.295, 0.605, 0.155, 0.077),
}


def to_xyz(chromaticities: Sequence[float]) -> Floats | None:
    """The matrix from linear red, green and blue to XYZ; white becomes that of D50.

    Args:
        chromaticities: x and y of white, red, green and blue.

    Returns:
        Three by three; None where no light has these chromaticities.
    """
    points = np.array(chromaticities, np.float64).reshape(4, 2)
    if points[:, 1].min() < _LEAST:
        return None
    x, y = points[:, 0], points[:, 1]
    white, *colors = np.stack([x / y, np.ones(4), (1 - x - y) / y], axis=1)
    matrix = np.stack(colors, axis=1)
    if abs(np.linalg.det(matrix)) < _LEAST:
        return None
    scaled = matrix * np.linalg.solve(matrix, white)
    cones = _BRADFORD @ white
    if cones.min() < _LEAST:
        return None
    return np.asarray(
        np.linalg.solve(_BRADFORD, np.diag(_BRADFORD @ _D50 / cones)) @ _BRADFORD @ scaled
    )


def from_xyz_to_srgb() -> Floats:
    """The matrix from XYZ under D50 to the linear red, green and blue of sRGB."""
    matrix = to_xyz(_SRGB)
    assert matrix is not None, "sRGB exists"
    return np.asarray(np.linalg.inv(matrix))
