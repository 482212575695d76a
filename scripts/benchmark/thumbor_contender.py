"""thumbor: a file that is put into its folder, and a request for each variant."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from http import HTTPStatus
from itertools import count
from math import ceil
from pathlib import Path
from typing import Any

from benchmark import peer_places as places
from benchmark.errors import BenchError
from benchmark.peer_processes import listening_program
from benchmark.sets import VariantSet
from benchmark.steady_client import SteadyClient
from load import Reply
from raw_client import Answer

_SCRIPTS = Path(__file__).parents[1]
# Where sharp and libvips cut a Gaussian; thumbor's time grows with the radius.
_RADIUS_SIGMAS = 2
_PNG_START = b"\x89PNG\r\n\x1a\n"
_PNG_COLOR_TYPE_AT, _PNG_ALPHA = 25, 4

_CONFIGURATION = """
ALLOW_UNSAFE_URL = True
LOADER = 'thumbor.loaders.file_loader'
FILE_LOADER_ROOT_PATH = {folder!r}
STORAGE = 'thumbor.storages.no_storage'
RESULT_STORAGE = None
QUALITY = 80
RESPECT_ORIENTATION = True
NON_BLOCKING_SOCKETS = True
"""


class ThumborContender:
    """A thumbor that runs.

    Args:
        pid: The root of its process tree.
        client: Of it.
        folder: Where it reads images.
    """

    name = "thumbor"

    def __init__(self, pid: int, client: SteadyClient, folder: Path) -> None:
        self.pid = pid
        self._client = client
        self._folder = folder
        self._numbers = count()

    async def send(self, image: bytes, asked: VariantSet) -> Reply:
        """Ask for all variants at the same time."""
        answers = await self._answers(image, asked)
        failed = [answer for answer in answers.values() if answer.status != HTTPStatus.OK]
        if failed:
            error = "the connection broke" if failed[0].broken else str(failed[0].status)
            return Reply(error, len(image), 0)
        return Reply(None, len(image), sum(len(answer.body) for answer in answers.values()))

    async def outputs(self, image: bytes, asked: VariantSet) -> dict[str, bytes]:
        """The same; gives the files.

        Raises:
            BenchError: They were not made.
        """
        answers = await self._answers(image, asked)
        for name, answer in answers.items():
            if answer.status != HTTPStatus.OK:
                raise BenchError(f"thumbor, {asked.name}: {answer.status} for {name}")
        return {name: answer.body for name, answer in answers.items()}

    async def _answers(self, image: bytes, asked: VariantSet) -> dict[str, Answer]:
        path = self._folder / f"{next(self._numbers)}.image"
        path.write_bytes(image)
        has_alpha = _has_alpha(image)
        paths = [_path(spec, path.name, has_alpha=has_alpha) for spec in asked.specs]
        try:
            answers = await asyncio.gather(*map(self._client.get, paths))
        finally:
            path.unlink()
        return {spec["name"]: answer for spec, answer in zip(asked.specs, answers, strict=True)}


def _path(spec: dict[str, Any], file: str, *, has_alpha: bool) -> str:
    """The address of a variant; what has alpha goes on white, which thumbor else makes black."""
    parts = ["/unsafe"]
    if resize := spec.get("resize"):
        parts += ["fit-in"] if resize["fit"] == "inside" else []
        parts.append(f"{resize['width']}x{resize['height']}")
    return "/".join([*parts, f"filters:{':'.join(_filters(spec, has_alpha=has_alpha))}", file])


def _filters(spec: dict[str, Any], *, has_alpha: bool) -> list[str]:
    filters = [f"format({spec['format']})"]
    if "quality" in spec:
        filters.append(f"quality({spec['quality']})")
    if spec.get("grayscale"):
        filters.append("grayscale()")
    if "blur" in spec:
        sigma = spec["blur"]["sigma"]
        filters.append(f"blur({ceil(_RADIUS_SIGMAS * sigma)},{sigma})")
    if has_alpha and spec["format"] == "jpeg":
        filters.append("background_color(ffffff)")
    return filters


def _has_alpha(image: bytes) -> bool:
    return image.startswith(_PNG_START) and bool(image[_PNG_COLOR_TYPE_AT] & _PNG_ALPHA)


@contextlib.asynccontextmanager
async def running_thumbor(*, workers: int) -> AsyncIterator[ThumborContender]:
    """Start thumbor with so many processes; kill it when the block ends.

    Raises:
        BenchError: It did not start.
    """
    with tempfile.TemporaryDirectory(prefix="pixelpipe-thumbor-") as name:
        folder = Path(name)
        configuration = folder / "thumbor.conf"
        images = folder / "images"
        images.mkdir()
        configuration.write_text(_CONFIGURATION.format(folder=str(images)))
        python = str(places.python(places.THUMBOR))
        command = [python, "-m", "peers.thumbor_server", str(configuration), str(workers)]
        environment = {"PYTHONPATH": str(_SCRIPTS)}
        async with listening_program("thumbor", command, environment) as program:
            client = SteadyClient(program.port)
            with contextlib.closing(client):
                yield ThumborContender(program.pid, client, images)
