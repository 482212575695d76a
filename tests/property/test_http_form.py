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
