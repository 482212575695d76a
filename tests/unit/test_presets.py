"""The built-in presets, and how they are asked for."""

import json

import pytest

from pixelpipe.config import Settings
from pixelpipe.errors import InvalidSpecError, UnknownPresetError
from pixelpipe.formats.registry import Format
from pixelpipe.formats.source import SourceInfo
from pixelpipe.recipes.plan import plan
from pixelpipe.recipes.presets import Presets, load_presets

LIMITS = Settings.model_construct()
VAST = SourceInfo(Format.JPEG, 6000, 6000, 3, 8, 1)
PHOTOGRAPH = SourceInfo(Format.JPEG, 2725, 2225, 3, 8, 1)

SIZES = {
    "instagram-square": (1080, 1080),
    "instagram-portrait": (1080, 1350),
    "instagram-tall": (1080, 1440),
    "instagram-landscape": (1080, 566),
    "instagram-story": (1080, 1920),
    "instagram-profile": (320, 320),
    "facebook-post": (1200, 630),
    "facebook-square": (1080, 1080),
    "facebook-cover": (851, 315),
    "facebook-story": (1080, 1920),
    "facebook-event-cover": (1920, 1005),
    "facebook-group-cover": (1640, 856),
    "facebook-profile": (320, 320),
    "x-post": (1600, 900),
    "x-header": (1500, 500),
    "x-card": (1200, 600),
    "x-profile": (400, 400),
    "linkedin-post": (1200, 627),
    "linkedin-square": (1200, 1200),
    "linkedin-banner": (1584, 396),
    "linkedin-company-cover": (1128, 191),
    "linkedin-profile": (400, 400),
    "youtube-thumbnail": (1280, 720),
    "youtube-banner": (2560, 1440),
    "youtube-profile": (800, 800),
    "pinterest-pin": (1000, 1500),
    "tiktok-cover": (1080, 1920),
    "web-og": (1200, 630),
    "web-640": (640, 640),
    "web-750": (750, 750),
    "web-828": (828, 828),
    "web-1080": (1080, 1080),
    "web-1200": (1200, 1200),
    "web-1920": (1920, 1920),
    "web-2048": (2048, 2048),
    "web-3840": (3840, 3840),
    "icons-favicon": (32, 32),
    "icons-apple-touch": (180, 180),
    "icons-192": (192, 192),
    "icons-512": (512, 512),
    "icons-maskable": (512, 512),
    "effects-blur": (6000, 6000),
    "effects-grayscale": (6000, 6000),
    "effects-quad": (6000, 6000),
}
PLATFORMS = "instagram,facebook,x,linkedin,youtube,pinterest,tiktok,web,icons,effects"
SOCIAL = [
    "instagram-square",
    "instagram-portrait",
    "instagram-story",
    "facebook-post",
    "facebook-cover",
    "x-post",
    "linkedin-post",
    "youtube-thumbnail",
    "pinterest-pin",
]


@pytest.fixture(scope="module")
def presets() -> Presets:
    return load_presets(None)


def sizes(presets: Presets, names: str, source: SourceInfo) -> dict[str, tuple[int, int]]:
    tasks = plan(source, presets.specs(names), LIMITS).tasks
    return {task.name: (task.output_width, task.output_height) for task in tasks}


def test_a_large_source_gives_every_variant_at_exactly_its_size(presets: Presets) -> None:
    assert sizes(presets, PLATFORMS, VAST) == SIZES


def test_a_photograph_of_6_mp_gives_all_of_social_at_exactly_its_size(presets: Presets) -> None:
    assert sizes(presets, "social", PHOTOGRAPH) == {name: SIZES[name] for name in SOCIAL}
    assert not any(t.reduced for t in plan(PHOTOGRAPH, presets.specs("social"), LIMITS).tasks)


def test_a_small_source_gives_the_largest_picture_of_that_shape(presets: Presets) -> None:
    small = SourceInfo(Format.JPEG, 640, 480, 3, 8, 1)
    tasks = {t.name: t for t in plan(small, presets.specs("social,web"), LIMITS).tasks}
    story = tasks["instagram-story"]
    assert (story.width, story.height, story.reduced) == (270, 480, True)
    widest = tasks["web-3840"]
    assert (widest.width, widest.height, widest.reduced) == (640, 480, True)


