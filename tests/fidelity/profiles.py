"""ICC profiles, written here byte by byte, and pictures converted by Pillow's LittleCMS."""

import io
import struct
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageCms

from tests.fidelity.references import Floats

D50 = (0.9642, 1.0, 0.8249)
BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)
# x and y of red, green and blue; white beside them.
SRGB_PRIMARIES = ((0.64, 0.33), (0.3, 0.6), (0.15, 0.06))
P3_PRIMARIES = ((0.68, 0.32), (0.265, 0.69), (0.15, 0.06))
ADOBE_PRIMARIES = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
PROPHOTO_PRIMARIES = ((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001))
D65_WHITE, D50_WHITE = (0.3127, 0.329), (0.3457, 0.3585)

VERSION_2, VERSION_4 = 0x02400000, 0x04300000
_CLUT_SIDE = 9


def _fixed(*values: float) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))


def srgb_light(samples: Floats) -> Floats:
    """IEC 61966-2-1."""
    return np.where(samples <= 0.04045, samples / 12.92, ((samples + 0.055) / 1.055) ** 2.4)


def gamma_curve(exponent: float) -> bytes:
    """A curve of one number."""
    return struct.pack(">4s4xIH2x", b"curv", 1, round(exponent * 256))


def table_curve(count: int, light: Callable[[Floats], Floats] = srgb_light) -> bytes:
    """A curve of so many numbers."""
    table = np.rint(light(np.linspace(0, 1, count)) * 65535).astype(">u2")
    return struct.pack(">4s4xI", b"curv", count) + table.tobytes()


def parametric_curve(kind: int, *values: float) -> bytes:
    """A curve of a formula."""
    return struct.pack(">4s4xH2x", b"para", kind) + _fixed(*values)


SRGB_CURVE = parametric_curve(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
PROPHOTO_CURVE = parametric_curve(3, 1.8, 1, 0, 1 / 16, 1 / 32)


def profile(
    tags: dict[bytes, bytes],
    space: bytes = b"RGB ",
    connection: bytes = b"XYZ ",
    version: int = VERSION_2,
) -> bytes:
    """A profile for screens (for presses, with CMYK) of these tags and little else."""
    kind = b"prtr" if space == b"CMYK" else b"mntr"
    tags = {b"wtpt": b"XYZ \0\0\0\0" + _fixed(*D50), **tags}
    table, body = b"", b""
    start = 132 + 12 * len(tags)
    for name, tag in tags.items():
        table += struct.pack(">4sII", name, start + len(body), len(tag))
        body += tag + bytes(-len(tag) % 4)
    header = struct.pack(
        ">I4xI4s4s4s12x4s28x", start + len(body), version, kind, space, connection, b"acsp"
    )
    header = (header + _fixed(*D50)).ljust(128, b"\0")
    return header + struct.pack(">I", len(tags)) + table + body


def matrix_profile(
    primaries: Sequence[tuple[float, float]],
    white: tuple[float, float] = D65_WHITE,
    curve: bytes = SRGB_CURVE,
    version: int = VERSION_4,
) -> bytes:
    """A profile of three colorants and one curve."""
    return profile(_matrix_tags(primaries, white, curve), version=version)


def _matrix_tags(
    primaries: Sequence[tuple[float, float]], white: tuple[float, float], curve: bytes
) -> dict[bytes, bytes]:
    matrix = adapted_matrix(primaries, white)
    colorants = (b"XYZ \0\0\0\0" + _fixed(*matrix[:, color]) for color in range(3))
    tags = dict(zip((b"rXYZ", b"gXYZ", b"bXYZ"), colorants, strict=True))
    return tags | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)


def adapted_matrix(primaries: Sequence[tuple[float, float]], white: tuple[float, float]) -> Floats:
    """Linear red, green and blue to XYZ under D50, by Bradford."""
    xyz = np.array([[x / y, 1, (1 - x - y) / y] for x, y in (*primaries, white)]).T
    scaled = xyz[:, :3] * np.linalg.solve(xyz[:, :3], xyz[:, 3])
    cones = (BRADFORD @ D50) / (BRADFORD @ xyz[:, 3])
    return np.asarray(np.linalg.inv(BRADFORD) @ np.diag(cones) @ BRADFORD @ scaled)


