"""ICC profiles of the simplest kind: three curves to light and a matrix to XYZ.

After ICC.1:2022, sections 7 (structure) and 10 (types), which reads version 2 as well. Most
profiles of cameras, phones and screens are of this kind.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from struct import Struct, error

import numpy as np

from pixelpipe.formats.color.tags import RGB, profile_space
from pixelpipe.imaging.color.transfer import Curve, Floats, power

_CONNECTION_AT, _XYZ = 20, b"XYZ "
_CLASS_AT, _CLASSES = 12, (b"scnr", b"mntr", b"prtr", b"spac")
_TAG_COUNT_AT = 128
_COUNT, _TAG = Struct(">I"), Struct(">4sII")
_MAX_TAGS = 128

_COLORANTS = (b"rXYZ", b"gXYZ", b"bXYZ")
_CURVES = (b"rTRC", b"gTRC", b"bTRC")
# With one of these, the matrix is only for those who cannot do better.
_TABLES = frozenset({b"A2B0", b"A2B1", b"D2B0", b"D2B1"})

_FIXED = 65536.0
_XYZ_VALUE = Struct(">4s4x3i")
_CURVE_HEADER = Struct(">4s4xI")
_PARAMETRIC_HEADER = Struct(">4s4xH2x")
_GAMMA = Struct(">H")
_GAMMA_ONE = 256.0
_PARAMETERS = (1, 3, 4, 5, 7)

_LEAST_LIGHT = 1 / 65535
# How bright the three colorants may be together; one that is whole comes to 1.
_WHITES = (0.7, 1.3)


class UnusableProfileError(ValueError):
    """A profile that is whole, and would make all pictures black or white."""


@dataclass(frozen=True, slots=True)
class MatrixProfile:
    """Samples of red, green and blue to XYZ under D50.

    Attributes:
        curves: From samples to light, in this order.
        matrix: From light to XYZ.
    """

    curves: tuple[Curve, Curve, Curve]
    matrix: Floats


def read_matrix_profile(profile: bytes) -> MatrixProfile | None:
    """Read a profile; None where it is of another kind, or broken.

    One whose black is not black is of another kind: where black moves to is a choice that
    LittleCMS makes.

    Raises:
        UnusableProfileError: It is of this kind, and leaves no picture to see.
    """
    known = profile[_CLASS_AT : _CLASS_AT + 4] in _CLASSES and profile_space(profile) == RGB
    if not known or profile[_CONNECTION_AT : _CONNECTION_AT + 4] != _XYZ:
        return None
    try:
        tags = _tags(profile)
        if not _TABLES.isdisjoint(tags):
            return None
        matrix = np.stack([_xyz(tags[name]) for name in _COLORANTS], axis=1)
        red, green, blue = (_curve(tags[name]) for name in _CURVES)
    except (error, KeyError, ValueError):
        return None
    lowest, highest = _WHITES
    if not lowest <= matrix[1].sum() <= highest:
        raise UnusableProfileError
    with np.errstate(all="ignore"):
        black = [float(curve(np.zeros(1))[0]) for curve in (red, green, blue)]
    if not all(abs(light) <= _LEAST_LIGHT for light in black):
        return None
    return MatrixProfile((red, green, blue), matrix)


def _tags(profile: bytes) -> Mapping[bytes, bytes]:
    (count,) = _COUNT.unpack_from(profile, _TAG_COUNT_AT)
    first = _TAG_COUNT_AT + _COUNT.size
    wanted = (*_COLORANTS, *_CURVES, *_TABLES)
    tags: dict[bytes, bytes] = {}
    for at in range(first, first + min(count, _MAX_TAGS) * _TAG.size, _TAG.size):
        name, start, size = _TAG.unpack_from(profile, at)
        if name in wanted:
            tags[name] = profile[start : start + size]
    return tags


def _xyz(tag: bytes) -> Floats:
    kind, *values = _XYZ_VALUE.unpack_from(tag)
    if kind != _XYZ:
        raise ValueError(kind)
    return np.array(values) / _FIXED


def _curve(tag: bytes) -> Curve:
    if tag[:4] == b"para":
        return _parametric(tag)
    kind, count = _CURVE_HEADER.unpack_from(tag)
    if kind != b"curv":
        raise ValueError(kind)
    if count == 0:
        return power(1.0)
    if count == 1:
        return power(_GAMMA.unpack_from(tag, _CURVE_HEADER.size)[0] / _GAMMA_ONE)
    table = np.frombuffer(tag, ">u2", count, _CURVE_HEADER.size) / 65535
    steps = np.linspace(0, 1, count)

    def interpolated(samples: Floats) -> Floats:
        return np.asarray(np.interp(samples, steps, table))

    return interpolated


def _parametric(tag: bytes) -> Curve:
    _, kind = _PARAMETRIC_HEADER.unpack_from(tag)
    if kind >= len(_PARAMETERS):
        raise ValueError(kind)
    values = np.frombuffer(tag, ">i4", _PARAMETERS[kind], _PARAMETRIC_HEADER.size) / _FIXED
    shape: Curve = _SHAPES[kind](*map(float, values))
    return shape


def _plain(g: float) -> Curve:
    return power(g)


def _shifted(g: float, a: float, b: float, c: float = 0.0) -> Curve:
    """Types 1 and 2: a power that begins where its base is 0."""
    return lambda x: np.where(a * x + b >= 0, np.maximum(a * x + b, 0) ** g, 0) + c


def _jointed(g: float, a: float, b: float, c: float, *rest: float) -> Curve:
    """Types 3 and 4: a line up to d, a power behind it.

    Args:
        g: The power.
        a: The factor in it.
        b: What is added in it.
        c: The slope of the line.
        rest: d; then, of type 4 only, what is added to the power (e) and to the line (f).
    """
    d, e, f = (*rest, 0.0, 0.0)[:3]
    return lambda x: np.where(x >= d, np.maximum(a * x + b, 0) ** g + e, c * x + f)


_SHAPES: tuple[Callable[..., Curve], ...] = (_plain, _shifted, _shifted, _jointed, _jointed)
