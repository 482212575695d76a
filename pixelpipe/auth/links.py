"""Signed links: whoever has one may GET one path until it expires, without a key."""

import re
from dataclasses import dataclass
from urllib.parse import urlencode

from multidict import MultiMapping

from pixelpipe.auth.signing import Signer
from pixelpipe.errors import InvalidLinkError

DEFAULT_EXPIRES_S = 3600
MAX_EXPIRES_S = 7 * 86_400

SIGNATURE = "signature"
_EXPIRES, _KEY = "expires", "key"
# What a link lets its holder do, of all methods.
_METHODS = "GET"

_SECONDS = re.compile(r"[1-9][0-9]{0,11}", re.ASCII)
_REFUSAL = "The link is not one that this server has signed for this address."


@dataclass(frozen=True, slots=True)
class Link:
    """What a link says.

    Attributes:
        key_id: Of the key that asked for it, with which it ends; empty where none is needed.
        expires_s: When it ends, in Unix time.
    """

    key_id: str
    expires_s: int


def link_query(signer: Signer, path: str, link: Link) -> str:
    """The query that makes a link of `path`, which is as it stands in the URL."""
    signature = signer.sign("link", _METHODS, path, str(link.expires_s), link.key_id)
    return urlencode({_EXPIRES: link.expires_s, _KEY: link.key_id, SIGNATURE: signature})


def read_link(signer: Signer, path: str, query: MultiMapping[str], now_s: float) -> Link:
    """The link that `query` makes of `path`.

    Raises:
        InvalidLinkError: It was not signed here for this path, or has expired.
    """
    expires, key_id, signature = (_once(query, name) for name in (_EXPIRES, _KEY, SIGNATURE))
    good = signer.verify(signature, "link", _METHODS, path, expires, key_id)
    if not good or not _SECONDS.fullmatch(expires):
        raise InvalidLinkError(_REFUSAL)
    if int(expires) <= now_s:
        raise InvalidLinkError("The link has expired; ask whoever gave it to you for another one.")
    return Link(key_id, int(expires))


def _once(query: MultiMapping[str], name: str) -> str:
    values = query.getall(name, ())
    if len(values) != 1:
        raise InvalidLinkError(_REFUSAL)
    return values[0]
