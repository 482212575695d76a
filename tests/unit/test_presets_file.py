"""A user's own file of presets: added, put in place, or refused with every mistake."""

from pathlib import Path

import pytest

from pixelpipe.recipes.presets import Presets, load_presets
from pixelpipe.recipes.presets_file import PresetFileError
from pixelpipe.recipes.spec import Resize, Spec, Treatment

KEYS = "description, source, checked, variants, includes"
TREATMENT = ", ".join([*Treatment.model_fields, "source", "note"])
NAME_WORDS = "1 to 64 of a-z, 0-9, - and _, with a letter or digit at both ends"


def loaded(folder: Path, toml: str) -> Presets:
    file = folder / "mine.toml"
    file.write_text(toml, encoding="utf-8")
    return load_presets(file)


def mistakes(folder: Path, toml: str) -> list[str]:
    """The lines told about a file of that text, without the file's folder."""
    with pytest.raises(PresetFileError) as caught:
        loaded(folder, toml)
    return [line.removeprefix(f"{folder}/") for line in str(caught.value).splitlines()]


def test_a_preset_is_added(tmp_path: Path) -> None:
    presets = loaded(
        tmp_path,
        """
        [shop]
        description = "Our shop"
        [shop.variants]
        tile.resize = { width = 300, height = 200, fit = "contain" }
        tile.format = "webp"
        tile.source = "house style"
        """,
    )
    (tile,) = presets.specs("shop")
    assert tile == Spec.model_validate(
        {
            "name": "shop-tile",
            "resize": {"width": 300, "height": 200, "fit": "contain"},
            "format": "webp",
        }
    )
    assert len(presets.specs("social,shop")) == 10
    assert presets.listing()[-1]["variants"][0]["source"] == "house style"


def test_a_preset_is_put_in_place_of_a_built_in_one(tmp_path: Path) -> None:
    presets = loaded(tmp_path, "[tiktok.variants]\ncover.resize = { width = 720 }")
    assert [s.resize for s in presets.specs("tiktok")] == [Resize.model_validate({"width": 720})]


def test_a_preset_may_include_variants_of_others(tmp_path: Path) -> None:
    presets = loaded(
        tmp_path,
        """
        [shop]
        includes = ["x-post", "web-640"]
        [shop.variants]
        gray.grayscale = true
        """,
    )
    assert [s.name for s in presets.specs("shop")] == ["shop-gray", "x-post", "web-640"]


def test_every_mistake_is_told_by_file_and_key(tmp_path: Path) -> None:
    assert mistakes(
        tmp_path,
        """
        [shop]
        chekced = 2026-01-01
        includes = ["x-post", "x-pots", "shop-tile"]
        [shop.variants]
        tile.resize = { width = 0 }
        [bad]
        checked = "soon"
        includes = [1]
        [empty]
        [other]
        includes = ["x-nothing", "x-post"]
        [Loud]
        quality = 1
        variants."a b" = 1
        """,
    ) == [
        "mine.toml: shop.variants.tile.resize.width must be a whole number of at least 1, not 0",
        f"mine.toml: shop.chekced is not a known field; known here: {KEYS}",
        'mine.toml: bad.checked must be a date such as 2026-11-21, not "soon"',
        "mine.toml: bad.includes.0 must be text, not 1",
        "mine.toml: empty needs variants of its own, or names of others' variants as includes",
        f"mine.toml: Loud.variants.a b must be an object with {TREATMENT}, not 1",
        f"mine.toml: Loud.quality is not a known field; known here: {KEYS}",
        f"mine.toml: Loud must have a name of {NAME_WORDS}",
        f"mine.toml: Loud.variants.a b makes the name 'Loud-a b', which must be {NAME_WORDS}",
        "mine.toml: shop.includes.1 must be the full name of a variant, not 'x-pots'",
        "mine.toml: other.includes.0 must be the full name of a variant, not 'x-nothing'",
    ]


def test_names_must_be_fit_for_a_job(tmp_path: Path) -> None:
    assert mistakes(
        tmp_path,
        """
        [Shop.variants]
        a.grayscale = true
        [shop.variants]
        "A b".grayscale = true
        """,
    ) == [
        f"mine.toml: Shop must have a name of {NAME_WORDS}",
        f"mine.toml: Shop.variants.a makes the name 'Shop-a', which must be {NAME_WORDS}",
        f"mine.toml: shop.variants.A b makes the name 'shop-A b', which must be {NAME_WORDS}",
    ]


def test_two_variants_may_not_end_up_with_one_name(tmp_path: Path) -> None:
    assert mistakes(
        tmp_path,
        """
        [a.variants]
        b-c.grayscale = true
        [a-b.variants]
        c.grayscale = true
        """,
    ) == ["mine.toml: a-b.variants.c makes the name 'a-b-c', which a.variants.b-c has already"]


def test_taking_a_variant_away_from_a_bundle_is_told(tmp_path: Path) -> None:
    (line,) = mistakes(tmp_path, "[x.variants]\nheader.grayscale = true")
    assert line.endswith("social.includes.5 must be the full name of a variant, not 'x-post'")


def test_a_preset_with_mistakes_is_not_blamed_on_those_that_include_it(tmp_path: Path) -> None:
    assert mistakes(tmp_path, "[x.variants]\npost.quality = 0") == [
        "mine.toml: x.variants.post.quality must be a whole number from 1 to 100, not 0"
    ]


@pytest.mark.parametrize("content", [b"[shop", b"\xff\xfe"])
def test_what_is_not_toml_is_told(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "mine.toml"
    file.write_bytes(content)
    with pytest.raises(PresetFileError, match=r"mine\.toml: is not TOML in UTF-8: "):
        load_presets(file)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(PresetFileError, match=r"none\.toml: cannot be read: No such file"):
        load_presets(tmp_path / "none.toml")


def test_a_preset_that_is_none_is_not_blamed_on_those_that_include_it(tmp_path: Path) -> None:
    for toml in ("x = 3", "x.variants = 3"):
        (line,) = mistakes(tmp_path, toml)
        assert line.startswith("mine.toml: x")
