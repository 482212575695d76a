"""The decoded pixels of one job, and what its variants have in common."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from functools import cached_property
from math import ceil

from pixelpipe.imaging.alpha import is_opaque, premultiply
from pixelpipe.imaging.pixels import Pixels, as_pixels, has_alpha
from pixelpipe.imaging.resampling.halves import halve_again
from pixelpipe.imaging.resampling.three_taps import filtered
from pixelpipe.recipes.task import Decode, Rect

_MEMO_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Side:
    """How a level differs from the pixels along one of its sides.

    Attributes:
        halvings: How many times it was halved.
        origin: Pixels that were left out before that, so that a region begins on a whole pixel.
        tap: Weight of each neighbour in the filter of three taps that was run over it at the end.
    """

    halvings: int
    origin: int
    tap: float = 0.0


class Picture:
    """One job's pixels; tasks that are made in a row share what is derived from them.

    Args:
        pixels: As decoded; kept as a view and never written to.
        plan: How they were decoded.
    """

    def __init__(self, pixels: Pixels, plan: Decode) -> None:
        self.pixels = pixels
        self.plan = plan
        self._memo: dict[Hashable, Pixels] = {}

    @cached_property
    def weighted(self) -> bool:
        """Whether levels are multiplied by alpha, there being some."""
        return has_alpha(self.pixels) and not is_opaque(self.pixels)

    def view(self, region: Rect) -> Pixels:
        """The pixels that a region of the unreduced source lies on."""
        reduction = self.plan.reduction
        stop_x, stop_y = region.x + region.width, region.y + region.height
        return self.pixels[
            region.y // reduction : ceil(stop_y / reduction),
            region.x // reduction : ceil(stop_x / reduction),
        ]

    def part(self, bounds: Rect) -> "Picture":
        """A picture of its own of what lies within the bounds: nothing around them is seen.

        Args:
            bounds: In pixels of the unreduced source; they begin where a decoded pixel does.
        """
        pixels = self.view(bounds)
        height, width = pixels.shape[:2]
        plan = replace(
            self.plan,
            width=width,
            height=height,
            source_width=bounds.width,
            source_height=bounds.height,
        )
        return Picture(pixels, plan)

    def level(self, x: Side, y: Side) -> Pixels:
        """The whole picture halved and filtered as its two sides say."""
        if x.tap or y.tap:
            return self.shared((x, y), lambda: self._filtered(x, y))
        if x.halvings or y.halvings:
            return self.shared((x, y), lambda: self._halved(x, y))
        if self.weighted:
            whole = self.shared("premultiplied", lambda: premultiply(self.pixels))
            return whole[y.origin :, x.origin :]
        return self.pixels[y.origin :, x.origin :]

    def shared(self, key: Hashable, make: Callable[[], Pixels]) -> Pixels:
        """What `make` returns, kept for the next task that asks; nobody may write to it."""
        made = self._memo.pop(key, None)
        if made is None:
            made = make()
        if made.nbytes <= _MEMO_BYTES:
            self._memo[key] = made
        while sum(kept.nbytes for kept in self._memo.values()) > _MEMO_BYTES:
            # The first key is the one that was not asked for the longest.
            del self._memo[next(iter(self._memo))]
        return made

    def forget(self) -> None:
        """Keep nothing of what was shared."""
        self._memo.clear()

    def _filtered(self, x: Side, y: Side) -> Pixels:
        plain = self.level(replace(x, tap=0.0), replace(y, tap=0.0))
        return as_pixels(filtered(plain, x.tap, y.tap))

    def _halved(self, x: Side, y: Side) -> Pixels:
        across, down = x.halvings >= y.halvings, y.halvings >= x.halvings
        whole = self.level(
            replace(x, halvings=x.halvings - across), replace(y, halvings=y.halvings - down)
        )
        before = max(x.halvings, y.halvings) - 1
        return halve_again(whole, before, across=across, down=down)
