"""`Idempotency-Key`: a request that is sent again is done once.

The field is that of draft-ietf-httpapi-idempotency-key-header.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence

from multidict import MultiMapping

from pixelpipe.errors import MalformedRequestError
from pixelpipe.recipes.spec import Spec

FIELD = "Idempotency-Key"
MAX_KEY_CHARS = 255

# A string by RFC 8941, section 3.3.3, and what clients send who never read that.
_QUOTED = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
_BARE = re.compile(r"[!#-+\--~]*")


def idempotency_key(headers: MultiMapping[str]) -> str | None:
    """The key that the request brings, without its quotes; None when it brings none.

    Args:
        headers: Of the request. A key in quotes and the same key without are one key.

    Raises:
        MalformedRequestError: The field is given twice, or is no key of 1 to `MAX_KEY_CHARS`
            characters.
    """
    given = headers.getall(FIELD, ())
    if not given:
        return None
    if len(given) > 1:
        raise MalformedRequestError(f"The header {FIELD} is given more than once.")
    key = _unquoted(given[0].strip(" \t"))
    if not key:
        raise MalformedRequestError(f"The header {FIELD} is empty.")
    if len(key) > MAX_KEY_CHARS:
        raise MalformedRequestError(
            f"The {FIELD} has {len(key)} characters; {MAX_KEY_CHARS} are allowed."
        )
    return key


def request_fingerprint(
    route: str, source: str, specs: Sequence[Spec], options: Mapping[str, str]
) -> str:
    """The same for requests that want the same, and for no others; SHA-256 in hex.

    What is left out counts as its default, and a default given as left out: so a spec that gets
    further fields one day keeps its fingerprint.

    Args:
        route: Which operation.
        source: Digest of the upload, or the URL that it is fetched from.
        specs: What is wanted of it, in the order of the answer.
        options: What else the request says.
    """
    document = {
        "route": route,
        "source": source,
        "specs": [spec.model_dump(mode="json", exclude_defaults=True) for spec in specs],
        "options": dict(options),
    }
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _unquoted(value: str) -> str:
    if quoted := _QUOTED.fullmatch(value):
        return re.sub(r"\\(.)", r"\1", quoted[1])
    if _BARE.fullmatch(value):
        return value
    raise MalformedRequestError(
        f"The {FIELD} is not one string of printable ASCII characters in double quotes, "
        'like "8e03978e-40d5-43dd-bc93-6894a57f9324".'
    )
