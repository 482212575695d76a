"""Extras that are installed but cannot be used: their pictures fail, and nothing else does."""

import ctypes
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import pytest

from pixelpipe.errors import InternalError
from pixelpipe.imaging import jxl, warming
from pixelpipe.imaging.codecs import hevc
from pixelpipe.imaging.pixels import Pixels
from tests.fidelity.pictures import scene


class Stripped:
    """A library without one of its functions."""

    def __init__(self, name: str) -> None:
        self._library = ctypes.CDLL(name)

    def __getattr__(self, name: str) -> Any:
        if name == "de265_get_warning":
            raise AttributeError(f"undefined symbol: {name}")
        return getattr(self._library, name)


def _unimportable(name: str) -> None:
    raise ImportError(f"No module named {name!r}")


@pytest.fixture(autouse=True)
def _load_anew() -> Iterator[None]:
    caches: tuple[Callable[[], None], ...] = (hevc.load.cache_clear, jxl._plugin.cache_clear)
    for clear in caches:
        clear()
    yield
    for clear in caches:
        clear()


@pytest.mark.parametrize(
    ("place", "instead"),
    [((ctypes, "CDLL"), Stripped), ((hevc, "import_module"), _unimportable)],
)
def test_another_build_of_pillow_heif_is_told(
    place: tuple[object, str], instead: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    stripped = instead
    if instead is Stripped:
        library = Stripped(str(import_module("_pillow_heif").__file__))
        stripped = lambda _name: library  # noqa: E731 - what CDLL was
    monkeypatch.setattr(*place, stripped)
    with pytest.raises(InternalError, match="pillow-heif"):
        hevc.load()
    warming.warm_up()


def test_a_plugin_for_jxl_that_cannot_be_loaded_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels: Pixels = scene(20, 20)
    monkeypatch.setattr(jxl, "import_module", _unimportable)
    with pytest.raises(InternalError, match="pillow-jxl-plugin"):
        jxl.encode_jxl(pixels, 80)
    warming.warm_up()