def test_icons_are_png_and_the_rest_keeps_the_format_of_its_source(presets: Presets) -> None:
    tasks = plan(VAST, presets.specs(PLATFORMS), LIMITS).tasks
    assert all((t.format is Format.PNG) == t.name.startswith("icons-") for t in tasks)


def test_the_effects(presets: Presets) -> None:
    blur, gray, quad = plan(PHOTOGRAPH, presets.specs("effects"), LIMITS).tasks
    assert (blur.blur_sigma, blur.grayscale, blur.quad) == (8, False, None)
    assert (gray.blur_sigma, gray.grayscale, gray.quad) == (0, True, None)
    assert quad.quad is not None
    assert (quad.quad.band_px, quad.quad.sigma) == (24, 12)


def test_combined_presets_give_each_variant_once(presets: Presets) -> None:
    names = [spec.name for spec in presets.specs("social, instagram")]
    assert names == [*SOCIAL, "instagram-tall", "instagram-landscape", "instagram-profile"]


@pytest.mark.parametrize("names", ["myspace", "social,myspace", "", "social,", "Social"])
def test_unknown_presets_are_told_with_the_known_ones(presets: Presets, names: str) -> None:
    with pytest.raises(UnknownPresetError) as caught:
        presets.specs(names)
    assert repr(names.rpartition(",")[2]) in caught.value.detail
    assert "social, instagram, facebook" in caught.value.detail


def test_own_variants_come_before_those_of_presets(presets: Presets) -> None:
    specs = presets.choose("effects", [{"name": "mine"}], LIMITS)
    assert [spec.name for spec in specs] == [
        "mine",
        "effects-blur",
        "effects-grayscale",
        "effects-quad",
    ]


def test_own_variants_or_presets_alone_are_enough(presets: Presets) -> None:
    assert [spec.name for spec in presets.choose(None, {"name": "mine"}, LIMITS)] == ["mine"]
    assert len(presets.choose("social", None, LIMITS)) == len(SOCIAL)


def test_asking_for_nothing_is_refused(presets: Presets) -> None:
    with pytest.raises(InvalidSpecError, match="must name a preset or give variants"):
        presets.choose(None, None, LIMITS)


def test_an_own_variant_may_not_take_the_name_of_a_presets(presets: Presets) -> None:
    own = [{"name": "mine"}, {"name": "effects-blur"}]
    with pytest.raises(InvalidSpecError) as caught:
        presets.choose("effects", own, LIMITS)
    assert [e["pointer"] for e in caught.value.extensions["errors"]] == ["/variants/1/name"]


def test_presets_and_own_variants_are_counted_together(presets: Presets) -> None:
    few = Settings.model_construct(max_variants=3)
    assert len(presets.choose("effects", None, few)) == 3
    with pytest.raises(InvalidSpecError, match="3 variants at most, not 4"):
        presets.choose("effects", [{"name": "mine"}], few)


def test_several_formats_are_counted_beside_presets(presets: Presets) -> None:
    limits = LIMITS.model_copy(update={"max_variants": 4})
    own = {"name": "own", "formats": ["jpeg", "webp"]}
    assert len(presets.choose("effects", {"name": "own"}, limits)) == 4
    with pytest.raises(InvalidSpecError, match="4 variants at most, not 5"):
        presets.choose("effects", own, limits)


def test_the_listing_is_json_and_says_where_each_size_is_from(presets: Presets) -> None:
    listing = json.loads(json.dumps(presets.listing()))
    by_name = {preset["name"]: preset for preset in listing}
    assert ",".join(name for name in by_name if name != "social") == PLATFORMS
    assert [v["name"] for v in by_name["social"]["variants"]] == SOCIAL
    (post,) = [v for v in by_name["social"]["variants"] if v["name"] == "facebook-post"]
    assert post == {
        "name": "facebook-post",
        "width": 1200,
        "height": 630,
        "fit": "cover",
        "format": None,
        "source": "official: developers.facebook.com, sharing/webmasters/images",
        "checked": "2026-11-21",
        "note": "Posts and links (Open Graph); at least 600x315 and at most 8 MB.",
    }


def test_every_size_of_a_platform_has_a_source_and_a_date(presets: Presets) -> None:
    for preset in presets.listing():
        assert preset["description"]
        for variant in preset["variants"]:
            if not variant["name"].startswith("effects-"):
                assert variant["source"].startswith(("official: ", "guide"))
                assert variant["checked"]
