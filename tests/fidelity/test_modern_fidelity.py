"""AVIF, HEIC and JPEG XL measured against what was encoded, and against other decoders."""

import io
import struct
from collections.abc import Callable

import numpy as np
import pillow_heif
import pytest
import pyvips
from PIL import Image, ImageOps

from pixelpipe.errors import UnsupportedFormatError
from pixelpipe.formats.registry import Format
from pixelpipe.imaging.jxl import decode_jxl
from pixelpipe.imaging.pixels import Pixels
from pixelpipe.recipes.task import Decode
from tests.fidelity import avif_boxes
from tests.fidelity.avif_boxes import avif, clap
from tests.fidelity.difference import srgb_difference
from tests.fidelity.files import bgr, decoded, image
from tests.fidelity.profiles import P3_PRIMARIES, by_littlecms, matrix_profile
from tests.fidelity.references import psnr
from tests.modern_files import heic, jxl, packed_jpeg
from tests.unit.jxl_files import PREMULTIPLIED, contained, frames_of, header
from tests.unit.probe_files import box, probed

HEIGHT, WIDTH = 90, 121
FADE = np.tile(np.linspace(30, 255, WIDTH).astype(np.uint8), (HEIGHT, 1))


def pixels_of(content: bytes) -> Pixels:
    """As a server would: what the header says is what the decoder has to give."""
    info = probed(content)
    size = info.width, info.height
    return decoded(content, Decode(info.format, *size, info.channels, info.orientation, 1, *size))


def with_alpha() -> Image.Image:
    picture = image().convert("RGBA")
    picture.putalpha(Image.fromarray(FADE))
    return picture


def upright(picture: Image.Image, orientation: int) -> Image.Image:
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = io.BytesIO()
    picture.save(content, "PNG", exif=exif)
    return ImageOps.exif_transpose(Image.open(content))


def shown(content: bytes) -> Pixels:
    """By libheif in libvips, which is neither libavif nor OpenCV."""
    return np.asarray(pyvips.Image.new_from_buffer(content, "").numpy())[..., [2, 1, 0]]


def of_libheif(content: bytes) -> Pixels:
    file = pillow_heif.open_heif(content, bgr_mode=True)
    return np.asarray(file[file.primary_index])


@pytest.mark.parametrize("subsampling", ["4:2:0", "4:2:2", "4:4:4", "4:0:0"])
@pytest.mark.parametrize("levels", ["full", "limited"])
@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "LA"])
def test_avif_of_every_subsampling_and_range(subsampling: str, levels: str, mode: str) -> None:
    picture = with_alpha().convert(mode)
    pixels = pixels_of(avif(picture, subsampling=subsampling, range=levels))
    gray = subsampling == "4:0:0"
    wanted = picture.convert("LA").convert("RGBA") if gray else picture.convert("RGBA")
    made = Image.fromarray(pixels if pixels.ndim == 2 else pixels[..., ::-1][..., -3:])
    made = made.convert("RGB")
    assert psnr(np.asarray(made), np.asarray(wanted.convert("RGB"))) > 36
    if mode.endswith("A"):
        assert np.abs(pixels[..., 3].astype(int) - FADE).max() <= 3
    else:
        assert pixels.ndim == (2 if gray else 3)
    # A range that is taken for the other one is 6 levels off.
    assert abs(float(np.asarray(made).mean()) - np.asarray(wanted.convert("RGB")).mean()) < 0.5


def test_avif_is_what_another_library_shows() -> None:
    content = avif(image(), subsampling="4:4:4")
    assert np.abs(pixels_of(content).astype(int) - shown(content)).max() <= 1


def multiplied() -> Image.Image:
    """Colours times alpha, under the name of straight ones."""
    picture = np.asarray(with_alpha()).astype(np.float64)
    picture[..., :3] *= picture[..., 3:] / 255
    return Image.fromarray(np.rint(picture).astype(np.uint8), "RGBA")


def multiplied_heic() -> bytes:
    content, picture = io.BytesIO(), multiplied()
    coded = pillow_heif.from_bytes(mode="RGBa", size=picture.size, data=picture.tobytes())
    coded.save(content, quality=95)
    return content.getvalue()


@pytest.mark.parametrize(
    "made",
    [lambda: avif(with_alpha(), alpha_premultiplied=True), multiplied_heic],
    ids=["avif", "heic"],
)
def test_alpha_that_colours_are_multiplied_by_is_undone(made: Callable[[], bytes]) -> None:
    content = made()
    assert b"prem" in content
    pixels = pixels_of(content)
    visible = FADE > 90
    assert psnr(pixels[visible, :3], bgr(with_alpha())[visible, :3]) > 32
    assert np.abs(pixels[..., 3].astype(int) - FADE).max() <= 4


