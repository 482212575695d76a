"""What files say about themselves, found in each format, and what broken ones make of it."""

import io
import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pixelpipe.formats.metadata.blocks import MAX_BLOCK_BYTES, NO_BLOCKS, Blocks
from pixelpipe.formats.metadata.exif_block import (
    Entry,
    Exif,
    exif_rights,
    read_exif,
    rights_block,
    write_exif,
)
from pixelpipe.formats.metadata.iptc import iptc_rights, rights_data_sets
from pixelpipe.formats.metadata.read import read_blocks
from pixelpipe.formats.metadata.rights import Rights, clean
from pixelpipe.formats.metadata.xmp import rights_packet, upright_xmp, xmp_rights
from pixelpipe.formats.registry import Format, is_installed
from tests import labelled
from tests.labelled import ARTIST, CREDIT, NOTICE, USAGE, exif, iptc, png_text, resources, segment
from tests.labelled import labelled as file_of
from tests.labelled import xmp as packet_of

RIGHTS = Rights((ARTIST, "Ben"), NOTICE, CREDIT, "True", "https://ann.example/<&>", USAGE)
KINDS = (
    Format.JPEG,
    Format.PNG,
    Format.WEBP,
    Format.AVIF,
    Format.TIFF,
    *(extra for extra in (Format.HEIC, Format.JXL) if is_installed(extra)),
)


def found(content: bytes, source: Format) -> Blocks:
    return read_blocks(memoryview(content), source)


def jpeg(*segments: bytes) -> bytes:
    return b"\xff\xd8" + b"".join(segments) + b"\xff\xda\0\x02\x55\xff\xd9"


def png(*chunks: bytes) -> bytes:
    plain = io.BytesIO()
    Image.new("L", (3, 2)).save(plain, "PNG")
    content = plain.getvalue()
    return content[:33] + b"".join(chunks) + content[33:]


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


class TestEachFormat:
    @pytest.mark.parametrize("source", KINDS)
    def test_xmp_is_found_as_it_is(self, source: Format) -> None:
        assert found(file_of(source), source).xmp == packet_of()

    @pytest.mark.parametrize("source", [Format.JPEG, Format.PNG, Format.WEBP])
    def test_exif_is_found_as_it_is(self, source: Format) -> None:
        assert found(file_of(source), source).exif == exif()

    @pytest.mark.parametrize("source", KINDS)
    def test_exif_says_what_it_said(self, source: Format) -> None:
        # Pillow writes that of AVIF anew, and that of TIFF is its first directory.
        said = Image.Exif()
        said.load(found(file_of(source), source).exif)
        assert said[0x013B] == ARTIST
        assert said.get_ifd(0x8769)[0xA431] == labelled.SERIAL
        assert said.get_ifd(0x8825)[2][2] == pytest.approx(34.56)

    @pytest.mark.parametrize("source", [Format.JPEG, Format.TIFF])
    def test_iptc_is_found_as_it_is(self, source: Format) -> None:
        assert found(file_of(source), source).iptc == iptc()

    @pytest.mark.parametrize("source", [Format.GIF, Format.BMP])
    def test_others_have_none(self, source: Format) -> None:
        assert found(file_of(source), source) == NO_BLOCKS

    @pytest.mark.parametrize("source", KINDS)
    @given(st.data())
    @settings(max_examples=40, deadline=None)
    def test_a_broken_file_raises_nothing(self, source: Format, data: st.DataObject) -> None:
        content = bytearray(file_of(source))
        for _ in range(data.draw(st.integers(1, 8))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        blocks = found(bytes(content[: data.draw(st.integers(0, len(content)))]), source)
        for block in (blocks.exif, blocks.xmp, blocks.iptc):
            assert len(block) <= MAX_BLOCK_BYTES
        read = read_exif(blocks.exif)
        assert read is None or read_exif(write_exif(read))
        upright_xmp(blocks.xmp)
        iptc_rights(blocks.iptc)


class TestJpeg:
    def test_iptc_over_two_segments_is_put_together(self) -> None:
        said = resources(iptc())
        halves = said[:60], b"Photoshop 3.0\0" + said[60:]
        content = jpeg(*(segment(0xED, half) for half in halves))
        assert found(content, Format.JPEG).iptc == iptc()

    def test_other_resources_are_no_iptc(self) -> None:
        assert not found(jpeg(segment(0xED, resources(iptc(), 0x0425))), Format.JPEG).iptc

    def test_a_resource_that_is_cut_is_none(self) -> None:
        assert not found(jpeg(segment(0xED, resources(iptc())[:-9])), Format.JPEG).iptc

    def test_an_extended_packet_is_left_out(self) -> None:
        extended = segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + bytes(40))
        assert found(jpeg(extended), Format.JPEG) == NO_BLOCKS

    def test_nothing_behind_the_scan_counts(self) -> None:
        content = jpeg() + segment(0xE1, b"Exif\0\0" + exif())
        assert found(content, Format.JPEG) == NO_BLOCKS


