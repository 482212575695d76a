"""How different two colours look: CIEDE2000, after CIE 142-2001 and Sharma, Wu and Dalal (2005)."""

import numpy as np
from numpy.typing import NDArray

from pixelpipe.imaging.pixels import Pixels
from tests.fidelity.profiles import D65_WHITE, SRGB_PRIMARIES, srgb_light
from tests.fidelity.references import Floats

_FAR = 25.0**7


def srgb_difference(made: Pixels, reference: Pixels) -> tuple[float, float]:
    """Mean and maximum over pixels of sRGB, gray or BGR; alpha is left out."""
    if made.ndim == 2:
        made, reference = (np.dstack([pixels] * 3) for pixels in (made, reference))
    difference = ciede2000(_lab(made[..., :3]), _lab(reference[..., :3]))
    return float(difference.mean()), float(difference.max())


def _lab(bgr: Pixels) -> Floats:
    xyz = np.array([[x / y, 1, (1 - x - y) / y] for x, y in (*SRGB_PRIMARIES, D65_WHITE)]).T
    matrix = xyz[:, :3] * np.linalg.solve(xyz[:, :3], xyz[:, 3])
    relative = srgb_light(bgr[..., ::-1] / 255) @ matrix.T / xyz[:, 3]
    root = np.where(relative > 216 / 24389, np.cbrt(relative), (24389 / 27 * relative + 16) / 116)
    x, y, z = np.moveaxis(root, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def ciede2000(first: NDArray[np.floating], second: NDArray[np.floating]) -> Floats:
    """The difference of Lab colours; the last axis is L, a and b."""
    light_1, a_1, b_1 = np.moveaxis(first.astype(np.float64), -1, 0)
    light_2, a_2, b_2 = np.moveaxis(second.astype(np.float64), -1, 0)
    chroma_7 = ((np.hypot(a_1, b_1) + np.hypot(a_2, b_2)) / 2) ** 7
    stretch = 1.5 - 0.5 * np.sqrt(chroma_7 / (chroma_7 + _FAR))
    a_1, a_2 = a_1 * stretch, a_2 * stretch
    chroma_1, chroma_2 = np.hypot(a_1, b_1), np.hypot(a_2, b_2)
    hue_1 = np.degrees(np.arctan2(b_1, a_1)) % 360
    hue_2 = np.degrees(np.arctan2(b_2, a_2)) % 360
    gray = chroma_1 * chroma_2 == 0
    turn = np.where(gray, 0, (hue_2 - hue_1 + 180) % 360 - 180)
    d_hue = 2 * np.sqrt(chroma_1 * chroma_2) * np.sin(np.radians(turn / 2))
    hue = np.where(gray, hue_1 + hue_2, (hue_1 + turn / 2) % 360)
    light, chroma = (light_1 + light_2) / 2, (chroma_1 + chroma_2) / 2
    weight = (
        1
        - 0.17 * np.cos(np.radians(hue - 30))
        + 0.24 * np.cos(np.radians(2 * hue))
        + 0.32 * np.cos(np.radians(3 * hue + 6))
        - 0.2 * np.cos(np.radians(4 * hue - 63))
    )
    lightness = (light_2 - light_1) / (
        1 + 0.015 * (light - 50) ** 2 / np.hypot(20**0.5, light - 50)
    )
    saturation = (chroma_2 - chroma_1) / (1 + 0.045 * chroma)
    tint = d_hue / (1 + 0.015 * chroma * weight)
    twist = 60 * np.exp(-(((hue - 275) / 25) ** 2))
    rotation = -np.sin(np.radians(twist)) * 2 * np.sqrt(chroma**7 / (chroma**7 + _FAR))
    return np.asarray(
        np.sqrt(lightness**2 + saturation**2 + tint**2 + rotation * saturation * tint)
    )