@pytest.mark.parametrize("size", [(128, 64), (200, 150), (129, 75)])
def test_an_avif_grid_is_put_together_and_cut_off(size: tuple[int, int]) -> None:
    picture = image(size[1], size[0])
    content = avif_boxes.grid(picture, 64)
    pixels = pixels_of(content)
    assert psnr(pixels, bgr(picture)) > 38
    assert psnr(pixels, bgr(Image.open(io.BytesIO(content)))) > 60


def test_each_tile_of_an_avif_grid_has_alpha_of_its_own() -> None:
    picture = with_alpha()
    pixels = pixels_of(avif_boxes.grid(picture.convert("RGB"), 64, alpha=picture.getchannel("A")))
    assert np.abs(pixels[..., 3].astype(int) - FADE).max() <= 5
    assert psnr(pixels[..., :3], bgr(picture)[..., :3]) > 36


@pytest.mark.parametrize("orientation", [1, 4, 5, 6, 8])
def test_an_avif_is_cut_then_turned_then_mirrored(orientation: int) -> None:
    turns, mirror = {1: (0, None), 4: (0, 0), 5: (1, 0), 6: (3, None), 8: (1, None)}[orientation]
    picture = image()
    turned = [box(b"irot", bytes((turns,)))] * bool(turns)
    turned += [] if mirror is None else [box(b"imir", bytes((mirror,)))]
    aperture = clap(101, 50, -5, 10)
    for content in (
        avif_boxes.single(picture, aperture, *turned),
        avif_boxes.grid(picture, 64, aperture, *turned),
    ):
        wanted = upright(picture.crop((5, 30, 106, 80)), orientation)
        pixels = pixels_of(content)
        assert pixels.shape[:2] == (wanted.height, wanted.width)
        assert psnr(pixels, bgr(wanted)) > 36


def test_the_bytes_of_an_avif_may_lie_in_its_metadata_or_in_several_places() -> None:
    plain = pixels_of(avif(image()))
    assert (pixels_of(avif_boxes.in_meta(image())) == plain).all()
    assert (pixels_of(avif_boxes.scattered(image(), 7, 900)) == plain).all()


def test_an_avif_sequence_without_items_is_its_first_frame() -> None:
    frames = [image(), Image.new("RGB", (WIDTH, HEIGHT), "red")]
    content = avif_boxes.sequence_alone(frames)
    assert probed(content).frames == 2
    assert psnr(pixels_of(content), bgr(image())) > 34


def test_an_avif_that_is_derived_from_others_is_not_accepted() -> None:
    content = avif_boxes.single(image()).replace(b"av01", b"iovl", 1)
    with pytest.raises(UnsupportedFormatError, match="derived from others is not accepted"):
        pixels_of(content)


@pytest.mark.parametrize("chroma", ["420", "422", "444"])
@pytest.mark.parametrize("tile_size", [0, 64])
def test_heic_is_what_was_encoded_and_what_another_library_shows(
    chroma: str, tile_size: int
) -> None:
    picture = image(180, 242)
    content = heic(picture, quality=95, chroma=chroma, tile_size=tile_size)
    pixels, theirs = pixels_of(content), of_libheif(content)
    assert psnr(pixels, bgr(picture)) >= psnr(theirs, bgr(picture)) - 0.1 > 34
    if chroma == "444":
        assert np.abs(pixels.astype(int) - theirs).max() <= 1


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA"])
@pytest.mark.parametrize("tile_size", [0, 64])
def test_heic_of_gray_and_with_alpha(mode: str, tile_size: int) -> None:
    picture = with_alpha().convert(mode)
    pixels = pixels_of(heic(picture, quality=95, tile_size=tile_size))
    if mode == "L":
        assert psnr(pixels, np.asarray(picture)) > 38
        return
    assert np.abs(pixels[..., 3].astype(int) - FADE).max() <= 4
    assert psnr(pixels[..., :3], bgr(picture.convert("RGBA"))[..., :3]) > 34


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_of_heic_and_jpeg_xl_is_undone_once(orientation: int) -> None:
    picture = image()
    wanted = upright(picture, orientation)
    lossless = jxl(picture, lossless=True, quality=100)
    turned = header((WIDTH, HEIGHT), orientation=orientation) + frames_of(lossless)
    assert (pixels_of(turned) == bgr(wanted)).all()
    pixels = pixels_of(heic(picture, orientation, quality=95))
    assert psnr(pixels, bgr(wanted)) > 34


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (7, 5), (17, 31), (65, 33)])
def test_small_and_odd_sizes(size: tuple[int, int]) -> None:
    picture = Image.new("RGB", size, (200, 100, 50))
    for encode in (heic, jxl, avif):
        pixels = pixels_of(encode(picture))
        assert pixels.shape == (size[1], size[0], 3)
        assert np.abs(pixels.astype(int) - (50, 100, 200)).max() <= 4