class TestPng:
    @pytest.mark.parametrize("kind", [b"tEXt", b"zTXt", b"iTXt"])
    def test_who_made_it_is_read_from_each_kind_of_text(self, kind: bytes) -> None:
        content = png(
            png_text(kind, b"Author", ARTIST.encode()),
            png_text(kind, b"Copyright", NOTICE.encode()),
            png_text(kind, b"Comment", b"not this"),
        )
        said = found(content, Format.PNG).exif
        read = read_exif(said)
        assert read is not None
        assert exif_rights(read) == Rights((ARTIST,), NOTICE)
        assert b"not this" not in said

    def test_an_exif_chunk_counts_before_texts(self) -> None:
        content = png(png_text(b"tEXt", b"Author", b"Ben"), chunk(b"eXIf", exif()))
        assert found(content, Format.PNG).exif == exif()

    def test_a_text_counts_where_an_exif_chunk_says_nothing(self) -> None:
        upright = write_exif(Exif(main={0x0112: Entry(3, 1, b"\1\0")}))
        content = png(chunk(b"eXIf", upright), png_text(b"tEXt", b"Copyright", NOTICE.encode()))
        read = read_exif(found(content, Format.PNG).exif)
        assert read is not None
        assert exif_rights(read) == Rights((), NOTICE)
        assert read.main[0x0112].value == b"\1\0"

    def test_a_compressed_packet_is_inflated(self) -> None:
        content = png(png_text(b"iTXt", b"XML:com.adobe.xmp", packet_of()))
        assert found(content, Format.PNG).xmp == packet_of()

    def test_a_text_that_inflates_to_more_than_anybody_writes_is_left_out(self) -> None:
        bomb = png_text(b"iTXt", b"XML:com.adobe.xmp", bytes(MAX_BLOCK_BYTES + 1))
        assert len(bomb) < 1000
        assert found(png(bomb), Format.PNG) == NO_BLOCKS

    def test_a_text_that_is_not_deflated_is_left_out(self) -> None:
        broken = chunk(b"zTXt", b"Author\0\0not deflated")
        assert found(png(broken), Format.PNG) == NO_BLOCKS


class TestHeif:
    def test_an_item_that_is_no_xmp_is_left_out(self) -> None:
        content = file_of(Format.AVIF).replace(b"22-rdf-syntax", b"22-xyz-syntax")
        assert not found(content, Format.AVIF).xmp

    def test_jpeg_xl_has_boxes(self) -> None:
        content = b"\0\0\0\x0cJXL \r\n\x87\n" + b"".join(
            struct.pack(">I4s", 8 + len(body), kind) + body
            for kind, body in ((b"Exif", bytes(4) + exif()), (b"xml ", packet_of()))
        )
        assert found(content, "jxl") == Blocks(exif(), packet_of())  # type: ignore[arg-type]
        assert found(content[:-1], "jxl") == NO_BLOCKS  # type: ignore[arg-type]
        assert found(b"\xff\x0a" + bytes(99), "jxl") == NO_BLOCKS  # type: ignore[arg-type]


