"""What goes in at the door of the job service, and what a transform gives back."""

from dataclasses import dataclass

from pixelpipe.engine.uploads import Upload
from pixelpipe.formats.registry import Format
from pixelpipe.recipes.spec import Spec


@dataclass(frozen=True, slots=True)
class Submission:
    """What somebody wants done.

    Attributes:
        upload: The received bytes; the service takes them over once it accepts.
        name: The source's name, for people; never used as a path.
        specs: What to make, at least one, names unique.
        receive_ms: How long the upload took.
    """

    upload: Upload
    name: str
    specs: tuple[Spec, ...]
    receive_ms: float


@dataclass(frozen=True, slots=True)
class Rendered:
    """The outcome of a transform."""

    content: bytes
    format: Format
    width: int
    height: int
    sha256: str
    timings_ms: dict[str, float]


@dataclass(frozen=True, slots=True)
class SourceLimits:
    """What a source, and each variant, may be."""

    max_pixels: int
    max_side_px: int
