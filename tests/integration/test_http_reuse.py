"""The same picture twice is made once, and what is stored is served right or made again."""

import asyncio
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pixelpipe.jobs.model import Blob
from pixelpipe.jobs.records import Record, snapshot, snapshots
from pixelpipe.runtime import Runtime
from tests.http_jobs import Json, made, own_photo, picture, refusal, send, specs, variant
from tests.serving import Client


def one(name: str, **spec: object) -> list[Json]:
    """One spec of that name."""
    return [{"name": name, "resize": {"width": 48}, **spec}]


async def test_the_second_time_nothing_is_decoded(client: Client) -> None:
    photo = own_photo()
    first = await made(client, photo, specs("a", "b"))
    second = await made(client, photo, specs("a", "b"))

    assert [v["cache"] for v in first["variants"]] == ["miss", "miss"]
    assert [v["cache"] for v in second["variants"]] == ["hit", "hit"]
    assert (first["decodes"], second["decodes"]) == (1, 0)
    assert [v["attempts"] for v in second["variants"]] == [0, 0]
    assert second["id"] != first["id"]
    for name in "ab":
        assert await picture(client, second, name) == await picture(client, first, name)


async def test_only_what_is_new_is_made(client: Client) -> None:
    photo = own_photo()
    await made(client, photo, specs("a", "b"))
    job = await made(client, photo, specs("a", "b", "c"))

    assert [v["cache"] for v in job["variants"]] == ["hit", "hit", "miss"]
    assert job["decodes"] == 1


@pytest.mark.parametrize(
    ("spec", "same"),
    [
        ({}, True),
        ({"format": "jpeg"}, True),
        ({"quality": 80}, True),
        ({"grayscale": False}, True),
        ({"resize": {"width": 48, "fit": "cover", "gravity": "center"}}, True),
        ({"format": "png"}, False),
        ({"quality": 81}, False),
        ({"grayscale": True}, False),
        ({"resize": {"width": 49}}, False),
        ({"blur": {"sigma": 1}}, False),
    ],
)
async def test_the_wish_counts_and_not_its_name(client: Client, spec: Json, *, same: bool) -> None:
    photo = own_photo()
    await made(client, photo, one("before"))
    job = await made(client, photo, one("after", **spec))

    assert variant(job, "after")["cache"] == ("hit" if same else "miss")
    assert job["decodes"] == (0 if same else 1)


async def test_another_picture_is_not_the_same(client: Client) -> None:
    await made(client, own_photo(), one("a"))
    assert (await made(client, own_photo(), one("a")))["decodes"] == 1


async def test_the_same_wish_twice_in_a_job_is_made_once(client: Client) -> None:
    job = await made(client, own_photo(), [*one("a"), *one("b")])

    assert sorted(v["cache"] for v in job["variants"]) == ["hit", "miss"]
    assert job["decodes"] == 1


async def test_requests_at_the_same_time_share_one_decode(client: Client) -> None:
    photo = own_photo(900, 700)
    jobs = await asyncio.gather(*(made(client, photo, specs(*"abcd")) for _ in range(20)))

    assert {job["state"] for job in jobs} == {"completed"}
    assert len({job["id"] for job in jobs}) == 20
    assert sum(job["decodes"] for job in jobs) == 1
    assert [v["cache"] for job in jobs for v in job["variants"]].count("miss") == 4
    assert len({v["sha256"] for job in jobs for v in job["variants"]}) == 4


async def test_what_was_deleted_is_made_anew(client: Client) -> None:
    photo = own_photo()
    job = await made(client, photo, specs("a"))
    await client.delete(f"/api/jobs/{job['id']}")

    assert (await made(client, photo, specs("a")))["decodes"] == 1


async def test_a_transform_takes_what_a_job_has_made(client: Client) -> None:
    photo = own_photo()
    job = await made(client, photo, one("a"))
    found = await client.post("/api/transform?width=48", data=photo)
    other = await client.post("/api/transform?width=49", data=photo)

    assert found.headers["Cache-Status"] == "PixelPipe; hit"
    assert await found.read() == await picture(client, job, "a")
    assert other.headers["Cache-Status"] == "PixelPipe; fwd=miss"


