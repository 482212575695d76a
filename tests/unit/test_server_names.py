"""Names of sources and of the files that variants are saved as."""

import pytest

from pixelpipe.server.names import content_disposition, source_name, variant_file_name


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("photo.jpg", "photo.jpg"),
        ("C:\\Users\\me\\photo.jpg", "photo.jpg"),
        ("../../etc/passwd", "passwd"),
        ("Grüße 東京.jpg", "Grüße 東京.jpg"),
        ("a\r\nSet-Cookie: b\x00\x7f.jpg", "aSet-Cookie: b.jpg"),
        ("\u202egpj.exe", "gpj.exe"),
        ("bad\udcff.jpg", "bad.jpg"),
        ("  spaced.jpg  ", "spaced.jpg"),
        (None, "upload"),
        ("", "upload"),
        ("folder/", "upload"),
        ("..", "upload"),
        ("\x00", "upload"),
    ],
)
def test_source_name(given: str | None, shown: str) -> None:
    assert source_name(given) == shown


def test_source_name_is_bounded() -> None:
    assert source_name("x" * 1000) == "x" * 255


@pytest.mark.parametrize(
    ("source", "file_name"),
    [
        ("photo.jpg", "photo-hero.webp"),
        ("archive.tar.gz", "archive.tar-hero.webp"),
        ("noextension", "noextension-hero.webp"),
        (".hidden", ".hidden-hero.webp"),
    ],
)
def test_variant_file_name(source: str, file_name: str) -> None:
    assert variant_file_name(source, "hero", ".webp") == file_name


def test_plain_names_need_no_encoding() -> None:
    assert content_disposition("inline", "photo-a.jpg") == 'inline; filename="photo-a.jpg"'


def test_other_names_have_an_ascii_fallback_and_the_true_name() -> None:
    assert content_disposition("attachment", 'Grüße "1".jpg') == (
        "attachment; filename=\"Gr__e _1_.jpg\"; filename*=UTF-8''Gr%C3%BC%C3%9Fe%20%221%22.jpg"
    )
