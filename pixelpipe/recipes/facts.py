"""What a finished variant tells of itself.

Standard library only: workers import this.
"""

from dataclasses import dataclass

from pixelpipe.formats.registry import Format


@dataclass(frozen=True, slots=True)
class Facts:
    """A finished variant, described by the worker that made it.

    Attributes:
        width: In pixels.
        height: In pixels.
        format: As encoded; where the spec left it open, what was chosen.
        quality: As used; None for a lossless file.
        reduced: Whether it is smaller than asked, the source being too small.
        frames: 1 unless it is animated.
        dominant: The dominant colour, `#rrggbb`.
        palette: Up to five colours, `#rrggbb`, the most widespread first.
        blurhash: A placeholder by the BlurHash algorithm.
        thumbhash: A placeholder by the ThumbHash algorithm, in base64.
    """

    width: int
    height: int
    format: Format
    quality: int | None
    reduced: bool
    frames: int
    dominant: str
    palette: tuple[str, ...]
    blurhash: str
    thumbhash: str
