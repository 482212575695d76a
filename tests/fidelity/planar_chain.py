"""Whole jobs on JPEGs of 4:2:0, from the bytes of a file to those of its variants."""

import io
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image

from pixelpipe.config import Settings
from pixelpipe.imaging.codecs.turbojpeg import decode_planes
from pixelpipe.imaging.decode import decode
from pixelpipe.imaging.pipeline import Made, make
from pixelpipe.imaging.pixels import Pixels
from pixelpipe.imaging.planes import Planes, padded_planes_in
from pixelpipe.imaging.source import Source, frames_of, sidecar_of
from pixelpipe.recipes.plan import Plan, plan
from pixelpipe.recipes.spec import parse_specs
from pixelpipe.recipes.task import Decode
from tests.fidelity.pictures import noise, read_only
from tests.photographs import opened
from tests.unit.probe_files import probed

LIMITS = Settings.model_construct()
_AROUND_BYTES = 512


def jpeg_420(pixels: Pixels, quality: int = 97, orientation: int = 1, **options: Any) -> bytes:
    """BGR as a JPEG of 4:2:0 that Pillow writes."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = io.BytesIO()
    picture = Image.fromarray(np.ascontiguousarray(pixels[..., ::-1]))
    options |= {"exif": exif} if orientation > 1 else {}
    picture.save(content, "JPEG", quality=quality, subsampling="4:2:0", **options)
    return content.getvalue()


def planned(content: bytes, *specs: dict[str, Any]) -> Plan:
    """The plan of a job."""
    named = [{"name": f"v{index}", **spec} for index, spec in enumerate(specs)]
    return plan(probed(content), parse_specs(named, limits=LIMITS), LIMITS)


def mixed(planar: Plan) -> Plan:
    """The same job with its source decoded to mixed pixels."""
    return replace(planar, decode=replace(planar.decode, planar=False))


def filled(content: bytes, to: Decode) -> Pixels:
    """The arena after the decode, between noise that must stay as it is."""
    whole = noise(1, to.pixels_bytes + 2 * _AROUND_BYTES, 1)[0].copy()
    before = whole.copy()
    room = whole[_AROUND_BYTES:-_AROUND_BYTES]
    data = read_only(np.frombuffer(content, np.uint8))
    out, beside = frames_of(room, to), sidecar_of(room, to)
    decode(data, to, out, before_codec=lambda: None, max_frames=1, sidecar=beside)
    for around in (slice(_AROUND_BYTES), slice(-_AROUND_BYTES, None)):
        assert (whole[around] == before[around]).all()
    return read_only(room)


def made(content: bytes, job: Plan) -> Sequence[Made]:
    """All variants of a job, in their order."""
    source = Source(filled(content, job.decode), job.decode)
    return [make(source, task) for task in job.tasks]


def shown(variant: Made) -> Pixels:
    """A variant as another program shows it, BGR."""
    return np.asarray(opened(bytes(variant.content)).convert("RGB"))[..., ::-1]


def stored(variant: Made) -> Planes:
    """What a JPEG of 4:2:0 holds; luma without what is beyond an odd side."""
    width, height = variant.facts.width, variant.facts.height
    room = np.empty(-(-width // 2) * -(-height // 2) * 6, np.uint8)
    planes = padded_planes_in(room, width, height)
    data = np.frombuffer(bytes(variant.content), np.uint8)
    assert decode_planes(data, (width, height), 1, planes)
    return replace(planes, luma=planes.luma[:height, :width])
