"""The JSON answers."""

from collections.abc import Mapping

from aiohttp import web
from pydantic import BaseModel


def answer(
    content: BaseModel | bytes, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """`content`, a model or already JSON, that no cache keeps: jobs change."""
    document = content if isinstance(content, bytes) else content.model_dump_json().encode()
    return web.Response(
        body=document,
        status=status,
        headers={"Cache-Control": "no-store", **(headers or {})},
        content_type="application/json",
    )
