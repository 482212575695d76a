"""Any bytes are a form, or are refused for a reason that a client can be told."""

import asyncio
from unittest import mock

import pytest
from aiohttp import StreamReader
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st

from pixelpipe.errors import EncodedBodyError, MalformedRequestError
from pixelpipe.server.body import body_in_time
from pixelpipe.server.form import parts

HEADERS = {"Content-Type": "multipart/form-data; boundary=cut"}
PIECES = st.sampled_from(
    [
        b"--cut",
        b"--cut--",
        b"\r\n",
        b"\r\n\r\n",
        b'Content-Disposition: form-data; name="file"; filename="a.jpg"\r\n',
        b"Content-Disposition: form-data; name=preset; filename*=utf-8''%ff\r\n",
        b'Content-Disposition: form-data; name="_charset_"\r\n',
        b"Content-Type: multipart/mixed; boundary=in\r\n",
        b"Content-Length: 3\r\n",
        b"Content-Encoding: gzip\r\n",
        b'Content-Disposition: form-data; name="_charset_"\r\n\r\n',
    ]
)
BODIES = st.lists(PIECES | st.binary(max_size=20), max_size=12).map(b"".join)


async def names(
    body: bytes, content_type: str = HEADERS["Content-Type"]
) -> list[tuple[str, str | None]]:
    """Of all parts: of the field, and of the file."""
    stream = StreamReader(mock.Mock(), 2**16, loop=asyncio.get_running_loop())
    stream.feed_data(body)
    stream.feed_eof()
    headers = {"Content-Type": content_type}
    request = make_mocked_request("POST", "/", headers, payload=stream)
    async with body_in_time(request, len(body), 10.0) as reader:
        return [(part.name, part.file_name) async for part in parts(request, reader)]


async def read(body: bytes) -> list[bytes]:
    """The contents of all parts."""
    stream = StreamReader(mock.Mock(), 2**16, loop=asyncio.get_running_loop())
    stream.feed_data(body)
    stream.feed_eof()
    request = make_mocked_request("POST", "/", HEADERS, payload=stream)
    contents = []
    async with body_in_time(request, len(body), 10.0) as reader:
        async for part in parts(request, reader):
            content = [chunk async for chunk in part.chunks()]
            contents.append(b"".join(content))
    assert stream.at_eof()
    return contents


@pytest.mark.filterwarnings("ignore::aiohttp.BadContentDispositionHeader")
@pytest.mark.filterwarnings("ignore::aiohttp.BadContentDispositionParam")
@given(BODIES)
def test_any_body_is_read_or_refused(body: bytes) -> None:
    try:
        contents = asyncio.run(read(body))
    except (EncodedBodyError, MalformedRequestError):
        return
    assert sum(map(len, contents)) <= len(body)


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=5))
def test_what_is_in_the_parts_comes_out(contents: list[bytes]) -> None:
    head = b'--cut\r\nContent-Disposition: form-data; name="file"\r\n\r\n'
    body = b"".join(head + content + b"\r\n" for content in contents) + b"--cut--\r\n"
    if not any(b"\r\n--cut" in b"\r\n" + content for content in contents):
        assert asyncio.run(read(body)) == contents


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ('filename="\u00e9.jpg"'.encode("latin-1"), "\ufffd.jpg"),
        ('filename="\u00e9.jpg"'.encode(), "\u00e9.jpg"),
        (b"filename=\"e.jpg\"; filename*=UTF-8''%C3%A9.jpg", "\u00e9.jpg"),
        ("filename*=UTF-8''%C3%A9.jpg; filename=\"\u00e9.jpg\"".encode("latin-1"), "\u00e9.jpg"),
    ],
)
@pytest.mark.filterwarnings("ignore::aiohttp.BadContentDispositionHeader")
def test_a_file_may_be_named_in_whatever_encoding_a_system_has(name: bytes, shown: str) -> None:
    head = b'--cut\r\nContent-Disposition: form-data; name="file"; ' + name + b"\r\n\r\n"
    assert asyncio.run(names(head + b"1\r\n--cut--\r\n")) == [("file", shown)]


@pytest.mark.parametrize("given", ["----=_Part_1_2.3", "a:b/c", '"a b"; charset=utf-8', " x ;"])
def test_a_boundary_may_lack_the_quotes_that_it_should_have(given: str) -> None:
    boundary = given.partition(";")[0].strip().strip('"').encode()
    part = b'\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
    body = b"--" + boundary + part + b"--" + boundary + b"--\r\n"
    told = f"Multipart/Form-Data; Boundary={given}"
    assert asyncio.run(names(body, told)) == [("a", None)]


@pytest.mark.parametrize("given", ["", "boundary=", "boundary=\u00e9"])
def test_a_form_without_a_boundary_is_refused(given: str) -> None:
    with pytest.raises(MalformedRequestError, match="1 to 70 ASCII"):
        asyncio.run(names(b"", f"multipart/form-data; {given}"))
