"""Names of sources and of the files that variants are saved as."""

import pytest

from pixelpipe.server.names import (
    archive_entry_name,
    archive_name,
    content_disposition,
    source_name,
    variant_file_name,
)


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


@pytest.mark.parametrize(
    ("source", "stem"),
    [
        ("photo.jpg", "photo"),
        ("holiday.2024.jpg", "holiday.2024"),
        ("Grüße 東京.jpg", "Grüße 東京"),
        ("Gru\u0308\u00dfe.jpg", "Grüße"),
        ('a<b>c:d"e|f?g*h.jpg', "a_b_c_d_e_f_g_h"),
        ("a\uff0fb\uff3cc.jpg", "a_b_c"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\photo.jpg", "photo"),
        ("-rf.jpg", "rf"),
        (".hidden", "hidden"),
        ("... -.x.jpg", "x"),
        ("photo. . .jpg", "photo"),
        ("wide\u3000and\u2028new.jpg", "wide and new"),
        ("manifest.json", "manifest"),
        ("con.jpg", "con"),
        ("con.tar.gz", "_con.tar"),
        ("Aux .x.png", "_Aux .x"),
        ("com\u00b9.x.png", "_com\u00b9.x"),
        ("console.tar.gz", "console.tar"),
        ("-.-", "upload"),
        ("", "upload"),
    ],
)
def test_names_in_archives_suit_every_system(source: str, stem: str) -> None:
    assert archive_entry_name(source, "hero", ".webp") == f"{stem}-hero.webp"


def test_names_in_archives_are_bounded_in_characters_and_in_bytes() -> None:
    assert archive_entry_name("x" * 255, "hero", ".webp") == "x" * 100 + "-hero.webp"
    assert archive_entry_name("東" * 255, "hero", ".webp") == "東" * 60 + "-hero.webp"
    assert archive_entry_name("x" + "東" * 255, "hero", ".webp") == "x" + "東" * 59 + "-hero.webp"
    assert archive_entry_name("x" * 99 + ".y.jpg", "hero", ".webp") == "x" * 99 + "-hero.webp"


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("photo.jpg", "photo.zip"),
        ("a/b:c.tar.gz", "b_c.tar.zip"),
        ("NUL.jpg", "_NUL.zip"),
        ("nul.tar.gz", "_nul.tar.zip"),
        ("..", "upload.zip"),
    ],
)
def test_an_archive_is_named_for_its_source(source: str, name: str) -> None:
    assert archive_name(source) == name
