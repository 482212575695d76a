"""TIFF: the tags of the first directory.

After TIFF 6.0. Only the kinds of samples that can become 8-bit pixels are accepted.
"""

from dataclasses import dataclass

from pixelpipe.formats.exif import ORIENTATION_TAG, stored_orientation
from pixelpipe.formats.ifd import first_values
from pixelpipe.formats.reader import Reader
from pixelpipe.formats.refusal import not_accepted
from pixelpipe.formats.registry import Format
from pixelpipe.formats.source import SourceInfo

_WIDTH, _LENGTH, _BITS_PER_SAMPLE, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_SAMPLES_PER_PIXEL, _PLANES, _EXTRA_SAMPLES, _SAMPLE_FORMAT = 277, 284, 338, 339
_TILE_WIDTH = 322
_WANTED = frozenset(
    {
        _WIDTH,
        _LENGTH,
        _BITS_PER_SAMPLE,
        _COMPRESSION,
        _PHOTOMETRIC,
        ORIENTATION_TAG,
        _SAMPLES_PER_PIXEL,
        _PLANES,
        _TILE_WIDTH,
        _EXTRA_SAMPLES,
        _SAMPLE_FORMAT,
    }
)

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _CMYK, _YCBCR, _CIELAB = 0, 1, 2, 3, 5, 6, 8
_ACCEPTED_BITS = {
    _WHITE_IS_ZERO: (1, 2, 4, 8, 16),
    _BLACK_IS_ZERO: (1, 2, 4, 8, 16),
    _RGB: (8, 16),
    _PALETTE: (1, 2, 4, 8),
    _CMYK: (8, 16),
    _YCBCR: (8,),
    _CIELAB: (8,),
}
# None, three of CCITT, LZW, JPEG, deflate by two numbers, PackBits.
_COMPRESSIONS = frozenset({1, 2, 3, 4, 5, 7, 8, 32946, 32773})
_NO_COMPRESSION = 1
_BYTE_BITS, _DEEP_BITS = 8, 16
_SEPARATE_PLANES = 2
_MAX_SAMPLES = 4
_UNSIGNED = 1
_UNSPECIFIED, _ASSOCIATED_ALPHA, _UNASSOCIATED_ALPHA = 0, 1, 2


@dataclass(frozen=True, slots=True)
class TiffSamples:
    """What the samples of a picture are.

    Attributes:
        photometric: The photometric interpretation.
        bits: Of each sample.
        count: How many a pixel has.
        planes: Whether each of them is stored apart.
        extra: What the first one behind the colours is; None where the file does not say.
        bare_tiles: Whether they lie in tiles, and are not compressed.
    """

    photometric: int
    bits: int
    count: int
    planes: bool
    extra: int | None
    bare_tiles: bool

    @property
    def gray(self) -> bool:
        """Whether they are gray levels."""
        return self.photometric in {_WHITE_IS_ZERO, _BLACK_IS_ZERO}

    @property
    def white_is_zero(self) -> bool:
        """Whether the lowest level is white."""
        return self.photometric == _WHITE_IS_ZERO

    @property
    def ink(self) -> bool:
        """Whether they are cyan, magenta, yellow and black."""
        return self.photometric == _CMYK

    @property
    def lab(self) -> bool:
        """Whether they are lightness and two colours of CIE 1976, of D50."""
        return self.photometric == _CIELAB

    @property
    def rgb(self) -> bool:
        """Whether the first three are red, green and blue."""
        return self.photometric == _RGB

    @property
    def indexed(self) -> bool:
        """Whether they are numbers of colours in a palette."""
        return self.photometric == _PALETTE

    @property
    def alpha(self) -> bool:
        """Whether the last of them is alpha."""
        if self.gray:
            return self.count == 2 and self.extra in {_ASSOCIATED_ALPHA, _UNASSOCIATED_ALPHA}  # noqa: PLR2004 - gray and alpha
        # Many writers leave the tag out where the fourth sample is alpha.
        has_fourth = self.rgb and self.count == _MAX_SAMPLES
        return has_fourth and self.extra in {None, _ASSOCIATED_ALPHA, _UNASSOCIATED_ALPHA}

    @property
    def straight(self) -> bool:
        """Whether the file says of its alpha that colours are not multiplied by it."""
        return self.alpha and self.extra == _UNASSOCIATED_ALPHA

    @property
    def multiplied(self) -> bool:
        """Whether colours are multiplied by alpha."""
        return self.alpha and self.extra == _ASSOCIATED_ALPHA


