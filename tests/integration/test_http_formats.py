"""Formats: left open, several at once, negotiated; and what each variant tells of itself."""

import hashlib
import io
import json
from base64 import b64decode, b64encode
from typing import Any

import numpy as np
import pytest
from aiohttp import FormData
from PIL import Image

from pixelpipe.formats.registry import Format
from tests.http_jobs import Json, made, own_photo, send
from tests.photographs import opened, photo_jpeg
from tests.serving import Client

CHROMIUM = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
SAFARI_13 = "image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5"
SEVERAL = [{"name": "hero", "resize": {"width": 60}, "formats": ["avif", "webp", "jpeg"]}]


def png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "png")
    return file.getvalue()


def drawing() -> bytes:
    """A flat chart."""
    pixels = np.full((120, 200, 3), 255, np.uint8)
    for bar in range(6):
        pixels[110 - 15 * bar : 110, 10 + 30 * bar : 30 + 30 * bar] = (30, 90, 40 * bar)
    return png(Image.fromarray(pixels))


def drawn_jpeg() -> bytes:
    """A flat chart that has lost what was lossless about it."""
    file = io.BytesIO()
    opened(drawing()).convert("RGB").save(file, "jpeg", quality=90)
    return file.getvalue()


def cut_out() -> bytes:
    """A photograph with a transparent surrounding."""
    photo = np.array(opened(photo_jpeg()).convert("RGBA"))
    photo[:30, ..., 3] = 0
    return png(Image.fromarray(photo))


def marked(photo: bytes, mark: bytes, **fields: Any) -> FormData:
    form = FormData()
    form.add_field("file", photo, filename="a.jpg")
    form.add_field("mark", mark, filename="logo.png", content_type="image/png")
    for name, value in fields.items():
        form.add_field(name, value if isinstance(value, str) else json.dumps(value))
    return form


async def test_several_formats_are_a_variant_each(client: Client) -> None:
    job = await made(client, own_photo(), SEVERAL)
    variants = {v["name"]: v for v in job["variants"]}
    assert [(name, v["format"]) for name, v in variants.items()] == [
        ("hero.avif", "avif"),
        ("hero.webp", "webp"),
        ("hero.jpeg", "jpeg"),
    ]
    for variant in variants.values():
        content = await (await client.get(variant["url"])).read()
        assert opened(content).format == variant["format"].upper()
        assert opened(content).size == (60, 45)


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [(CHROMIUM, "avif"), ("image/webp,*/*;q=0.8", "webp"), (SAFARI_13, "jpeg"), ("*/*", "jpeg")],
)
async def test_the_address_without_a_format_negotiates(
    client: Client, accept: str, chosen: str
) -> None:
    job = await made(client, own_photo(), SEVERAL)
    answer = await client.get(f"/api/jobs/{job['id']}/variants/hero", headers={"Accept": accept})
    content = await answer.read()
    assert answer.headers["Content-Type"] == f"image/{chosen}"
    assert answer.headers["Vary"] == "Accept"
    assert answer.headers["Content-Location"] == f"hero.{chosen}"
    assert answer.headers["ETag"] == f'"{hashlib.sha256(content).hexdigest()}"'


async def test_each_of_the_negotiated_has_its_own_etag(client: Client) -> None:
    job = await made(client, own_photo(), SEVERAL)
    url = f"/api/jobs/{job['id']}/variants/hero"
    etag = (await client.get(url, headers={"Accept": CHROMIUM})).headers["ETag"]
    same = {"Accept": CHROMIUM, "If-None-Match": etag}
    other = {"Accept": "*/*", "If-None-Match": etag}
    assert (await client.get(url, headers=same)).status == 304
    assert (await client.get(url, headers=other)).status == 200


async def test_the_negotiated_has_ranges_a_head_and_a_name_of_its_own(client: Client) -> None:
    job = await made(client, own_photo(), SEVERAL)
    url, webp = f"/api/jobs/{job['id']}/variants/hero", {"Accept": "image/webp"}
    whole = await (await client.get(f"{url}.webp")).read()
    head = await client.head(f"{url}?download=1", headers=webp)
    assert int(head.headers["Content-Length"]) == len(whole)
    assert head.headers["Content-Disposition"] == 'attachment; filename="upload-hero.webp"'
    condition = webp | {"Range": "bytes=10-19", "If-Range": head.headers["ETag"]}
    part = await client.get(url, headers=condition)
    assert (part.status, await part.read()) == (206, whole[10:20])
    other = await client.get(url, headers=condition | {"Accept": "image/jpeg"})
    assert (other.status, other.headers["Content-Type"]) == (200, "image/jpeg")
    assert {answer.headers["Vary"] for answer in (head, part, other)} == {"Accept"}