@pytest.mark.parametrize("matrix", [1, 5, 9])
@pytest.mark.parametrize("full_range", [0, 1])
def test_matrix_and_range_of_heic(matrix: int, full_range: int) -> None:
    picture = image(64, 64)
    coding = {"matrix_coefficients": matrix, "full_range_flag": full_range}
    content = heic(picture, quality=98, chroma="444", **coding)
    assert struct.pack(">HB", matrix, full_range << 7) in content
    pixels = pixels_of(content)
    assert psnr(pixels, bgr(picture)) > 36
    assert np.abs(pixels.astype(int) - of_libheif(content)).max() <= 2


@pytest.mark.parametrize("chroma", ["420", "444"])
def test_heic_of_10_bits(chroma: str) -> None:
    wide = np.asarray(image(64, 80)).astype(np.uint16) * 257
    content = io.BytesIO()
    deep = pillow_heif.from_bytes(mode="RGB;16", size=(80, 64), data=wide.tobytes())
    deep.save(content, quality=98, chroma=chroma)
    assert probed(content.getvalue()).bit_depth == 10
    pixels = pixels_of(content.getvalue())
    assert psnr(pixels, bgr(image(64, 80))) > (34 if chroma == "420" else 42)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA"])
def test_jpeg_xl_without_loss_bit_by_bit(mode: str) -> None:
    picture = with_alpha().convert(mode)
    pixels = pixels_of(jxl(picture, lossless=True, quality=100))
    wanted = np.asarray(picture) if mode == "L" else bgr(picture.convert("RGBA"))
    assert (pixels == (wanted if pixels.ndim == 2 else wanted[..., : pixels.shape[2]])).all()


@pytest.mark.parametrize("quality", [50, 90])
def test_jpeg_xl_with_loss(quality: int) -> None:
    assert psnr(pixels_of(jxl(image(), quality=quality)), bgr(image())) > 25 + quality / 9


def test_jpeg_xl_of_16_bits() -> None:
    levels = np.arange(60 * 80, dtype=np.uint16).reshape(60, 80) * 13
    content = jxl(Image.fromarray(levels), lossless=True, quality=100)
    assert probed(content).bit_depth == 16
    assert np.abs(decode_jxl(content).pixels - levels / 257).max() <= 0.5


def test_alpha_of_jpeg_xl_that_colours_are_multiplied_by_is_undone() -> None:
    lossless = jxl(multiplied(), lossless=True, quality=100)
    content = header((WIDTH, HEIGHT), extra=[PREMULTIPLIED]) + frames_of(lossless)
    pixels = pixels_of(content)
    assert (pixels[..., 3] == FADE).all()
    assert np.abs(pixels.astype(int) - bgr(with_alpha())).max() <= 5


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_jpeg_that_was_packed_as_jpeg_xl_is_upright_once(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = io.BytesIO()
    image().save(content, "JPEG", exif=exif, quality=95, subsampling=0)
    packed = packed_jpeg(content.getvalue(), (WIDTH, HEIGHT))
    wanted = ImageOps.exif_transpose(Image.open(content))
    pixels = pixels_of(packed)
    assert pixels.shape[:2] == (wanted.height, wanted.width)
    assert psnr(pixels, bgr(wanted)) > 45


def test_a_wide_profile_in_a_jpeg_xl_is_converted() -> None:
    profile = matrix_profile(P3_PRIMARIES)
    content = io.BytesIO()
    image().save(content, "JPEG", icc_profile=profile, quality=95, subsampling=0)
    packed = packed_jpeg(content.getvalue(), (WIDTH, HEIGHT))
    wanted = by_littlecms(Image.open(content), profile)
    mean, _ = srgb_difference(pixels_of(packed), bgr(wanted))
    assert mean < 1, "most of which is that the two decode the JPEG a little differently"
    plain, _ = srgb_difference(bgr(Image.open(content)), bgr(wanted))
    assert plain > 1.5, "else it shows nothing"


def test_a_jpeg_xl_in_a_container_is_the_same_picture() -> None:
    bare = jxl(image())
    assert (pixels_of(contained(box(b"jxlc", bare))) == pixels_of(bare)).all()
    assert probed(bare).format == Format.JXL
