"""What a codec hands out."""

from dataclasses import dataclass

from cv2.typing import MatLike


@dataclass(frozen=True, slots=True)
class Stored:
    """A picture as its file stores it, not turned.

    Attributes:
        samples: 8 or 16 bits; gray, BGR, BGRA with straight alpha, or ink.
        ink: Whether they are cyan, magenta, yellow and black.
        profile: The ICC profile that they are in, where only the codec can read it; empty for what
            the file's own tags say.
    """

    samples: MatLike
    ink: bool = False
    profile: bytes = b""