async def test_of_the_formats_that_a_reader_likes_the_first_of_the_list_is_sent(
    client: Client,
) -> None:
    spec = [SEVERAL[0] | {"formats": ["jpeg", "webp", "avif"]}]
    job = await made(client, own_photo(), spec)
    url = f"/api/jobs/{job['id']}/variants/hero"
    answer = await client.get(url, headers={"Accept": CHROMIUM})
    assert answer.headers["Content-Type"] == "image/jpeg"


async def test_the_accept_of_an_auto_belongs_to_what_a_key_stands_for(client: Client) -> None:
    photo = own_photo()

    async def sent(name: str, spec: Json, accept: str) -> int:
        answer = await send(client, photo, [spec], Idempotency_Key=name, Accept=accept)
        return answer.status

    auto, fixed = {"name": "a", "format": "auto"}, {"name": "a", "format": "webp"}
    assert [await sent("auto-accept", auto, accept) for accept in ("*/*", "", "image/avif")] == [
        202,
        202,
        422,
    ]
    assert [await sent("own-accept", fixed, accept) for accept in ("*/*", "image/avif")] == [
        202
    ] * 2


async def test_a_mark_is_the_same_however_it_came(client: Client) -> None:
    photo, marks = own_photo(), [png(Image.new("RGB", (40, 40), name)) for name in ("red", "blue")]

    async def sent(mark: bytes, *, inside: bool) -> Json:
        image = f"data:image/png;base64,{b64encode(mark).decode()}"
        wish = {"opacity": 0.5, **({"image": image} if inside else {})}
        form = FormData({"variants": json.dumps([{"name": "a", "watermark": wish}])})
        form.add_field("file", photo, filename="a.jpg")
        if not inside:
            form.add_field("mark", mark, filename="logo.png")
        answer = await client.post("/api/jobs", data=form, headers={"Prefer": "wait=30"})
        variant: Json = (await answer.json())["variants"][0]
        return variant

    red = await sent(marks[0], inside=True)
    assert (await sent(marks[0], inside=False))["cache"] == "hit"
    blue = await sent(marks[1], inside=False)
    assert blue["cache"] == "miss"
    assert blue["sha256"] != red["sha256"]


async def test_fields_together_are_bounded(client: Client) -> None:
    form = FormData()
    form.add_field("file", own_photo(), filename="a.jpg")
    for name in ("width", "height"):
        form.add_field(name, "1" * 150_000)
    answer = await client.post("/api/transform", data=form)
    assert answer.status == 400
    assert "together" in (await answer.json())["detail"]


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"crop": '{"x":310,"y":0,"width":20,"height":20}'}, "/crop"),
        ({"crop": '{"x":1,"width":20}'}, "/crop/height"),
        ({"spec": '{"crop":{"x":310,"width":20,"height":20}}'}, "/spec/crop"),
        ({"width": "16384", "height": "16384", "enlarge": "true"}, ""),
        ({"opacity": "0.5"}, "/mark"),
        ({"mark": "data:image/png;base64,AAAA"}, "/mark"),
        ({"trim": "255"}, "/trim"),
        ({"formats": '["webp","gif"]'}, "/formats/1"),
        ({"duotone": '{"shadow":"#000"}'}, "/duotone/highlight"),
    ],
)
async def test_a_transforms_mistakes_point_into_the_request(
    client: Client, query: dict[str, str], pointer: str
) -> None:
    answer = await client.post("/api/transform", data=own_photo(), params=query)
    document = await answer.json()
    assert answer.status == 422
    assert [error["pointer"] for error in document["errors"]] == [pointer]


async def test_a_format_that_nobody_asked_for_is_not_there(client: Client) -> None:
    job = await made(client, own_photo(), SEVERAL)
    for name in ("hero.png", "her", "hero."):
        assert (await client.get(f"/api/jobs/{job['id']}/variants/{name}")).status == 404


@pytest.mark.parametrize(
    ("content", "accept", "chosen"),
    [
        (own_photo, CHROMIUM, "avif"),
        (own_photo, "image/webp", "webp"),
        (own_photo, "application/json", "jpeg"),
        (drawing, CHROMIUM, "webp"),
        (drawing, "*/*", "png"),
        (drawn_jpeg, CHROMIUM, "avif"),
        (cut_out, CHROMIUM, "avif"),
        (cut_out, "*/*", "png"),
    ],
)
async def test_auto_goes_by_content_and_by_accept(
    client: Client, content: Any, accept: str, chosen: str
) -> None:
    job = await made(client, content(), [{"name": "a", "format": "auto"}], Accept=accept)
    (variant,) = job["variants"]
    assert variant["format"] == chosen
    assert (variant["quality"] is None) == (content is drawing or chosen == "png")


