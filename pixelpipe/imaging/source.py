"""What variants are made from: the frames of a source, and what lies beside them."""

from collections.abc import Hashable, Sequence
from functools import cached_property

import numpy as np

from pixelpipe.imaging.color.convert import profile_to_srgb
from pixelpipe.imaging.looks.describe import Description, describe
from pixelpipe.imaging.picture import Picture
from pixelpipe.imaging.pixels import GRAY, Pixels
from pixelpipe.imaging.planar import PlanarPicture, planar_picture
from pixelpipe.imaging.planes import Planes
from pixelpipe.imaging.sidecar import Sidecar, read
from pixelpipe.recipes.task import Decode, Rect, Task

AnyPicture = Picture | PlanarPicture

_KEPT_PARTS = 2


class Source:
    """One job's source, decoded.

    Args:
        data: The bytes that the decode filled, 1-D: frames, and the sidecar behind them. Kept as a
            view and never written to.
        plan: How they were decoded.
    """

    def __init__(self, data: Pixels, plan: Decode) -> None:
        self._plan = plan
        self._pictures = _pictures(data, plan)
        self._parts: dict[tuple[int, Rect], AnyPicture] = {}
        self._descriptions: dict[Hashable, Description] = {}
        self._beside = sidecar_of(data, plan)

    @cached_property
    def sidecar(self) -> Sidecar:
        """What the decode noted."""
        return Sidecar() if self._beside is None else read(self._beside)

    def pictures(self, task: Task) -> Sequence[AnyPicture]:
        """The frames that the task needs, in the colours that it wants."""
        converts = self.sidecar.profile and not task.keep_profile
        pictures: Sequence[AnyPicture] = self._in_srgb if converts else self._pictures
        return pictures if task.animated else pictures[:1]

    def part(self, picture: AnyPicture, bounds: Rect | None) -> AnyPicture:
        """Of a picture what lies within the bounds; the last few parts are remembered."""
        if bounds in (None, Rect(0, 0, self._plan.source_width, self._plan.source_height)):
            return picture
        assert bounds is not None, "it was looked at"
        key = (id(picture), bounds)
        part = self._parts.pop(key, None) or picture.part(bounds)
        self._parts[key] = part
        if len(self._parts) > _KEPT_PARTS:
            del self._parts[next(iter(self._parts))]
        return part

    def described(
        self, look: Hashable, pixels: Pixels | Planes, *, in_profile: bool
    ) -> Description:
        """What finished pixels look like; remembered for all that look the same.

        Args:
            look: The same for those.
            pixels: Gray, BGR or BGRA, or planes.
            in_profile: Whether they are in the colours of the source's own profile.
        """
        if look not in self._descriptions:
            profile = self.sidecar.profile if in_profile else b""
            self._descriptions[look] = describe(pixels, profile)
        return self._descriptions[look]

    @cached_property
    def _in_srgb(self) -> Sequence[Picture]:
        profile = self.sidecar.profile
        return [
            Picture(profile_to_srgb(picture.pixels, profile), self._plan)
            for picture in self._pictures
            if isinstance(picture, Picture)  # Planes have no profile.
        ]


def _pictures(data: Pixels, plan: Decode) -> Sequence[AnyPicture]:
    if plan.planar:
        return [planar_picture(data, plan)]
    pixels = frames_of(data, plan)
    return [Picture(frame, plan) for frame in (pixels if plan.frames > 1 else pixels[np.newaxis])]


def frames_of(data: Pixels, plan: Decode) -> Pixels:
    """The pixels among decoded bytes.

    Args:
        data: 1-D, `plan.pixels_bytes` or more.
        plan: What they are.

    Returns:
        A view, (height, width) for one channel, else (height, width, channels); with more than one
        frame, (frames, ...). Of a planar decode 1-D.
    """
    if plan.planar:
        return data[: plan.frame_bytes]
    last = () if plan.channels == GRAY else (plan.channels,)
    shape = (plan.frames, plan.height, plan.width, *last)
    whole = data[: plan.frame_bytes * plan.frames].reshape(shape)
    return whole if plan.frames > 1 else whole[0]


def sidecar_of(data: Pixels, plan: Decode) -> Pixels | None:
    """The bytes behind the pixels, 1-D; None where there are none."""
    return data[plan.frame_bytes * plan.frames : plan.pixels_bytes] if plan.sidecar_bytes else None