def read_tiff(reader: Reader) -> SourceInfo:
    """Read size, samples and orientation of the first image.

    Alpha counts beside RGB and gray only.

    Raises:
        UnsupportedFormatError: Samples of a kind that is not accepted.
        DamagedImageError: A tag that is needed is missing, or the directory is broken.
    """
    tags = first_values(reader, _WANTED)
    missing = [tag for tag in (_WIDTH, _LENGTH, _PHOTOMETRIC) if tag not in tags]
    if missing:
        raise reader.damaged(f"its directory has no tag {missing[0]}")
    samples = _samples(tags)
    _check_samples(tags, samples)
    return SourceInfo(
        format=Format.TIFF,
        stored_width=tags[_WIDTH],
        stored_height=tags[_LENGTH],
        channels=_channels(samples),
        bit_depth=_BYTE_BITS if samples.indexed else samples.bits,
        orientation=stored_orientation(tags),
    )


def tiff_samples(reader: Reader) -> TiffSamples:
    """What the samples of a file are that `read_tiff` accepted."""
    return _samples(first_values(reader, _WANTED))


def _samples(tags: dict[int, int]) -> TiffSamples:
    return TiffSamples(
        photometric=tags[_PHOTOMETRIC],
        bits=tags.get(_BITS_PER_SAMPLE, 1),
        count=tags.get(_SAMPLES_PER_PIXEL, 1),
        planes=tags.get(_PLANES) == _SEPARATE_PLANES,
        extra=tags.get(_EXTRA_SAMPLES),
        bare_tiles=_TILE_WIDTH in tags and _compression(tags) == _NO_COMPRESSION,
    )


def _check_samples(tags: dict[int, int], samples: TiffSamples) -> None:
    if tags.get(_SAMPLE_FORMAT, _UNSIGNED) != _UNSIGNED:
        raise not_accepted("A TIFF with signed or floating point samples", "unsigned integers are")
    compression = _compression(tags)
    if compression not in _COMPRESSIONS:
        raise not_accepted(
            f"A TIFF of compression {compression}", "none, LZW, deflate, JPEG, PackBits and fax are"
        )
    if samples.photometric not in _ACCEPTED_BITS:
        raise not_accepted(
            f"A TIFF of photometric interpretation {samples.photometric}",
            "gray, palette, RGB, CMYK, YCbCr and CIELab are",
        )
    allowed_bits = _ACCEPTED_BITS[samples.photometric]
    if samples.bits not in allowed_bits:
        allowed = " or ".join(map(str, allowed_bits))
        raise not_accepted(
            f"A TIFF of this kind with {samples.bits} bits per sample", f"{allowed} are"
        )
    if samples.count > _MAX_SAMPLES:
        raise not_accepted("A TIFF with more samples per pixel", f"up to {_MAX_SAMPLES} are")
    if samples.bits < _BYTE_BITS and samples.count > 1:
        raise not_accepted("A TIFF of several samples of less than 8 bits", "one is")
    _check_readable(samples)


def _compression(tags: dict[int, int]) -> int:
    return tags.get(_COMPRESSION, _NO_COMPRESSION)


def _check_readable(samples: TiffSamples) -> None:
    """Refuse what neither OpenCV nor Pillow read right."""
    # OpenCV takes the first plane for all of them, and fills up with what was in memory before.
    if samples.bits == _DEEP_BITS and samples.count > 1 and samples.planes:
        raise not_accepted("A TIFF with 16 bits per sample in separate planes", "pixels are")
    if samples.gray and samples.alpha and (samples.bits == _DEEP_BITS or samples.planes):
        raise not_accepted(
            "A TIFF of gray with alpha in 16 bits or in separate planes", "pixels of 8 bits are"
        )


def _channels(samples: TiffSamples) -> int:
    if samples.alpha:
        return 4
    return 1 if samples.gray else 3