@pytest.mark.parametrize("order", "<>")
class TestExif:
    def test_what_is_read_is_written_again(self, order: str) -> None:
        read = read_exif(exif(order))
        assert read is not None
        again = read_exif(write_exif(read))
        assert again == read
        assert read.gps[2].value[16:] == struct.pack(order + "II", *labelled.GPS_SECONDS)
        assert read.interop[1].value == b"R03\0"

    def test_a_maker_note_stays_where_it_was(self, order: str) -> None:
        block = exif(order)
        read = read_exif(block)
        assert read is not None
        written = write_exif(read)
        assert written.index(labelled.MAKER_NOTE) == block.index(labelled.MAKER_NOTE)

    def test_the_thumbnail_is_not_read(self, order: str) -> None:
        read = read_exif(exif(order))
        assert read is not None
        assert b"THUMBNAIL" not in write_exif(read)
        assert len(write_exif(read)) < len(exif(order)) - len(labelled.THUMBNAIL)

    def test_a_directory_that_leads_to_itself_ends(self, order: str) -> None:
        entry = struct.pack(order + "HHII", 0x8769, 4, 1, 8)
        block = exif(order)[:8] + struct.pack(order + "H", 1) + entry + bytes(4)
        read = read_exif(block)
        assert read is not None
        assert not read.interop

    def test_values_that_lie_upon_each_other_are_bounded(self, order: str) -> None:
        size = 100_000
        entries = (struct.pack(order + "HHII", 0x9000 + i, 7, size, 0) for i in range(400))
        block = exif(order)[:8] + struct.pack(order + "H", 400) + b"".join(entries)
        read = read_exif(block + bytes(size))
        assert read is not None
        assert len(write_exif(read)) < 2 * MAX_BLOCK_BYTES

    def test_an_entry_past_the_end_is_left_out_alone(self, order: str) -> None:
        artist = struct.pack(order + "HHI", 0x013B, 2, 3) + b"Ed\0\0"
        beyond = struct.pack(order + "HHII", 0x8298, 2, 99, 1 << 30)
        read = read_exif(exif(order)[:8] + struct.pack(order + "H", 2) + artist + beyond)
        assert read is not None
        assert exif_rights(read) == Rights(("Ed",))

    def test_a_maker_note_far_behind_leaves_no_hole(self, order: str) -> None:
        note = {0x927C: Entry(7, 9, b"MAKERNOTE")}
        assert len(write_exif(Exif(order, camera=note, note_at=60_000))) < 100


class TestRights:
    @pytest.mark.parametrize("order", "<>")
    def test_exif(self, order: str) -> None:
        read = read_exif(exif(order))
        assert read is not None
        assert exif_rights(read) == Rights((ARTIST,), NOTICE)

    def test_a_fresh_exif_block_is_read_by_pillow(self) -> None:
        said = Image.Exif()
        said.load(rights_block(RIGHTS))
        assert dict(said) == {0x013B: f"{ARTIST}; Ben", 0x8298: NOTICE}
        assert rights_block(Rights(credit=CREDIT)) == b""

    def test_the_notices_of_photographer_and_editor_are_both_kept(self) -> None:
        both = Entry(2, 8, b"Ann\0Ben\0")
        assert exif_rights(Exif(main={0x8298: both})).notice == "Ann Ben"

    def test_iptc(self) -> None:
        assert iptc_rights(iptc()) == Rights((ARTIST,), NOTICE, CREDIT)
        assert iptc_rights(rights_data_sets(RIGHTS)) == Rights(RIGHTS.creators, NOTICE, CREDIT)
        assert rights_data_sets(Rights()) == b""

    @pytest.mark.parametrize("text", ["J\u00f6rg", "\u5199\u771f"])
    def test_letters_of_all_languages(self, text: str) -> None:
        rights = Rights((text,), text)
        assert iptc_rights(rights_data_sets(rights)) == rights
        assert xmp_rights(rights_packet(rights)) == rights
        read = read_exif(rights_block(rights))
        assert read is not None
        assert exif_rights(read) == rights

    def test_iptc_in_latin_1(self) -> None:
        block = struct.pack(">BBBH", 0x1C, 2, 80, 4) + b"J\xf6rg"
        assert iptc_rights(block).creators == ("J\u00f6rg",)

    def test_xmp(self) -> None:
        said = xmp_rights(packet_of())
        assert said == Rights((ARTIST, "Ben"), NOTICE, CREDIT, "True", "", USAGE)
        assert xmp_rights(rights_packet(RIGHTS)) == RIGHTS
        assert rights_packet(Rights()) == b""

    def test_xmp_in_utf_16(self) -> None:
        text = packet_of().decode().replace("\ufeff", "").split("?>", 1)[1]
        assert xmp_rights(("\ufeff" + text).encode("utf-16-be")).notice == NOTICE

    def test_no_encoding_is_looked_up(self) -> None:
        assert upright_xmp(b'<?xml version="1.0" encoding="cp1252"?><a>\xc3\xa4</a>').count(
            "\u00e4".encode()
        )
        assert not upright_xmp(b'<?xml version="1.0" encoding="cp1252"?><a>\xe4</a>')

    def test_texts_are_one_line_and_not_endless(self) -> None:
        assert clean(" a\0b\n c\x1b[0m ") == "a b c [0m"
        assert len(clean("x" * 100_000)) == 2000


