"""What the screens say about a file that they refuse."""

from pixelpipe.errors import DamagedImageError, FrameLimitError
from pixelpipe.formats.registry import Format


def incomplete(source: Format) -> DamagedImageError:
    """The error for a file of which a part is missing or unreadable."""
    return DamagedImageError(
        f"The {source.name} is damaged or incomplete; the whole file is needed."
    )


def damaged(source: Format, fault: str) -> DamagedImageError:
    """The error for a file whose structure no honest writer makes.

    Args:
        source: Its format.
        fault: Ends the sentence: "it has two headers".
    """
    return DamagedImageError(f"The {source.name} file is damaged: {fault}.")


def check_frames(source: Format, frames: int, max_frames: int) -> None:
    """Refuse an animation that is too long.

    Raises:
        FrameLimitError: There are more frames than `max_frames`.
    """
    if frames > max_frames:
        raise FrameLimitError(
            f"The {source.name} has more than {max_frames} frames; so many are allowed."
        )
