"""The server is killed and started again: what was acknowledged goes on where it was."""

import asyncio
import hashlib
import signal
from pathlib import Path

import aiohttp

from event_stream import Event, read_events
from tests.faults.faulty_process import faulty_process, live_process
from tests.http_jobs import (
    Json,
    begun,
    calling,
    document,
    get,
    made,
    own_photo,
    picture,
    send,
    specs,
    story,
    until_making,
    until_state,
    variant,
)

KILLS = 3


async def watched(session: aiohttp.ClientSession, job_id: str, made_variants: int) -> list[Event]:
    """The job's events until so many variants are made; then the stream is left."""
    events: list[Event] = []
    async with session.get(f"/api/jobs/{job_id}/events") as answer:
        async for event in read_events(answer.content):
            events.append(event)
            if [each.name for each in events].count("variant.completed") == made_variants:
                break
    return events


def check_story(events: list[Event]) -> None:
    """Without a gap, in order, and each variant made once."""
    ids = [int(event.id) for event in events]
    done = [event.data["name"] for event in events if event.name == "variant.completed"]
    assert [event.data["seq"] for event in events] == list(range(1, len(events) + 1))
    assert ids == sorted(set(ids))
    assert len(done) == len(set(done))
    assert events[0].name == "job.accepted"
    assert events[-1].name == "job.completed"


def check_blobs(folder: Path) -> None:
    """Every file is what its name says, and nothing is half written."""
    assert list((folder / "unfinished").iterdir()) == []
    for path in folder.glob("??/*"):
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name


async def test_only_what_was_not_done_is_made_after_a_kill(tmp_path: Path) -> None:
    with faulty_process(tmp_path / "data") as server:
        async with calling(server.url) as session:
            job = await begun(session, own_photo(800, 600), specs("hang", "a", "b", "c"))
            await until_making(session, job["id"], "hang")
            seen = await watched(session, job["id"], 3)
            before = {name: await picture(session, job, name) for name in "abc"}
        server.end(signal.SIGKILL)
    half = tmp_path / "data" / "blobs" / "unfinished" / "0123456789abcdef"
    half.write_bytes(b"half")

    with live_process(tmp_path / "data") as again:
        async with calling(again.url) as session:
            rest = await story(session, job["id"], after=seen[-1].id)
            whole = await story(session, job["id"])
            found = await get(session, job["id"])
            assert {name: await picture(session, job, name) for name in "abc"} == before
            assert await picture(session, job, "hang")
        assert again.terminate() == 0

    assert [event.id for event in [*seen, *rest]] == [event.id for event in whole]
    check_story(whole)
    assert found["state"] == "completed"
    assert found["decodes"] == 2
    assert [v["attempts"] for v in found["variants"]] == [2, 1, 1, 1]
    assert [v["strikes"] for v in found["variants"]] == [0, 0, 0, 0]
    lost = [event.data for event in rest if event.name == "variant.retrying"]
    assert [each["name"] for each in lost] == ["hang"]
    assert lost[0]["error"]["type"].endswith("worker-lost")
    started_again = {event.data["name"] for event in rest if event.name == "variant.started"}
    assert started_again == {"hang"}
    check_blobs(tmp_path / "data" / "blobs")


async def test_jobs_in_every_state_survive(tmp_path: Path) -> None:
    with faulty_process(tmp_path / "data") as server:
        async with calling(server.url) as session:
            done = await made(session, own_photo(), specs("a"))
            failed = await made(session, own_photo(), specs("defect"))
            partial = await made(session, own_photo(), specs("defect", "b"))
            removed = await made(session, own_photo(), specs("c"))
            await session.delete(f"/api/jobs/{removed['id']}")
            running = [await begun(session, own_photo(), specs("hang")) for _ in range(2)]
            for job in running:
                await until_making(session, job["id"], "hang")
            queued = [await begun(session, own_photo(), specs("d")) for _ in range(3)]
            cancelled = await begun(session, own_photo(), specs("e"))
            await session.delete(f"/api/jobs/{cancelled['id']}")
            settled = (done, failed, partial, removed, cancelled)
            before = [await get(session, job["id"]) for job in settled]
            stories = [await story(session, job["id"]) for job in settled]
        server.end(signal.SIGKILL)

    with live_process(tmp_path / "data") as again:
        async with calling(again.url) as session:
            ended = [await until_state(session, j["id"], "completed") for j in (*running, *queued)]
            after = [await get(session, job["id"]) for job in settled]
            assert [await story(session, job["id"]) for job in settled] == stories
            retried = await session.post(f"/api/jobs/{partial['id']}/retry")
            assert retried.status == 202
            assert (await until_state(session, partial["id"], "completed"))["decodes"] == 2
        assert again.terminate() == 0

    assert after == before
    assert [job["state"] for job in after] == [
        "completed",
        "failed",
        "partial",
        "completed",
        "cancelled",
    ]
    assert after[3]["deleted_at"] is not None
    assert [job["decodes"] for job in ended] == [2, 2, 1, 1, 1]


async def submitted(url: str, wishes: dict[str, bytes]) -> None:
    """Send all of them, each with its key, as far as the server lives."""
    async with calling(url) as session:
        answers = await asyncio.gather(
            *(
                send(session, photo, specs(*"abcd", width=200), Idempotency_Key=key)
                for key, photo in wishes.items()
            ),
            return_exceptions=True,
        )
    for answer in answers:
        if not isinstance(answer, aiohttp.ClientError):
            assert isinstance(answer, aiohttp.ClientResponse), answer
            assert answer.status == 202


async def test_killed_again_and_again_nothing_is_lost_or_done_twice(tmp_path: Path) -> None:
    """Clients send everything again after each kill, under the same keys."""
    folder = tmp_path / "data"
    wishes = {f"wish-{number}": own_photo(1100, 800) for number in range(24)}
    for number in range(KILLS):
        with live_process(folder) as server:
            sending = asyncio.create_task(submitted(server.url, wishes))
            await asyncio.wait({sending}, timeout=0.1 + 0.15 * number)
        await sending
    with live_process(folder) as server:
        await submitted(server.url, wishes)
        async with calling(server.url) as session:
            listed: list[Json] = (await document(await session.get("/api/jobs?limit=200")))["jobs"]
            stories = await asyncio.gather(*(story(session, job["id"]) for job in listed))
            ended = [await get(session, job["id"]) for job in listed]
            for job in ended[:4]:
                assert len(await picture(session, job, "a")) == variant(job, "a")["bytes"]
        assert server.terminate() == 0

    assert len(listed) == len(wishes)
    assert {job["state"] for job in ended} == {"completed"}
    for events in stories:
        check_story(events)
    assert max(v["strikes"] for job in ended for v in job["variants"]) == 0
    check_blobs(folder / "blobs")