class TestXmp:
    def test_an_upright_packet_keeps_what_is_still_true(self) -> None:
        packet = upright_xmp(packet_of()).decode()
        assert 'tiff:Orientation="1"' in packet
        assert 'exif:GPSLatitude="47,12.576N"' in packet
        assert f'aux:SerialNumber="{labelled.SERIAL}"' in packet
        assert "&amp; &lt;more&gt;" in packet
        assert xmp_rights(packet.encode()) == xmp_rights(packet_of())

    def test_an_upright_packet_has_nothing_of_what_is_gone(self) -> None:
        packet = upright_xmp(packet_of())
        for gone in (b"THUMBNAIL", b"hdrgm", b"hdr-gain-map", b"4000", b"Thumbnails"):
            assert gone in packet_of()
            assert gone not in packet
        assert len(packet) < len(packet_of()) - 2000

    def test_an_orientation_may_be_an_element(self) -> None:
        said = (
            packet_of()
            .replace(b'tiff:Orientation="6"', b"")
            .replace(b"<dc:creator>", b"<tiff:Orientation>6</tiff:Orientation><dc:creator>")
        )
        assert b"<tiff:Orientation>1</tiff:Orientation>" in upright_xmp(said)

    def test_it_is_written_the_same_again(self) -> None:
        once = upright_xmp(packet_of())
        assert upright_xmp(once) == once

    @pytest.mark.parametrize(
        "packet",
        [
            b"",
            b"<x:xmpmeta",
            b"<a>" * 100 + b"</a>" * 100,
            b"<a>" + b"<b/>" * 20_000 + b"</a>",
            b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
            b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
            b"<a>\xff</a>",
            b"<a>" + b"".join(b'<b%d xmlns="urn:%d"/>' % (i, i) for i in range(300)) + b"</a>",
            b'<a xmlns="' + b"x" * 300 + b'"/>',
        ],
    )
    def test_what_no_honest_writer_makes_is_left_out(self, packet: bytes) -> None:
        assert upright_xmp(packet) == b""
        assert xmp_rights(packet) == Rights()

    def test_a_packet_that_grows_past_what_anybody_writes_is_left_out(self) -> None:
        assert upright_xmp(b"<a>" + b">" * 1000 + b"</a>")
        assert upright_xmp(b"<a>" + b">" * (MAX_BLOCK_BYTES - 7) + b"</a>") == b""

    def test_a_text_of_many_lines_and_entities_is_one(self) -> None:
        text = "".join(f"{number}&#10;\n" for number in range(20))
        packet = rights_packet(Rights(("A",), "B")).replace(b">B<", f">{text}<".encode())
        assert xmp_rights(packet).notice == " ".join(map(str, range(20)))

    def test_prefixes_that_stand_for_two_spaces_are_told_apart(self) -> None:
        packet = upright_xmp(b'<a xmlns:p="urn:1"><p:b/><c xmlns:p="urn:2"><p:d/></c></a>').decode()
        assert "<p:b>" in packet
        assert "<ns2:d>" in packet
        assert 'xmlns:p="urn:1"' in packet
        assert 'xmlns:ns2="urn:2"' in packet
