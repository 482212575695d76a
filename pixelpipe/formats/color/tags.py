"""What the parsers of all formats find: the tags that say which colours the samples stand for."""

from dataclasses import dataclass

MAX_PROFILE_BYTES = 4 << 20

_HEADER_BYTES = 128
_SIGNATURE_AT, _SIGNATURE = 36, b"acsp"
_SPACE_AT, _SPACE_BYTES = 16, 4

RGB, GRAY, CMYK = b"RGB ", b"GRAY", b"CMYK"


@dataclass(frozen=True, slots=True)
class Cicp:
    """Colour by the code points of ITU-T H.273.

    Attributes:
        primaries: Which red, green, blue and white.
        transfer: Which curve from samples to light.
        full_range: Whether black is 0 and white the highest level; otherwise as in video.
    """

    primaries: int
    transfer: int
    full_range: bool = True


@dataclass(frozen=True, slots=True)
class Calibration:
    """Colour by PNG's older chunks; what is None is that of sRGB.

    Attributes:
        exponent: Light is the sample to this power, both from 0 to 1.
        chromaticities: x and y of white, red, green and blue.
    """

    exponent: float | None = None
    chromaticities: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True)
class ColorTags:
    """How a file says its colours; of several ways only the one that counts.

    Attributes:
        profile: An ICC profile; empty for none.
        coding: The same in another way; None for none.
        ink: Whether the samples of a JPEG are cyan, magenta, yellow and black. They then say how
            much paper is left, and not how much ink there is: writers follow Adobe, and readers
            take it for granted.
    """

    profile: bytes = b""
    coding: Cicp | Calibration | None = None
    ink: bool = False

    def __bool__(self) -> bool:
        return bool(self.profile) or self.coding is not None


UNTAGGED = ColorTags()


def checked_profile(profile: bytes) -> bytes:
    """The profile cut to the size that its header says; empty if it is none."""
    size = int.from_bytes(profile[:4], "big")
    signed = profile[_SIGNATURE_AT : _SIGNATURE_AT + len(_SIGNATURE)] == _SIGNATURE
    return profile[:size] if signed and _HEADER_BYTES <= size <= len(profile) else b""


def profile_space(profile: bytes) -> bytes:
    """Which samples a profile is for: `RGB`, `GRAY`, `CMYK`, or another that nobody converts."""
    return profile[_SPACE_AT : _SPACE_AT + _SPACE_BYTES]
