"""One spec on its own: as JSON, or as flat fields such as `width=300&fit=inside&format=webp`."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pixelpipe.errors import InvalidSpecError
from pixelpipe.recipes.mistakes import Mistake, invalid_spec
from pixelpipe.recipes.spec import Limits, Spec, parse_specs
from pixelpipe.server.fields import plain_value
from pixelpipe.server.marks import MARK

PLACES: dict[str, tuple[str, ...]] = {
    "width": ("resize", "width"),
    "height": ("resize", "height"),
    "fit": ("resize", "fit"),
    "gravity": ("resize", "gravity"),
    "enlarge": ("resize", "enlarge"),
    "kernel": ("resize", "kernel"),
    "linear": ("resize", "linear"),
    "rotate": ("rotate",),
    "flip": ("flip",),
    "crop": ("crop",),
    "trim": ("trim", "threshold"),
    "pad": ("pad",),
    "brightness": ("brightness",),
    "contrast": ("contrast",),
    "saturation": ("saturation",),
    "sepia": ("sepia",),
    "duotone": ("duotone",),
    "grayscale": ("grayscale",),
    "sharpen": ("sharpen", "sigma"),
    "blur": ("blur", "sigma"),
    "pixelate": ("pixelate", "size_px"),
    "corners": ("corners", "radius_px"),
    "opacity": ("watermark", "opacity"),
    "band_px": ("quad", "band_px"),
    "sigma": ("quad", "sigma"),
    "background": ("background",),
    "format": ("format",),
    "formats": ("formats",),
    "quality": ("quality",),
    "max_bytes": ("max_bytes",),
    "metadata": ("metadata",),
    "profile": ("profile",),
    "animation": ("animation",),
}

_Path = tuple[str, ...]
_FIELDS = {place: (name,) for name, place in PLACES.items()} | {("watermark", "image"): (MARK,)}
# Where the plan finds the one spec: before the fields that are wrong.
_ONE_OF_LIST = ("variants", "0")


def spec_at(field: str, raw: object, limits: Limits) -> Spec:
    """The spec that the field `field` holds as JSON.

    Raises:
        InvalidSpecError: With pointers into that field.
    """
    with _moved(("0",), _below(field)):
        (spec,) = parse_specs([raw], limits=limits, at=())
    return spec


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
    with _moved(("0",), _flat):
        (spec,) = parse_specs([raw], limits=limits, at=())
    return spec


@contextmanager
def pointing(field: str | None = None) -> Iterator[None]:
    """Let the mistakes that only the plan finds point into the request.

    Args:
        field: The one that holds the spec as JSON; None where its fields are flat.

    Raises:
        InvalidSpecError: With such pointers.
    """
    with _moved(_ONE_OF_LIST, _flat if field is None else _below(field)):
        yield


def _flat(path: _Path) -> _Path:
    for end in range(len(path), 0, -1):
        if path[:end] in _FIELDS:
            return (*_FIELDS[path[:end]], *path[end:])
    return path


def _below(field: str) -> Callable[[_Path], _Path]:
    return lambda path: (field, *path)


@contextmanager
def _moved(above: _Path, moved: Callable[[_Path], _Path]) -> Iterator[None]:
    """Let mistakes below `above` point to where `moved` says that a part of the spec stands."""
    try:
        yield
    except InvalidSpecError as error:
        mistakes = []
        for each in error.extensions["errors"]:
            path = _path(each["pointer"])
            if path[: len(above)] == above:
                path = moved(path[len(above) :])
            mistakes.append(Mistake(path, each["detail"]))
        raise invalid_spec(mistakes) from None


def _path(pointer: str) -> _Path:
    """The keys of a JSON pointer (RFC 6901, section 4)."""
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:])
