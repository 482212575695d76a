"""TIFF: the tags of the first directory.

After TIFF 6.0. Only the kinds of samples that can become 8-bit pixels are accepted.
"""

from pixelpipe.formats.exif import ORIENTATION_TAG, stored_orientation
from pixelpipe.formats.ifd import first_values
from pixelpipe.formats.reader import Reader
from pixelpipe.formats.refusal import not_accepted
from pixelpipe.formats.registry import Format
from pixelpipe.formats.source import SourceInfo

_WIDTH, _LENGTH, _BITS_PER_SAMPLE, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_SAMPLES_PER_PIXEL, _PLANES, _EXTRA_SAMPLES, _SAMPLE_FORMAT = 277, 284, 338, 339
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
        _EXTRA_SAMPLES,
        _SAMPLE_FORMAT,
    }
)

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _CMYK, _YCBCR, _CIELAB = 0, 1, 2, 3, 5, 6, 8
_ACCEPTED_BITS = {
    _WHITE_IS_ZERO: (1, 8, 16),
    _BLACK_IS_ZERO: (1, 8, 16),
    _RGB: (8, 16),
    _PALETTE: (1, 4, 8),
    _CMYK: (8,),
    _YCBCR: (8,),
    _CIELAB: (8,),
}
# None, three of CCITT, LZW, JPEG, deflate by two numbers, PackBits.
_COMPRESSIONS = frozenset({1, 2, 3, 4, 5, 7, 8, 32946, 32773})
_NO_COMPRESSION = 1
_PALETTE_BITS = 8
_DEEP_BITS, _SEPARATE_PLANES = 16, 2
_MAX_SAMPLES = 4
_UNSIGNED = 1
_ASSOCIATED_ALPHA, _UNASSOCIATED_ALPHA = 1, 2


def read_tiff(reader: Reader) -> SourceInfo:
    """Read size, samples and orientation of the first image.

    Alpha counts beside RGB only; that of gray is dropped.

    Raises:
        UnsupportedFormatError: Samples of a kind that is not accepted.
        DamagedImageError: A tag that is needed is missing, or the directory is broken.
    """
    tags = first_values(reader, _WANTED)
    missing = [tag for tag in (_WIDTH, _LENGTH, _PHOTOMETRIC) if tag not in tags]
    if missing:
        raise reader.damaged(f"its directory has no tag {missing[0]}")
    photometric = tags[_PHOTOMETRIC]
    bits = tags.get(_BITS_PER_SAMPLE, 1)
    _check_samples(tags, photometric, bits)
    return SourceInfo(
        format=Format.TIFF,
        stored_width=tags[_WIDTH],
        stored_height=tags[_LENGTH],
        channels=_channels(tags, photometric),
        bit_depth=_PALETTE_BITS if photometric == _PALETTE else bits,
        orientation=stored_orientation(tags),
    )


def _check_samples(tags: dict[int, int], photometric: int, bits: int) -> None:
    if tags.get(_SAMPLE_FORMAT, _UNSIGNED) != _UNSIGNED:
        raise not_accepted("A TIFF with signed or floating point samples", "unsigned integers are")
    compression = tags.get(_COMPRESSION, _NO_COMPRESSION)
    if compression not in _COMPRESSIONS:
        raise not_accepted(
            f"A TIFF of compression {compression}", "none, LZW, deflate, JPEG, PackBits and fax are"
        )
    if photometric not in _ACCEPTED_BITS:
        raise not_accepted(
            f"A TIFF of photometric interpretation {photometric}",
            "gray, palette, RGB, CMYK, YCbCr and CIELab are",
        )
    allowed_bits = _ACCEPTED_BITS[photometric]
    if bits not in allowed_bits:
        allowed = " or ".join(map(str, allowed_bits))
        raise not_accepted(f"A TIFF of this kind with {bits} bits per sample", f"{allowed} are")
    samples = tags.get(_SAMPLES_PER_PIXEL, 1)
    if samples > _MAX_SAMPLES:
        raise not_accepted("A TIFF with more samples per pixel", f"up to {_MAX_SAMPLES} are")
    # OpenCV takes the first plane for all of them, and fills up with what was in memory before.
    if bits == _DEEP_BITS and samples > 1 and tags.get(_PLANES) == _SEPARATE_PLANES:
        raise not_accepted("A TIFF with 16 bits per sample in separate planes", "pixels are")


def _channels(tags: dict[int, int], photometric: int) -> int:
    if photometric in {_WHITE_IS_ZERO, _BLACK_IS_ZERO}:
        return 1
    # Many writers leave the tag out where the fourth sample is alpha.
    extra = tags.get(_EXTRA_SAMPLES, _UNASSOCIATED_ALPHA)
    has_fourth = photometric == _RGB and tags.get(_SAMPLES_PER_PIXEL, 1) == _MAX_SAMPLES
    return 4 if has_fourth and extra in {_ASSOCIATED_ALPHA, _UNASSOCIATED_ALPHA} else 3
