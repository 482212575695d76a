"""The extras' codecs run once, on a few pixels, where they are installed."""

import base64
import zlib

import numpy as np

from pixelpipe.formats.registry import Format, is_installed
from pixelpipe.imaging.decode import decode
from pixelpipe.imaging.jxl import encode_jxl
from pixelpipe.imaging.pixels import Pixels
from pixelpipe.recipes.task import Decode

_SIDE_PX = 64
# One colour: nothing that workers have could write it.
_HEIC = (
    "c-muNV30{GsVvAy%}izhg51nBLl8SRGck>UfiWyMwIq=N0u(b+a*CjAhJwuG5(YG&l$nzcHpIn&fe{FSfUycf1A#OUD`"
    "#frrGa@MQBfc#l?lqrC`&d3G5HEIOLE~#u4NV!6#(h&nFY!DK)M2`%$boHBs2l6NbUo}pT9qTFfi~lCjfOwI56@s{{Ih"
    "BzzkBs3_^0dm>d#;lG;v;jA$|o6dGBlz4Fvtm&YW<!vPXH0U|gYl7Q;jT^J7*ZBTLmS|gmCpHq~VoKpc5=4D`O01Am@7"
    "8j&K{pJA00tJ~BnIHjX4i2Dc4C0vuxv<~^h6qa|6Eh1a7;;k*L7^wE!MI+y;i>U~`Tu9ESpVzA)&BxvTb-}`007t?O}+"
)


def warm_extras() -> None:
    """Decode a picture of each format of an extra."""
    if is_installed(Format.HEIC):
        _decode(zlib.decompress(base64.b85decode(_HEIC)), Format.HEIC)
    if is_installed(Format.JXL):
        pixels = np.zeros((_SIDE_PX, _SIDE_PX, 3), np.uint8)
        encode_jxl(pixels, 100, lossless=True)
        _decode(encode_jxl(pixels, 80), Format.JXL)


def _decode(content: bytes, source: Format) -> Pixels:
    out = np.empty((_SIDE_PX, _SIDE_PX, 3), np.uint8)
    plan = Decode(source, _SIDE_PX, _SIDE_PX, 3, 1, 1, _SIDE_PX, _SIDE_PX)
    data = np.frombuffer(content, np.uint8)
    decode(data, plan, out, before_codec=lambda: None, max_frames=1)
    return out
