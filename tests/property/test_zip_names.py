"""Whatever a picture is called, the files of its archive can be unpacked anywhere."""

import re
import unicodedata

from hypothesis import example, given
from hypothesis import strategies as st

from pixelpipe.formats.registry import FORMATS, WRITABLE
from pixelpipe.recipes.spec import NAME_PATTERN
from pixelpipe.server.names import archive_entry_name, archive_name

EXTENSIONS = [FORMATS[written].extension for written in WRITABLE]
DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³]) *(\..*)?", re.IGNORECASE)

AWKWARD = st.sampled_from([".", "-", " ", "/", "\\", ":", "con", "COM1", "nul", "\u202e", "\uff0f"])
SOURCES = st.lists(AWKWARD | st.text(max_size=120), max_size=8).map("".join)
VARIANTS = st.dictionaries(
    st.from_regex(NAME_PATTERN, fullmatch=True), st.sampled_from(EXTENSIONS), min_size=1, max_size=8
)


def assert_safe(name: str) -> None:
    assert not set(name) & set('<>:"/\\|?*')
    assert not any(unicodedata.category(char).startswith("C") for char in name)
    assert name[0] not in ".- "
    assert name[-1] not in ". "
    assert not DEVICE.fullmatch(name), "a device of Windows"
    assert len(name.encode()) <= 255, "longer than file systems allow"
    assert len(name.encode("utf-16-le")) // 2 <= 255


@given(SOURCES, VARIANTS)
@example("con.tar.gz", {"hero": ".jpg"})
@example("\U0001f600" * 255, {"a" * 64: ".webp"})
@example("manifest.json", {"json": ".jpg"})
def test_names_in_an_archive_are_unique_and_safe(source: str, variants: dict[str, str]) -> None:
    names = [archive_entry_name(source, *variant) for variant in variants.items()]
    for name, (variant, extension) in zip(names, variants.items(), strict=True):
        assert_safe(name)
        stem = name.removesuffix(f"-{variant}{extension}")
        assert 1 <= len(stem) <= 101
    assert len({name.casefold() for name in names}) == len(variants)
    assert "manifest.json" not in [name.casefold() for name in names]


@given(SOURCES)
@example("nul")
@example("AUX .tar.gz")
def test_the_name_of_an_archive_is_safe(source: str) -> None:
    name = archive_name(source)
    assert_safe(name)
    assert name.endswith(".zip")
