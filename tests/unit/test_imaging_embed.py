"""What is embedded into finished files, read again by Pillow and by libvips."""

import io
import zlib

import numpy as np
import pytest
import pyvips
from PIL import Image, ImageCms

from pixelpipe.formats.metadata.read import read_blocks
from pixelpipe.formats.registry import WRITABLE, Format
from pixelpipe.imaging.attachments import NOTHING, Attachments
from pixelpipe.imaging.embed import embed
from pixelpipe.imaging.encode import encode
from pixelpipe.imaging.pixels import Pixels
from pixelpipe.recipes.task import EncodeOptions
from tests import labelled
from tests.fidelity.pictures import noise, read_only, scene
from tests.tasks import make_task

EXIF, XMP, IPTC = labelled.exif(thumbnail=False), labelled.xmp(), labelled.iptc()
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
ALL = Attachments(EXIF, XMP, IPTC, PROFILE)

COLOR = scene(61, 47)
GRAY = read_only(COLOR[..., 1].copy())
ALPHA = read_only(np.dstack([COLOR, np.full((61, 47), 180, np.uint8)]))

KINDS = [
    (Format.JPEG, COLOR, {}),
    (Format.JPEG, COLOR, {"progressive": True}),
    (Format.PNG, COLOR, {}),
    (Format.PNG, ALPHA, {}),
    (Format.PNG, ALPHA, {"colors": 16}),
    (Format.WEBP, COLOR, {}),
    (Format.WEBP, ALPHA, {}),
    (Format.WEBP, COLOR, {"lossless": True}),
    (Format.WEBP, ALPHA, {"lossless": True}),
    (Format.AVIF, COLOR, {}),
    (Format.AVIF, ALPHA, {}),
]


def encoded(target: Format, pixels: Pixels, attachments: Attachments, **options: object) -> bytes:
    task = make_task(format=target, quality=0, options=EncodeOptions(**options))  # type: ignore[arg-type]
    return bytes(encode(pixels, task, attachments).content)


def opened(content: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(content))
    picture.load()
    return picture


def pixels_of(content: bytes) -> Pixels:
    return np.asarray(opened(content).convert("RGBA"))


@pytest.mark.parametrize(("target", "pixels", "options"), KINDS)
class TestEverything:
    def test_pillow_reads_all_of_it(
        self, target: Format, pixels: Pixels, options: dict[str, object]
    ) -> None:
        picture = opened(encoded(target, pixels, ALL, **options))
        assert picture.size == (47, 61)
        assert picture.info["icc_profile"] == PROFILE
        assert picture.getexif()[0x013B] == labelled.ARTIST
        assert picture.getexif().get_ifd(0x8825)[2][2] == pytest.approx(34.56)
        said = picture.info.get("xmp") or picture.info["XML:com.adobe.xmp"].encode()
        assert said == XMP

    def test_libvips_reads_all_of_it(
        self, target: Format, pixels: Pixels, options: dict[str, object]
    ) -> None:
        picture = pyvips.Image.new_from_buffer(encoded(target, pixels, ALL, **options), "")
        picture.avg()
        assert picture.get("icc-profile-data") == PROFILE
        assert picture.get("xmp-data") == XMP
        assert picture.get("exif-ifd0-Artist").startswith(labelled.ARTIST)
        if target is Format.JPEG:
            assert picture.get("iptc-data").endswith(IPTC + bytes(len(IPTC) % 2))

    def test_pixels_are_those_of_the_file_without(
        self, target: Format, pixels: Pixels, options: dict[str, object]
    ) -> None:
        plain = encoded(target, pixels, NOTHING, **options)
        assert np.array_equal(pixels_of(encoded(target, pixels, ALL, **options)), pixels_of(plain))

    @pytest.mark.parametrize("kept", ["exif", "xmp", "profile"])
    def test_each_block_alone(
        self, target: Format, pixels: Pixels, options: dict[str, object], kept: str
    ) -> None:
        attachments = Attachments(**{kept: getattr(ALL, kept)})
        content = encoded(target, pixels, attachments, **options)
        blocks = read_blocks(memoryview(content), target)
        assert (blocks.exif, blocks.xmp, blocks.iptc) == (attachments.exif, attachments.xmp, b"")
        assert opened(content).info.get("icc_profile", b"") == attachments.profile


def test_a_profile_that_takes_several_segments_is_whole() -> None:
    profile = PROFILE + noise(1, 150_000, 1).tobytes()
    content = encoded(Format.JPEG, COLOR, Attachments(profile=profile))
    assert opened(content).info["icc_profile"] == profile
    assert content.count(b"ICC_PROFILE\0") == 3


