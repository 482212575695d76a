"""The best that fits: bisection over whatever makes a file smaller."""

from collections.abc import Callable

from pixelpipe.errors import MaxBytesUnreachableError
from pixelpipe.imaging.encoders.codec import Encoded

# Of a bisection from 100 down to 1, the first try included.
MOST_TRIALS = 8


def fit(
    encode: Callable[[int], Encoded], highest: int, max_bytes: int, *, lowest: int = 1
) -> tuple[Encoded, int]:
    """Encode at the highest level that fits.

    Sizes are taken to grow with the level. Where they do not, what is returned fits nevertheless,
    and the next level does not.

    Args:
        encode: Makes the file of a level: a quality, a number of colours.
        highest: Is tried first.
        max_bytes: Most bytes of the file; 0 for any.
        lowest: Is tried last.

    Returns:
        The file, and its level.

    Raises:
        MaxBytesUnreachableError: At `lowest` it does not fit either.
    """
    content = encode(highest)
    if not max_bytes or len(content) <= max_bytes:
        return content, highest
    fitting: tuple[Encoded, int] | None = None
    below, above, smallest_bytes = lowest - 1, highest, len(content)
    while above - below > 1:
        level = (below + above) // 2
        content = encode(level)
        if len(content) <= max_bytes:
            below, fitting = level, (content, level)
        else:
            above, smallest_bytes = level, len(content)
    if fitting is None:
        raise unreachable(smallest_bytes, max_bytes)
    return fitting


def unreachable(smallest_bytes: int, max_bytes: int) -> MaxBytesUnreachableError:
    """The error for a file that cannot be made so small."""
    return MaxBytesUnreachableError(
        f"The smallest file that these options allow has {smallest_bytes} bytes; `max_bytes` "
        f"allows {max_bytes}. Ask for fewer pixels, another format or fewer colours.",
        smallest_bytes=smallest_bytes,
    )