async def test_a_transform_stores_nothing(client: Client, runtime: Runtime) -> None:
    photo = own_photo()
    before = await asyncio.to_thread(lambda: set(runtime.storage.files.digests()))
    await client.post("/api/transform?width=77", data=photo)
    again = await client.post("/api/transform?width=77", data=photo)

    after = await asyncio.to_thread(lambda: set(runtime.storage.files.digests()))
    assert after == before
    assert again.headers["Cache-Status"] == "PixelPipe; fwd=miss"


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    os.utime(path, (1, 1))


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def lengthen(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


DAMAGES = pytest.mark.parametrize("damage", [flip, truncate, lengthen, Path.unlink])
Damage = Callable[[Path], None]


@DAMAGES
async def test_a_damaged_variant_is_made_again(
    client: Client, runtime: Runtime, damage: Damage
) -> None:
    """The last variant's bytes are asked for by eight clients at once."""
    job = await made(client, own_photo(331), specs("a", "b"))
    before = await picture(client, job, "b")
    path = runtime.storage.files.path(variant(job, "b")["sha256"])
    damage(path)
    after = await asyncio.gather(*(picture(client, job, "b") for _ in range(8)))

    assert set(after) == {before}
    assert path.read_bytes() == before


@DAMAGES
async def test_a_damaged_variant_is_no_hit(
    client: Client, runtime: Runtime, damage: Damage
) -> None:
    photo = own_photo(339)
    job = await made(client, photo, specs("a"))
    before = await picture(client, job, "a")
    damage(runtime.storage.files.path(variant(job, "a")["sha256"]))
    again = await made(client, photo, specs("a"))
    transformed = await client.post("/api/transform?width=40", data=photo)

    assert (again["decodes"], variant(again, "a")["cache"]) == (1, "miss")
    assert await picture(client, again, "a") == before
    assert await picture(client, job, "a") == before
    assert await transformed.read() == before


async def test_a_transform_does_not_take_a_damaged_variant(
    client: Client, runtime: Runtime
) -> None:
    photo = own_photo(341)
    job = await made(client, photo, specs("a"))
    before = await picture(client, job, "a")
    flip(runtime.storage.files.path(variant(job, "a")["sha256"]))
    answer = await client.post("/api/transform?width=40", data=photo)

    assert answer.headers["Cache-Status"] == "PixelPipe; fwd=miss"
    assert await answer.read() == before


async def test_an_archive_holds_what_was_made_again(client: Client, runtime: Runtime) -> None:
    job = await made(client, own_photo(343), specs("a", "b"))
    flip(runtime.storage.files.path(variant(job, "a")["sha256"]))
    runtime.storage.files.path(variant(job, "b")["sha256"]).unlink()
    answer = await client.get(f"/api/jobs/{job['id']}/archive.zip")
    packed = await answer.read()

    for name in "ab":
        assert await picture(client, job, name) in packed


@DAMAGES
async def test_a_variant_that_is_lost_with_its_source(
    client: Client, runtime: Runtime, damage: Damage
) -> None:
    photo = own_photo(345)
    job = await made(client, photo, specs("a"))
    for sha256 in (job["source"]["sha256"], variant(job, "a")["sha256"]):
        damage(runtime.storage.files.path(sha256))
    answer = await client.get(f"/api/jobs/{job['id']}/variants/a")
    assert await refusal(answer) == (500, "storage-failed")

    again = await made(client, photo, specs("a"))  # the upload heals both
    assert again["decodes"] == 1
    assert await picture(client, job, "a") == await picture(client, again, "a")


async def test_a_damaged_source_is_replaced_by_the_next_upload(
    client: Client, runtime: Runtime
) -> None:
    photo = own_photo()
    job = await made(client, photo, specs("a"))
    path = runtime.storage.files.path(job["source"]["sha256"])
    flip(path)
    answer = await send(client, photo, specs("b"))

    assert answer.status == 202
    assert path.read_bytes() == photo


async def test_a_variant_of_another_codec_that_is_lost_is_made_again_for_all_who_ask(
    client: Client, runtime: Runtime
) -> None:
    """Its bytes, and so its ETag, are others then."""
    job = await made(client, own_photo(), specs("a"))
    content, journal = b"made by another codec", runtime.storage.journal
    kept = await journal.get(job["id"])
    assert kept is not None
    blob = Blob(hashlib.sha256(content).hexdigest(), len(content))
    await runtime.storage.blobs.put(blob.sha256, memoryview(content))
    kept.variants[0].blob = blob
    await journal.write([Record(snapshot(kept), snapshots(kept, [0]), None, b"")])
    await asyncio.to_thread(runtime.storage.files.path(blob.sha256).unlink)
    answers = await asyncio.gather(*(client.get(job["variants"][0]["url"]) for _ in range(3)))

    assert [answer.status for answer in answers] == [200] * 3
    sha256 = job["variants"][0]["sha256"]
    assert {answer.headers["ETag"] for answer in answers} == {f'"{sha256}"'}
    assert {hashlib.sha256(await answer.read()).hexdigest() for answer in answers} == {sha256}
    now = await (await client.get(f"/api/jobs/{job['id']}")).json()
    assert now["variants"][0]["sha256"] == sha256
    assert now["state"] == "completed"
