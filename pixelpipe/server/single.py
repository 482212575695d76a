"""One spec on its own: as JSON, or as flat fields such as `width=300&fit=inside&format=webp`."""

from collections.abc import Callable, Mapping
from typing import Any

from pixelpipe.errors import InvalidSpecError
from pixelpipe.recipes.mistakes import Mistake, invalid_spec
from pixelpipe.recipes.spec import Limits, Spec, parse_specs
from pixelpipe.server.fields import plain_value

PLACES: dict[str, tuple[str, ...]] = {
    "width": ("resize", "width"),
    "height": ("resize", "height"),
    "fit": ("resize", "fit"),
    "gravity": ("resize", "gravity"),
    "enlarge": ("resize", "enlarge"),
    "blur": ("blur", "sigma"),
    "grayscale": ("grayscale",),
    "band_px": ("quad", "band_px"),
    "sigma": ("quad", "sigma"),
    "background": ("background",),
    "format": ("format",),
    "quality": ("quality",),
}

_Path = tuple[str, ...]
_FIELDS = {place: (name,) for name, place in PLACES.items()}


def spec_at(field: str, raw: object, limits: Limits) -> Spec:
    """The spec that the field `field` holds as JSON.

    Raises:
        InvalidSpecError: With pointers into that field.
    """
    return _parsed(raw, limits, lambda path: (field, *path))


def flat_spec(base: Mapping[str, Any], fields: Mapping[str, str], limits: Limits) -> Spec:
    """The spec that `base` and the fields named in `PLACES` make together.

    Raises:
        InvalidSpecError: With the fields themselves as pointers.
    """
    raw: dict[str, Any] = {**base}
    for name in PLACES.keys() & fields.keys():
        *above, last = PLACES[name]
        target = raw
        for key in above:
            target = target.setdefault(key, {})
        target[last] = plain_value(fields[name])
    return _parsed(raw, limits, lambda path: _FIELDS.get(path, path))


def _parsed(raw: object, limits: Limits, moved: Callable[[_Path], _Path]) -> Spec:
    """The spec; mistakes point to where `moved` says that a part of it stands in the request."""
    try:
        (spec,) = parse_specs([raw], limits=limits, at=())
    except InvalidSpecError as error:
        mistakes = [
            Mistake(moved(_path(each["pointer"])[1:]), each["detail"])
            for each in error.extensions["errors"]
        ]
        raise invalid_spec(mistakes) from None
    return spec


def _path(pointer: str) -> _Path:
    """The keys of a JSON pointer (RFC 6901, section 4)."""
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:])