def test_iptc_of_an_odd_length_is_padded() -> None:
    for block in (IPTC, IPTC[:-1]):
        content = bytes(
            embed(encoded(Format.JPEG, COLOR, NOTHING), Format.JPEG, Attachments(iptc=block))
        )
        found = read_blocks(memoryview(content), Format.JPEG).iptc
        assert found == block
        assert pixels_of(content).shape == (61, 47, 4)


@pytest.mark.parametrize("kind", ["exif", "xmp", "iptc"])
def test_what_no_segment_can_hold_is_left_out(kind: str) -> None:
    plain = encoded(Format.JPEG, COLOR, NOTHING)
    assert embed(plain, Format.JPEG, Attachments(**{kind: bytes(65_534)})) == plain


@pytest.mark.parametrize("target", WRITABLE)
def test_nothing_changes_nothing(target: Format) -> None:
    content = encoded(target, COLOR, NOTHING)
    assert embed(content, target, NOTHING) is content


def test_an_animated_webp_stays_animated() -> None:
    frames = [Image.fromarray(noise(61, 47, 3) // (1 + index)) for index in range(3)]
    content = io.BytesIO()
    frames[0].save(content, "WEBP", save_all=True, append_images=frames[1:], duration=[40, 50, 60])
    picture = opened(bytes(embed(content.getvalue(), Format.WEBP, ALL)))
    assert picture.n_frames == 3  # type: ignore[attr-defined]
    assert picture.info["icc_profile"] == PROFILE
    assert picture.info["xmp"] == XMP
    picture.seek(2)
    picture.load()


def test_an_apng_stays_animated() -> None:
    frames = [Image.fromarray(noise(61, 47, 3) // (1 + index)) for index in range(3)]
    content = io.BytesIO()
    frames[0].save(content, "PNG", save_all=True, append_images=frames[1:], duration=40)
    picture = opened(bytes(embed(content.getvalue(), Format.PNG, ALL)))
    assert picture.n_frames == 3  # type: ignore[attr-defined]
    assert picture.info["icc_profile"] == PROFILE


def test_every_checksum_of_a_png_is_right() -> None:
    content, at = encoded(Format.PNG, COLOR, ALL), 8
    kinds = []
    while at < len(content):
        size = int.from_bytes(content[at : at + 4])
        assert zlib.crc32(content[at + 4 : at + 8 + size]) == int.from_bytes(
            content[at + 8 + size : at + 12 + size]
        )
        kinds.append(content[at + 4 : at + 8])
        at += size + 12
    assert kinds[:4] == [b"IHDR", b"iCCP", b"eXIf", b"iTXt"]


class TestProfiles:
    def test_gray_in_the_colours_of_a_profile_is_written_as_colours(self) -> None:
        for target in (Format.JPEG, Format.PNG, Format.WEBP, Format.AVIF):
            picture = opened(encoded(target, GRAY, Attachments(profile=PROFILE)))
            assert picture.mode == "RGB"
            assert picture.info["icc_profile"] == PROFILE

    def test_without_a_profile_gray_stays_gray(self) -> None:
        assert opened(encoded(Format.PNG, GRAY, Attachments(exif=EXIF))).mode == "L"

    def test_avif_says_what_its_colours_are_once(self) -> None:
        plain = encoded(Format.AVIF, COLOR, NOTHING)
        with_profile = encoded(Format.AVIF, COLOR, Attachments(profile=PROFILE))
        assert b"colrnclx\0\x01\0\x0d\0\x06\x80" in plain  # BT.709, sRGB, BT.601, full range
        assert b"colrnclx\0\x02\0\x02\0\x06\x80" in with_profile
        assert b"colrprof" in with_profile
        gray = encoded(Format.AVIF, GRAY, NOTHING)
        assert b"colrnclx\0\x01\0\x0d" in gray


@pytest.mark.parametrize("bare", [True, False])
def test_metadata_of_a_jpeg_xl_lie_in_boxes(*, bare: bool) -> None:
    pillow_jxl = pytest.importorskip("pillow_jxl")
    encoder = pillow_jxl.Encoder(
        mode="RGB", lossless=True, quality=100, decoding_speed=0, effort=3,
        use_container=not bare, use_original_profile=False, num_threads=1,
    )  # fmt: skip
    plain = encoder(COLOR.tobytes(), 47, 61, jpeg_encode=False)
    assert plain.startswith(b"\xff\x0a") is bare
    content = bytes(embed(plain, "jxl", Attachments(EXIF, XMP)))  # type: ignore[arg-type]
    found = pillow_jxl.Decoder(num_threads=1)(content)
    boxes = {box.box_type: bytes(box.data) for box in found[4]}
    assert boxes[b"Exif"] == bytes(4) + EXIF
    assert boxes[b"xml "] == XMP
    assert bytes(found[2]) == COLOR.tobytes()
    blocks = read_blocks(memoryview(content), "jxl")  # type: ignore[arg-type]
    assert (blocks.exif, blocks.xmp) == (EXIF, XMP)
