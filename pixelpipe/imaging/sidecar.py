"""What tasks need of a source beside its pixels; it lies behind them in the arena.

Whoever decodes writes it, every worker that makes a variant reads it. It is as trusted as the
pixels are: both come from the source.
"""

import json
from base64 import b64decode, b64encode
from dataclasses import dataclass, replace
from struct import Struct

import numpy as np

from pixelpipe.imaging.pixels import Pixels

_LENGTH = Struct("<I")


@dataclass(frozen=True, slots=True)
class Sidecar:
    """See the module.

    Attributes:
        delays_ms: How long each frame is shown; empty for a still picture.
        loops: How often an animation is played; 0 without end.
        profile: The ICC profile that the pixels are in; empty where they are in sRGB.
        exif: A TIFF structure, without the prefix that JPEG puts before it; upright.
        xmp: An XMP packet.
        iptc: IPTC-IIM data sets, as JPEG has them in its 8BIM resource 0x0404.
    """

    delays_ms: tuple[int, ...] = ()
    loops: int = 0
    profile: bytes = b""
    exif: bytes = b""
    xmp: bytes = b""
    iptc: bytes = b""


def write(sidecar: Sidecar, out: Pixels) -> None:
    """Write it to `out`, 1-D; what does not fit is left out, the largest block first.

    The profile is not: without it the pixels would be taken for what they are not.
    """
    while len(packed := _packed(sidecar)) > out.size:
        sidecar = _without_largest(sidecar)
    out[: len(packed)] = np.frombuffer(packed, np.uint8)


def read(data: Pixels) -> Sidecar:
    """What `write` wrote; `data` may be longer, and empty for none."""
    if not data.size:
        return Sidecar()
    (length,) = _LENGTH.unpack(data[: _LENGTH.size].tobytes())
    known = json.loads(data[_LENGTH.size : _LENGTH.size + length].tobytes())
    profile, exif, xmp, iptc = map(b64decode, known["blocks"])
    return Sidecar(tuple(known["delays_ms"]), known["loops"], profile, exif, xmp, iptc)


def _packed(sidecar: Sidecar) -> bytes:
    blocks = (sidecar.profile, sidecar.exif, sidecar.xmp, sidecar.iptc)
    known = {
        "delays_ms": sidecar.delays_ms,
        "loops": sidecar.loops,
        "blocks": [b64encode(block).decode() for block in blocks],
    }
    body = json.dumps(known).encode()
    return _LENGTH.pack(len(body)) + body


def _without_largest(sidecar: Sidecar) -> Sidecar:
    sizes = {
        len(sidecar.exif): replace(sidecar, exif=b""),
        len(sidecar.xmp): replace(sidecar, xmp=b""),
        len(sidecar.iptc): replace(sidecar, iptc=b""),
    }
    assert max(sizes), "the plan has room for the delays and the profile"
    return sizes[max(sizes)]
