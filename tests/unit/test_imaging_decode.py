"""What decode promises its caller: one codec call, no write beside `out`, damage told."""

from functools import partial

import numpy as np
import pytest
from PIL import Image

from pixelpipe.errors import DamagedImageError, FrameLimitError
from pixelpipe.formats.registry import Format
from pixelpipe.imaging import decode as module
from pixelpipe.imaging.decode import decode
from pixelpipe.recipes.task import Decode
from tests.fidelity.files import decoded, image, plan_for, saved
from tests.fidelity.pictures import read_only
from tests.fidelity.references import psnr

STORED = (90, 121)
CLEAN = saved(image(), Format.JPEG)
CUT = (Format.JPEG, Format.PNG, Format.WEBP, Format.AVIF, Format.GIF, Format.BMP)
JUNK = b"\0\0\1\2"


def _after_first_segment(content: bytes) -> int:
    return 4 + int.from_bytes(content[4:6], "big")


def _damaged(content: bytes, plan: Decode) -> str:
    with pytest.raises(DamagedImageError) as caught:
        decoded(content, plan)
    return caught.value.detail


def _decode(content: bytes, plan: Decode, said: list[str], *, max_frames: int = 1000) -> None:
    """Decode, with what happens before the codec noted."""
    out = np.empty((plan.height, plan.width, plan.channels), np.uint8)
    data = read_only(np.frombuffer(content, np.uint8))
    decode(data, plan, out, before_codec=partial(said.append, "before"), max_frames=max_frames)


def test_the_codec_is_announced_once_and_called_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    codec = module._codec

    def counted(*arguments: object, **more: object) -> object:
        calls.append("codec")
        return codec(*arguments, **more)  # type: ignore[arg-type] # as they came

    monkeypatch.setattr(module, "_codec", counted)
    _decode(CLEAN, plan_for(Format.JPEG, STORED), calls)
    assert calls == ["before", "codec"]


def test_it_is_announced_even_if_the_codec_refuses() -> None:
    calls: list[str] = []
    content = CLEAN.replace(b"\xff\xdb", b"\xff\xdc", 1)
    with pytest.raises(DamagedImageError):
        _decode(content, plan_for(Format.JPEG, STORED), calls)
    assert calls == ["before"]


def test_no_codec_is_called_for_what_the_screen_refuses() -> None:
    calls: list[str] = []
    with pytest.raises(DamagedImageError):
        _decode(b"\xff\xd8 nothing", plan_for(Format.JPEG, STORED), calls)
    assert calls == []


def test_frames_are_limited() -> None:
    calls: list[str] = []
    content = saved(image(), Format.GIF, save_all=True, append_images=[image(90, 120)])
    with pytest.raises(FrameLimitError):
        _decode(content, plan_for(Format.GIF, STORED), calls, max_frames=1)
    assert calls == []
    _decode(content, plan_for(Format.GIF, STORED), calls, max_frames=2)
    assert calls == ["before"]


@pytest.mark.parametrize("source", CUT)
@pytest.mark.parametrize("share", [0.3, 0.6, 0.97])
def test_a_cut_file_is_damaged(source: Format, share: float) -> None:
    content = saved(image(), source)
    detail = _damaged(content[: int(len(content) * share)], plan_for(source, STORED))
    assert detail == f"The {source.name} is damaged or incomplete; the whole file is needed."


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "jpeg"])
def test_a_cut_tiff_is_damaged(compression: str) -> None:
    content = saved(image(), Format.TIFF, compression=compression)
    _damaged(content[: len(content) * 2 // 3], plan_for(Format.TIFF, STORED))


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_that_was_cut_and_closed_again_is_damaged(
    orientation: int, *, progressive: bool
) -> None:
    content = saved(image(), Format.JPEG, orientation, progressive=progressive)
    half = content[: len(content) * 2 // 3] + b"\xff\xd9"
    _damaged(half, plan_for(Format.JPEG, STORED, 3, orientation))


@pytest.mark.parametrize("reduction", [1, 2, 4, 8])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_junk_between_segments_does_no_harm(reduction: int, mode: str) -> None:
    content = saved(image().convert(mode), Format.JPEG)
    place = _after_first_segment(content)
    plan = plan_for(Format.JPEG, STORED, len(mode), 1, reduction)
    odd = decoded(content[:place] + JUNK + content[place:], plan)
    assert psnr(odd, decoded(content, plan)) > 40


@pytest.mark.parametrize("content", [CLEAN + b"\0" * 999, CLEAN + b"trailer", CLEAN[:-2]])
def test_oddities_at_the_end_do_no_harm(content: bytes) -> None:
    plan = plan_for(Format.JPEG, STORED)
    assert psnr(decoded(content, plan), decoded(CLEAN, plan)) > 40


@pytest.mark.parametrize("source", [Format.JPEG, Format.PNG])
@pytest.mark.parametrize("promised", [(89, 121), (90, 120), (91, 121), (45, 61), (121, 90)])
def test_another_size_than_promised_is_damaged(source: Format, promised: tuple[int, int]) -> None:
    around = np.full((promised[0] * promised[1] * 3 + 2000,), 77, np.uint8)
    out = around[1000:-1000].reshape(*promised, 3)
    data = np.frombuffer(saved(image(), source), np.uint8)
    with pytest.raises(DamagedImageError):
        decode(data, plan_for(source, promised), out, before_codec=lambda: None, max_frames=1000)
    assert (around[:1000] == 77).all()
    assert (around[-1000:] == 77).all()


def test_floating_point_samples_are_refused() -> None:
    floats = Image.fromarray(np.zeros(STORED, np.float32))
    detail = _damaged(saved(floats, Format.TIFF), plan_for(Format.TIFF, STORED, 1))
    assert detail.startswith("The TIFF holds samples of type float32; ")
