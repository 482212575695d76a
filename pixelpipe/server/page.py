"""The page at `/` and its assets under `/static/`, read once when the server starts."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

import pixelpipe
from pixelpipe.errors import RouteNotFoundError

INDEX = "index.html"

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)

# Not from the system's table, which differs from machine to machine.
_MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webp": "image/webp",
    ".ico": "image/vnd.microsoft.icon",
    ".woff2": "font/woff2",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """A file of the page."""

    content: bytes
    media_type: str
    etag: str


PAGE: web.AppKey[dict[str, Asset]] = web.AppKey("page", dict)


def web_folder() -> Path:
    """Where the page lies: inside the installed package, else beside it as in the repository.

    Raises:
        FileNotFoundError: In neither place; the installation is broken.
    """
    package = Path(pixelpipe.__file__).parent
    for folder in (package / "web", package.parent / "web"):
        if (folder / INDEX).is_file():
            return folder
    raise FileNotFoundError(f"no web/{INDEX} in {package} nor beside it")


def read_assets(folder: Path) -> dict[str, Asset]:
    """Every file below `folder` by its path there; hidden ones are left out."""
    names = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {
        name.as_posix(): _asset(folder / name)
        for name in names
        if not any(part.startswith(".") for part in name.parts)
    }


def _asset(path: Path) -> Asset:
    content = path.read_bytes()
    media_type = _MEDIA_TYPES.get(path.suffix, "application/octet-stream")
    return Asset(content, media_type, hashlib.sha256(content).hexdigest())


async def load_page(app: web.Application) -> AsyncIterator[None]:
    """Read the page; a cleanup context of the application."""
    app[PAGE] = await asyncio.to_thread(lambda: read_assets(web_folder()))
    yield


async def index(request: web.Request) -> web.Response:
    """The page."""
    response = _send(request, INDEX)
    response.headers["Content-Security-Policy"] = _POLICY
    return response


async def static(request: web.Request) -> web.Response:
    """A file of the page."""
    return _send(request, request.match_info["path"])


def _send(request: web.Request, name: str) -> web.Response:
    """The asset, or 304 to a browser that has it; browsers ask every time."""
    asset = request.app[PAGE].get(name)
    if asset is None:
        raise RouteNotFoundError(f"There is nothing at {request.path}.")
    headers = {"Cache-Control": "no-cache", "ETag": f'"{asset.etag}"'}
    if any(tag.value == asset.etag for tag in request.if_none_match or ()):
        return web.Response(status=304, headers=headers)
    headers["Content-Type"] = asset.media_type
    return web.Response(body=asset.content, headers=headers)
