"""What a variant keeps of its source's metadata."""

import pytest
from PIL import Image

from pixelpipe.formats.metadata.exif_block import Entry, Exif, write_exif
from pixelpipe.formats.metadata.read import read_blocks
from pixelpipe.formats.registry import Format
from pixelpipe.imaging.attachments import NOTHING, Attachments, attachments
from pixelpipe.imaging.sidecar import Sidecar
from pixelpipe.recipes.task import Metadata
from tests import labelled
from tests.labelled import ARTIST, NOTICE, SERIAL

SECRETS = (SERIAL.encode(), b"MAKERNOTE", b"CAPTION", b"47,12", b"THUMBNAIL", b"CREATOR", b"GPS")


def sidecar(source: Format = Format.JPEG) -> Sidecar:
    blocks = read_blocks(memoryview(labelled.labelled(source)), source)
    return Sidecar(profile=b"profile", exif=blocks.exif, xmp=blocks.xmp, iptc=blocks.iptc)


def kept(
    metadata: Metadata, source: Format = Format.JPEG, *, keep_profile: bool = False
) -> Attachments:
    return attachments(sidecar(source), metadata, keep_profile=keep_profile)


def exif_of(found: Attachments) -> Image.Exif:
    said = Image.Exif()
    said.load(found.exif)
    return said


def test_nothing_is_kept_by_default() -> None:
    assert kept(Metadata.NONE) is NOTHING
    assert not NOTHING


def test_a_profile_may_be_kept_alone() -> None:
    assert kept(Metadata.NONE, keep_profile=True) == Attachments(profile=b"profile")


@pytest.mark.parametrize("metadata", [Metadata.COPYRIGHT, Metadata.ALL])
def test_a_source_without_any_gives_none(metadata: Metadata) -> None:
    assert attachments(Sidecar(), metadata, keep_profile=True) == NOTHING


class TestCopyright:
    @pytest.mark.parametrize(
        "source", [Format.JPEG, Format.PNG, Format.WEBP, Format.AVIF, Format.TIFF]
    )
    def test_author_and_notice_are_in_every_block(self, source: Format) -> None:
        found = kept(Metadata.COPYRIGHT, source)
        for block in (found.exif, found.xmp, found.iptc):
            assert ARTIST.encode() in block
            assert NOTICE.encode() in block

    def test_nothing_else_is(self) -> None:
        found = kept(Metadata.COPYRIGHT)
        assert set(exif_of(found)) == {0x013B, 0x8298}
        everything = found.exif + found.xmp + found.iptc
        assert not [secret for secret in SECRETS if secret in everything]

    @pytest.mark.parametrize("block", ["exif", "xmp", "iptc"])
    def test_one_block_is_enough_for_all(self, block: str) -> None:
        alone = Sidecar(**{block: getattr(sidecar(), block)})
        found = attachments(alone, Metadata.COPYRIGHT, keep_profile=False)
        assert ARTIST.encode() in found.exif
        assert NOTICE.encode() in found.xmp
        assert NOTICE.encode() in found.iptc

    def test_a_broken_block_does_not_spoil_the_others(self) -> None:
        broken = Sidecar(exif=b"II*\0\xff\xff\xff\xff", xmp=b"<a", iptc=sidecar().iptc)
        found = attachments(broken, Metadata.COPYRIGHT, keep_profile=False)
        assert exif_of(found)[0x8298] == NOTICE


class TestAll:
    def test_exif_keeps_how_and_where_it_was_taken(self) -> None:
        said = exif_of(kept(Metadata.ALL))
        assert said[0x010E] == labelled.CAPTION
        assert said.get_ifd(0x8769)[0xA431] == SERIAL
        assert said.get_ifd(0x8769)[0x927C] == labelled.MAKER_NOTE
        assert said.get_ifd(0x8825)[2][2] == pytest.approx(34.56)

    @pytest.mark.parametrize("source", [Format.JPEG, Format.PNG, Format.WEBP, Format.TIFF])
    def test_the_picture_is_upright(self, source: Format) -> None:
        found = kept(Metadata.ALL, source)
        assert exif_of(found)[0x0112] == 1
        assert b'tiff:Orientation="1"' in found.xmp

    def test_the_thumbnail_and_sizes_of_the_source_are_gone(self) -> None:
        found = kept(Metadata.ALL)
        assert b"THUMBNAIL" not in found.exif + found.xmp
        said = exif_of(found)
        assert 0x0100 not in said
        assert not {0xA002, 0xA003} & set(said.get_ifd(0x8769))
        assert not said.get_ifd(1)

    def test_colours_that_became_srgb_are_said_to_be(self) -> None:
        said = exif_of(kept(Metadata.ALL)).get_ifd(0x8769)
        assert said[0xA001] == 1
        assert 0xA005 not in said

    @pytest.mark.parametrize("keep_profile", [False, True])
    def test_what_colours_were_before_goes_with_them(self, keep_profile: bool) -> None:  # noqa: FBT001
        white = Entry(5, 2, bytes(16))
        exif = Exif(
            main={0x013E: white, 0x013F: white, 0x010E: Entry(2, 2, b"A\0")},
            camera={0xA500: Entry(5, 1, bytes(8))},
        )
        spaces = (
            'xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" '
            'xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"'
        )
        xmp = (
            f'<a {spaces} photoshop:ICCProfile="Adobe RGB (1998)" exif:ColorSpace="65535" '
            'tiff:BitsPerSample="16" exif:ISO="100"/>'
        )
        source = Sidecar(profile=b"profile", exif=write_exif(exif), xmp=xmp.encode())
        found = attachments(source, Metadata.ALL, keep_profile=keep_profile)
        said = exif_of(found)
        assert said[0x010E] == "A"
        assert ({0x013E, 0x013F} <= set(said)) is keep_profile
        assert (0xA500 in said.get_ifd(0x8769)) is keep_profile
        assert (b"Adobe RGB" in found.xmp) is keep_profile
        assert (b"65535" in found.xmp) is keep_profile
        assert b"ISO" in found.xmp
        assert b"BitsPerSample" not in found.xmp

    def test_colours_that_stay_are_said_as_before(self) -> None:
        found = kept(Metadata.ALL, keep_profile=True)
        said = exif_of(found).get_ifd(0x8769)
        assert said[0xA001] == 0xFFFF
        assert 0xA005 in said
        assert found.profile == b"profile"

    def test_iptc_stays_as_it_is(self) -> None:
        assert kept(Metadata.ALL).iptc == labelled.iptc()