async def test_what_is_open_is_null_until_it_is_made(client: Client) -> None:
    spec = [{"name": "a", "format": "auto"}, {"name": "b", "trim": {}}]
    params = {"variants": json.dumps(spec)}
    answer = await client.post("/api/jobs", data=own_photo(), params=params)
    one, other = (await answer.json())["variants"]
    assert (one["format"], one["width"]) == (None, 320)
    assert (other["format"], other["width"], other["height"]) == ("jpeg", None, None)


async def test_a_transform_negotiates_and_says_so(client: Client) -> None:
    photo = own_photo()
    for query in ({"format": "auto"}, {"formats": '["webp", "jpeg"]'}):
        for accept, chosen in (("image/webp", "webp"), ("*/*", "jpeg")):
            answer = await client.post(
                "/api/transform", data=photo, params=query, headers={"Accept": accept}
            )
            assert answer.headers["Content-Type"] == f"image/{chosen}"
            assert answer.headers["Vary"] == "Accept"
    plain = await client.post("/api/transform", data=photo, params={"format": "webp"})
    assert "Vary" not in plain.headers


async def test_a_variant_tells_what_it_looks_like(client: Client) -> None:
    job = await made(client, own_photo(), [{"name": "a", "resize": {"width": 64}}])
    (variant,) = job["variants"]
    picture = opened(await (await client.get(variant["url"])).read()).convert("RGB")
    assert (variant["width"], variant["height"]) == picture.size
    assert (variant["quality"], variant["frames"]) == (80, 1)
    assert variant["palette"][0] == variant["dominant"]
    assert 1 <= len(variant["palette"]) <= 5
    assert len(variant["blurhash"]) == 6 + 2 * 11
    assert 5 <= len(b64decode(variant["thumbhash"])) <= 25


async def test_a_reused_variant_tells_the_same(client: Client) -> None:
    photo = own_photo()
    spec = [{"name": "a", "resize": {"width": 64}, "format": "auto"}]
    first, again = [(await made(client, photo, spec))["variants"][0] for _ in range(2)]
    assert again["cache"] == "hit"
    told = ("format", "width", "height", "quality", "dominant", "palette", "blurhash", "thumbhash")
    assert {key: first[key] for key in told} == {key: again[key] for key in told}


async def test_trim_gives_the_size_of_what_is_left(client: Client) -> None:
    pixels = np.full((100, 140, 3), 255, np.uint8)
    pixels[20:80, 30:130] = np.random.default_rng(1).integers(0, 200, (60, 100, 3), np.uint8)
    spec = [{"name": "a", "trim": {}}, {"name": "b", "trim": {}, "resize": {"width": 50}}]
    job = await made(client, png(Image.fromarray(pixels)), spec)
    assert [(v["width"], v["height"]) for v in job["variants"]] == [(100, 60), (50, 30)]


async def test_max_bytes_lowers_the_quality_and_says_so(client: Client) -> None:
    spec = [{"name": "a", "max_bytes": 3000}, {"name": "b", "max_bytes": 100}]
    job = await made(client, own_photo(), spec)
    fits, cannot = job["variants"]
    assert job["state"] == "partial"
    assert fits["bytes"] <= 3000
    assert fits["quality"] < 80
    assert cannot["error"]["type"].endswith("max-bytes-unreachable")


@pytest.mark.parametrize("colors", [8, 256])
async def test_a_palette_of_all_the_colours_that_there_are(client: Client, colors: int) -> None:
    spec = [{"name": "a", "format": "png", "png": {"colors": colors}}]
    job = await made(client, drawing(), spec)
    assert job["state"] == "completed", job["failures"]
    picture = opened(await (await client.get(job["variants"][0]["url"])).read())
    assert picture.mode == "P"
    shown, wanted = (np.asarray(each.convert("RGB")) for each in (picture, opened(drawing())))
    assert np.array_equal(shown, wanted)


async def test_the_least_size_that_there_is_is_told(client: Client) -> None:
    spec: list[Json] = [{"name": "a", "format": "auto", "max_bytes": 100}]
    job = await made(client, drawing(), [*spec, {"name": "b", "format": "png"}])
    auto, plain = job["variants"]
    assert int(auto["error"]["detail"].split("allow has ")[1].split()[0]) <= plain["bytes"]


