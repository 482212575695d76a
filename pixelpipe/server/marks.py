"""The part `mark` of a form: the picture of a watermark, as a file beside the image."""

from base64 import b64encode
from collections.abc import Mapping

from pixelpipe.errors import MalformedRequestError
from pixelpipe.recipes.marks import MAX_MARK_BYTES
from pixelpipe.recipes.mistakes import Mistake, invalid_spec
from pixelpipe.server.form import Part

MARK = "mark"


async def read_mark(part: Part) -> str:
    """The part's file as a data URL.

    Raises:
        MalformedRequestError: It is longer than `MAX_MARK_BYTES`, or the form is broken.
    """
    content = bytearray()
    async for chunk in part.chunks():
        content += chunk
        if len(content) > MAX_MARK_BYTES:
            raise MalformedRequestError(
                f"The part {MARK!r} is longer than the {MAX_MARK_BYTES} bytes allowed."
            )
    return f"data:;base64,{b64encode(content).decode()}"


def marked(specs: object, fields: Mapping[str, str]) -> object:
    """Parsed JSON of specs, with the form's mark in each watermark that has no image of its own.

    Raises:
        InvalidSpecError: There is a mark, and nothing to lay it on.
    """
    mark = fields.get(MARK)
    if mark is None:
        return specs
    found = False
    items = specs if isinstance(specs, list) else [specs]
    for item in items:
        watermark = item.get("watermark") if isinstance(item, dict) else None
        if isinstance(watermark, dict) and "image" not in watermark:
            watermark["image"] = mark
            found = True
    if not found:
        detail = "needs a variant that has a watermark without an image"
        raise invalid_spec([Mistake((MARK,), detail)])
    return specs
