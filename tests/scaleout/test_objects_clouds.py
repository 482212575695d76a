"""Google's and Azure's object storage, as far as that can be told without them."""

import hashlib
from collections.abc import Mapping
from typing import Any

import pytest
from aiohttp import web
from obstore.exceptions import GenericError
from obstore.store import MemoryStore
from pytest_aiohttp import AiohttpServer
from structlog.testing import capture_logs

from pixelpipe.errors import StorageUnavailableError
from pixelpipe.jobs.model import Blob
from pixelpipe.scaleout.objects import PART_BYTES, ObjectBlobs
from pixelpipe.scaleout.objects_opening import open_objects
from pixelpipe.scaleout.objects_place import ObjectStorageError, Place, place_of

SHA256 = "0" * 64
TOKEN = "sv=2023-11-03&sp=rcwdl&sr=c&sig=secret"
ACCOUNT = {"AZURE_STORAGE_ACCOUNT_NAME": "someone", "AZURE_STORAGE_SAS_TOKEN": TOKEN}


def _place(url: str, environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> Place:
    with monkeypatch.context() as there:
        for name, value in environment.items():
            there.setenv(name, value)
        return place_of(url, environment)


@pytest.mark.parametrize(
    ("url", "environment"),
    [
        ("az://box/a", {**ACCOUNT, "AZURE_STORAGE_ENDPOINT": "{}"}),
        ("az://box/a", {**ACCOUNT, "AZURE_ENDPOINT": "{}"}),
        ("gs://box/a", {"GOOGLE_BASE_URL": "{}", "GOOGLE_SKIP_SIGNATURE": "true"}),
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_only_an_endpoint_that_says_so_is_asked_in_the_clear(
    url: str, environment: Mapping[str, str], scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = f"{scheme}://127.0.0.1:9"
    given = {name: value.format(endpoint) for name, value in environment.items()}
    place = _place(url, given, monkeypatch)
    for store in (place.store, place.quick):
        options: Any = store.client_options  # type: ignore[union-attr] # of all that ask over HTTP
        assert options["allow_http"] in {scheme == "http", str(scheme == "http").lower()}


async def test_a_credential_that_cannot_sign_is_no_trouble_of_the_store(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place = _place("az://box/a", ACCOUNT, monkeypatch)
    stored = ObjectBlobs(place, "ours").stored(Blob(SHA256, 1))
    with capture_logs() as said:
        for _ in range(2):
            assert await stored.link({}) is None
    assert place.trouble is None
    assert [each["event"] for each in said] == ["no URL can be signed"]
    assert "secret" not in str(said)


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ObjectStorageError, match="az://box/a: GenericError, MissingAccount"):
        _place("az://box/a", {}, monkeypatch)


async def test_whose_parts_others_have_made_void_sends_the_whole() -> None:
    """As Azure does to those who put the same blob together after another has."""
    content = bytes(PART_BYTES + 1)
    sha256 = hashlib.sha256(content).hexdigest()
    sent: list[bool] = []

    class Outrun(MemoryStore):
        async def put_async(self, *arguments: Any, **options: Any) -> Any:
            sent.append(options["use_multipart"])
            if options["use_multipart"]:
                raise GenericError("400 Bad Request: <Error><Code>InvalidBlockList</Code></Error>")
            return await super().put_async(*arguments, **options)

    store = Outrun()
    blobs = ObjectBlobs(Place("the store", store, store), "ours")
    await blobs.put(sha256, memoryview(content))
    assert sent == [True, False]
    assert blobs._place.trouble is None
    assert await blobs.intact(Blob(sha256, len(content)))


async def test_a_refusal_for_a_conflict_is_trouble_like_any_other(
    aiohttp_server: AiohttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Azure does while a container is being deleted; no condition is told to have failed."""

    async def conflict(_: web.Request) -> web.Response:
        text = "<Error><Code>ContainerBeingDeleted</Code></Error>"
        return web.Response(status=409, text=text, content_type="application/xml")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", conflict)
    server = await aiohttp_server(app)
    environment = {**ACCOUNT, "AZURE_STORAGE_ENDPOINT": str(server.make_url(""))}
    with monkeypatch.context() as there:
        for name, value in environment.items():
            there.setenv(name, value)
        opening = open_objects("az://box/a", environment, "ours")
        blobs = await opening.__aenter__()
    try:
        assert blobs.trouble is not None
        assert "ContainerBeingDeleted" in blobs.trouble
        blobs._watch._away = False
        with pytest.raises(StorageUnavailableError):
            await blobs.put(hashlib.sha256(b"x").hexdigest(), memoryview(b"x"))
        with pytest.raises(StorageUnavailableError):
            await blobs.read_into(SHA256, memoryview(bytearray(1)))
    finally:
        await opening.__aexit__(None, None, None)