async def test_an_animation_is_trimmed_around_all_its_frames(client: Client) -> None:
    pictures = [Image.new("RGB", (60, 40), (255, 255, 255)) for _ in range(3)]
    for number, picture in enumerate(pictures):
        picture.paste((0, 0, 200), (5 + 20 * number, 10, 15 + 20 * number, 20))
    file = io.BytesIO()
    pictures[0].save(file, "gif", save_all=True, append_images=pictures[1:], duration=100)
    spec = [{"name": "a", "trim": {}, "animation": "keep", "format": "png"}]
    (variant,) = (await made(client, file.getvalue(), spec))["variants"]
    assert (variant["frames"], variant["width"], variant["height"]) == (3, 50, 10)


async def test_a_mark_may_come_as_a_file(client: Client) -> None:
    photo, mark = own_photo(), png(Image.new("RGB", (40, 40), (255, 0, 0)))
    spec = [{"name": "a", "watermark": {"gravity": "northwest"}, "format": "png"}]
    answer = await client.post(
        "/api/jobs", data=marked(photo, mark, variants=spec), headers={"Prefer": "wait=30"}
    )
    job: Json = await answer.json()
    picture = opened(await (await client.get(job["variants"][0]["url"])).read()).convert("RGB")
    assert [picture.getpixel(at) for at in ((0, 0), (39, 39))] == [(255, 0, 0)] * 2
    assert picture.getpixel((45, 45)) != (255, 0, 0)


async def test_a_transform_takes_a_mark_as_well(client: Client) -> None:
    mark = png(Image.new("RGB", (40, 40), (255, 0, 0)))
    form = marked(own_photo(), mark, opacity="1", format="png")
    answer = await client.post("/api/transform", data=form)
    picture = opened(await answer.read()).convert("RGB")
    assert picture.getpixel((picture.width - 1, picture.height - 1)) == (255, 0, 0)


async def test_a_mark_that_nobody_wants_is_a_mistake(client: Client) -> None:
    form = marked(own_photo(), png(Image.new("RGB", (4, 4))), variants=[{"name": "a"}])
    answer = await client.post("/api/jobs", data=form)
    assert answer.status == 422
    assert (await answer.json())["errors"][0]["pointer"] == "/mark"


@pytest.mark.parametrize(
    ("image", "words"),
    [
        ("http://example.com/logo.png", "must be a data URL in base64"),
        ("data:image/png;base64,AAAA", "must hold a picture"),
        ("data:image/png;base64,A", "must hold a picture"),
    ],
)
async def test_a_mark_that_is_no_picture_is_a_mistake(
    client: Client, image: str, words: str
) -> None:
    spec = json.dumps([{"name": "a", "watermark": {"image": image}}])
    answer = await client.post("/api/jobs", data=own_photo(), params={"variants": spec})
    (error,) = (await answer.json())["errors"]
    assert error["pointer"] == "/variants/0/watermark/image"
    assert error["detail"].startswith(words)


async def test_the_archive_names_each_format_once(client: Client) -> None:
    job = await made(client, own_photo(), SEVERAL)
    archive = await (await client.get(f"/api/jobs/{job['id']}/archive.zip")).read()
    for extension in ("avif", "webp", "jpg"):
        assert f"upload-hero.{extension}".encode() in archive


def gif(frames: int) -> bytes:
    pictures = [Image.new("RGB", (32, 24), (40 * n, 255 - 40 * n, 0)) for n in range(frames)]
    file = io.BytesIO()
    pictures[0].save(
        file, "gif", save_all=True, append_images=pictures[1:], duration=[100, 50, 70], loop=3
    )
    return file.getvalue()


@pytest.mark.parametrize("output", [Format.WEBP, Format.PNG, Format.AVIF])
async def test_an_animation_stays_one(client: Client, output: Format) -> None:
    kept = {"animation": "keep", "resize": {"width": 16}, "format": output}
    job = await made(client, gif(3), [{"name": "a", **kept}, {"name": "b", "format": output}])
    moving, still = job["variants"]
    assert (moving["frames"], still["frames"]) == (3, 1)
    picture = opened(await (await client.get(moving["url"])).read())
    assert getattr(picture, "n_frames", 1) == 3
    assert picture.size == (16, 12)
    assert getattr(opened(await (await client.get(still["url"])).read()), "n_frames", 1) == 1
