"""Formats whose codecs are extras: with them installed, and without."""

import io

import pytest
from PIL import Image

from pixelpipe.formats import registry
from pixelpipe.formats.registry import Format
from tests.modern_files import heic, jxl
from tests.serving import Client

PICTURE = Image.linear_gradient("L").resize((96, 64)).convert("RGB")
NAMES = {Format.HEIC: "HEIC", Format.JXL: "JPEG XL"}
FILES = {Format.HEIC: heic(PICTURE), Format.JXL: jxl(PICTURE)}


@pytest.fixture
def nothing_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if only what the package needs were installed."""
    monkeypatch.setattr(registry, "_INSTALLED", set(Format) - set(FILES))


@pytest.mark.parametrize("source", FILES)
async def test_a_picture_of_an_extra_becomes_a_variant(client: Client, source: Format) -> None:
    query = {"width": "48", "format": "png"}
    answer = await client.post("/api/transform", params=query, data=FILES[source])
    assert answer.status == 200, await answer.text()
    made = Image.open(io.BytesIO(await answer.read()))
    wanted = PICTURE.resize((48, 32), Image.Resampling.LANCZOS)
    assert made.size == (48, 32)
    differences = zip(made.convert("L").tobytes(), wanted.convert("L").tobytes(), strict=True)
    assert max(abs(one - other) for one, other in differences) < 12


@pytest.mark.parametrize("source", FILES)
@pytest.mark.usefixtures("nothing_extra")
async def test_without_its_extra_a_picture_is_refused_by_the_extra_s_name(
    client: Client, source: Format
) -> None:
    answer = await client.post("/api/transform", params={"width": "48"}, data=FILES[source])
    problem = await answer.json()
    assert (answer.status, problem["type"].rpartition(":")[2]) == (415, "unsupported-format")
    assert problem["detail"] == (
        f"{NAMES[source]} is not accepted; it needs the extra pixelpipe[{source}], which is not "
        "installed."
    )


@pytest.mark.usefixtures("nothing_extra")
async def test_without_extras_the_accepted_formats_are_the_others(client: Client) -> None:
    answer = await client.post("/api/transform", params={"width": "48"}, data=b"something else")
    detail = (await answer.json())["detail"]
    assert detail.endswith("the accepted formats are jpeg, png, webp, avif, gif, tiff, bmp.")
