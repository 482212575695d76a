"""What the server says of its workers' sandbox."""

from pathlib import Path

from pytest_aiohttp import AiohttpClient, AiohttpServer

from pixelpipe.runtime import open_runtime
from tests import http_jobs
from tests.fidelity.planar_chain import made, planned
from tests.photographs import photo_jpeg
from tests.serving import Client, connected, small_settings


async def test_readiness_tells_what_the_workers_have_given_up(client: Client) -> None:
    sandbox = (await (await client.get("/readyz")).json())["sandbox"]
    assert (sandbox["mode"], sandbox["seccomp"]) == ("try", True)
    assert sandbox["landlock"] >= 0
    assert len(sandbox["missing"]) == (sandbox["landlock"] == 0)


async def test_readiness_says_so_when_the_sandbox_is_off(
    tmp_path: Path, aiohttp_server: AiohttpServer, aiohttp_client: AiohttpClient
) -> None:
    async with open_runtime(small_settings(tmp_path, sandbox="off")) as runtime:
        client = await connected(runtime, aiohttp_server, aiohttp_client)
        sandbox = (await (await client.get("/readyz")).json())["sandbox"]
    assert sandbox == {"mode": "off", "seccomp": False, "landlock": 0, "missing": []}


async def test_a_worker_without_files_still_takes_luma_and_chroma_apart(client: Client) -> None:
    """Its library was loaded before; mixed pixels would give other bytes."""
    wanted = {"name": "small", "resize": {"width": 101}}
    variant = (await http_jobs.made(client, photo_jpeg(), [wanted]))["variants"][0]
    content = await (await client.get(variant["url"])).read()
    job = planned(photo_jpeg(), {"resize": {"width": 101}})
    assert job.decode.planar
    assert content == bytes(made(photo_jpeg(), job)[0].content)
