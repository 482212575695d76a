"""The JSON answers."""

from collections.abc import Mapping

from aiohttp import web
from pydantic import BaseModel


def answer(
    model: BaseModel, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """`model` as JSON that no cache keeps: jobs change."""
    return web.Response(
        body=model.model_dump_json().encode(),
        status=status,
        headers={"Cache-Control": "no-store", **(headers or {})},
        content_type="application/json",
    )
