"""Values of form fields and query parameters, which all arrive as text."""

import json
import re
from collections.abc import Mapping

from pixelpipe.errors import MalformedRequestError

_NUMBER = re.compile(r"-?\d{1,15}(\.\d{1,15})?", re.ASCII)


def json_field(fields: Mapping[str, str], name: str) -> object | None:
    """The value of a field that holds JSON; None when it was not given.

    Raises:
        MalformedRequestError: It is not JSON.
    """
    if name not in fields:
        return None
    try:
        value: object = json.loads(fields[name], parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        why = str(error) if isinstance(error, ValueError) else "nested too deeply"
        raise MalformedRequestError(f"The field {name!r} is not JSON: {why[:200]}.") from None
    return value


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not a JSON number")


def plain_value(text: str) -> object:
    """What `text` would be in JSON: a number, boolean, object or list; else just text."""
    if text.startswith(("{", "[")):
        try:
            value: object = json.loads(text, parse_constant=_refuse)
        except (ValueError, RecursionError):
            return text
        return value
    if _NUMBER.fullmatch(text):
        return float(text) if "." in text else int(text)
    return {"true": True, "false": False}.get(text, text)
