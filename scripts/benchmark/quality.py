"""Whether all sides make the same picture: each one's lossless variants beside a reference."""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from benchmark.levels import Floats, shown
from benchmark.likeness import psnr, ssim
from benchmark.pictures import Picture
from benchmark.references import Reference, reference
from benchmark.sets import VariantSet

_STEP_PX = 8
_PNG_SIZE = struct.Struct(">16x2I")


@dataclass(frozen=True, slots=True)
class Likeness:
    """How near a variant is to its reference.

    Attributes:
        psnr_db: Over all samples; 100 at most.
        ssim: Of the lumas.
    """

    psnr_db: float
    ssim: float


@dataclass(frozen=True, slots=True)
class VariantQuality:
    """One variant as all sides make it.

    Attributes:
        picture: Name of the picture.
        asked: Name of the set.
        variant: Name of the variant.
        width: In pixels, as PixelPipe makes it.
        height: Likewise.
        area_db: PSNR of the same resize by OpenCV's INTER_AREA; None where nothing is resized, or
            a blur hides how.
        sides: By contender; None for one that makes it in another size.
    """

    picture: str
    asked: str
    variant: str
    width: int
    height: int
    area_db: float | None
    sides: Mapping[str, Likeness | None]

    @property
    def below_area(self) -> bool:
        """Whether PixelPipe's is worse than INTER_AREA's: its speed then does not count."""
        own = self.sides["pixelpipe"]
        return own is not None and self.area_db is not None and own.psnr_db < self.area_db


def compare(
    picture: Picture, asked: VariantSet, made: Mapping[str, Mapping[str, bytes]]
) -> Iterator[VariantQuality]:
    """Compare what the contenders made, variant by variant.

    Args:
        picture: What they were sent.
        asked: What they were asked for, lossless.
        made: PNG files, by contender and variant; PixelPipe's among them.
    """
    source = shown(picture.content)
    for spec in asked.specs:
        files = {name: variants[spec["name"]] for name, variants in made.items()}
        size_px = _png_size(files["pixelpipe"])
        best = reference(source, spec, size_px)
        sides = {name: _likeness(png, size_px, best) for name, png in files.items()}
        area_db = None if best.area is None else _best(best.area, best).psnr_db
        yield VariantQuality(picture.name, asked.name, spec["name"], *size_px, area_db, sides)


def _png_size(png: bytes) -> tuple[int, int]:
    width, height = _PNG_SIZE.unpack_from(png)
    return width, height


def _likeness(png: bytes, size_px: tuple[int, int], best: Reference) -> Likeness | None:
    return _best(shown(png), best) if _png_size(png) == size_px else None


def _best(made: Floats, best: Reference) -> Likeness:
    """By the reference that is nearest: the one whose crop and gray are this side's."""
    if made.ndim > best.levels[0].ndim:
        made = made[..., 0]
    # Some rows tell which is nearest as well as all of them.
    rows = slice(None, None, _STEP_PX)
    nearest = max(best.levels, key=lambda each: psnr(made[rows], each[rows]))
    return Likeness(psnr(made, nearest), ssim(made, nearest))