def gray_profile(curve: bytes) -> bytes:
    """A profile for gray."""
    return profile({b"kTRC": curve}, b"GRAY")


def cmyk_profile() -> bytes:
    """A press with dot gain, whose black is not wholly black and whose inks are not pure."""
    steps = np.linspace(0, 1, _CLUT_SIDE) ** 0.8
    ink = np.stack(np.meshgrid(steps, steps, steps, steps, indexing="ij"), axis=-1)
    cyan, magenta, yellow, black = np.moveaxis(ink, -1, 0)
    paper = np.stack([1 - 0.95 * cyan, 1 - 0.9 * magenta, 1 - 0.92 * yellow], axis=-1)
    paper[..., 1] *= 1 - 0.35 * cyan
    paper[..., 2] *= 1 - 0.3 * magenta
    paper *= (1 - 0.93 * black)[..., np.newaxis]
    return _table_profile(b"CMYK", 4, paper**1.6)


def rgb_table_profile() -> bytes:
    """A scanner whose colours are bent in a way that no matrix follows."""
    return _table_profile(b"RGB ", 3, _bent_light())


def table_beside_matrix_profile() -> bytes:
    """The same to XYZ of 16 bits (`mft2`), and a matrix for who cannot follow it."""
    xyz = _bent_light() @ adapted_matrix(SRGB_PRIMARIES, D65_WHITE).T
    levels = np.rint(xyz * 32768).astype(">u2")
    same = struct.pack(">2H", 0, 65535)
    header = struct.pack(">4s4xBBBx", b"mft2", 3, 3, _CLUT_SIDE)
    header += _fixed(1, 0, 0, 0, 1, 0, 0, 0, 1) + struct.pack(">2H", 2, 2)
    table = header + same * 3 + levels.tobytes() + same * 3
    return profile(_matrix_tags(P3_PRIMARIES, D65_WHITE, SRGB_CURVE) | {b"A2B0": table})


def _bent_light() -> Floats:
    steps = np.linspace(0, 1, _CLUT_SIDE)
    red, green, blue = np.meshgrid(steps, steps, steps, indexing="ij")
    bent = [red * (0.8 + 0.2 * green), green**1.2, blue * (1 - 0.3 * red * (1 - green))]
    return np.stack(bent, axis=-1) ** 2


def by_littlecms(picture: Image.Image, icc: bytes) -> Image.Image:
    """The picture in sRGB, alpha as it is."""
    source = ImageCms.ImageCmsProfile(io.BytesIO(icc))
    target = ImageCms.createProfile("sRGB")
    mode = {"RGBA": "RGB"}.get(picture.mode, picture.mode)
    converted = ImageCms.profileToProfile(picture.convert(mode), source, target, outputMode="RGB")
    assert converted is not None, "not in place"
    if picture.mode == "RGBA":
        converted.putalpha(picture.getchannel("A"))
    return converted.convert("L") if picture.mode == "L" else converted


def _table_profile(space: bytes, inputs: int, light: Floats) -> bytes:
    """Linear sRGB light at every corner of a grid, as Lab in 8 bits (`mft1`)."""
    xyz = light @ adapted_matrix(SRGB_PRIMARIES, D65_WHITE).T / D50
    root = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    x, y, z = np.moveaxis(root, -1, 0)
    lab = np.stack([(116 * y - 16) * 2.55, 500 * (x - y) + 128, 200 * (y - z) + 128], axis=-1)
    levels = np.clip(np.rint(lab), 0, 255).astype(np.uint8)
    same = bytes(range(256))
    header = struct.pack(">4s4xBBBx", b"mft1", inputs, 3, _CLUT_SIDE)
    table = header + _fixed(1, 0, 0, 0, 1, 0, 0, 0, 1) + same * inputs + levels.tobytes() + same * 3
    return profile({b"A2B0": table}, space, b"Lab ")
