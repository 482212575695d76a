"""The goals of the comparison, and whether they are met."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmark.pictures import PHOTO, SMALL
from benchmark.results import OWN, Comparison, Result
from benchmark.sets import SMALL_SET

EACH, ONCE, LIMIT = "sharp-each", "sharp-once", "L"
_TOLD = (PHOTO, SMALL)


@dataclass(frozen=True, slots=True)
class Goal:
    """What PixelPipe's CPU time, or its rate, is to be beside another's.

    Attributes:
        asked: Name of the set.
        against: A peer that is to take so many times more, or L, of which it may take so many
            times the time.
        bound: At least, of a peer; at most, of L.
        reach: What is better still; None where nothing is asked beyond the bound.
        rate: Whether it is PixelPipe's jobs by the second over the peer's, and not CPU time.
    """

    asked: str
    against: str
    bound: float
    reach: float | None = None
    rate: bool = False

    def met_by(self, ratio: float) -> bool:
        """Whether a measured ratio keeps the bound."""
        return ratio <= self.bound if self.against == LIMIT else ratio >= self.bound


GOALS = (
    Goal("bench-thumb", EACH, 1.4),
    Goal("bench-thumb", ONCE, 2.8),
    Goal("bench-thumb", LIMIT, 1.6),
    Goal("bench-social", EACH, 4.0),
    Goal("bench-social", ONCE, 2.8),
    Goal("bench-social", LIMIT, 2.5, 2.0),
    Goal("bench-full", EACH, 3.0),
    Goal("bench-full", ONCE, 2.6),
    Goal("bench-full", LIMIT, 2.3, 1.8),
    Goal("bench-srcset", EACH, 4.0),
    Goal("bench-srcset", ONCE, 3.2),
    Goal("bench-srcset", LIMIT, 1.8, 1.5),
    Goal(SMALL_SET, "thumbor", 3.0, rate=True),
    Goal(SMALL_SET, EACH, 1.5, rate=True),
    Goal(SMALL_SET, ONCE, 1.5, rate=True),
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A goal and what came out.

    Attributes:
        goal: It.
        ratios: By number of clients.
    """

    goal: Goal
    ratios: Mapping[int, float]

    @property
    def missed_at(self) -> list[int]:
        """The numbers of clients at which it is missed."""
        return [clients for clients, ratio in self.ratios.items() if not self.goal.met_by(ratio)]


def verdicts(comparison: Comparison) -> Iterator[Verdict]:
    """Those goals of which the figures of the photograph and the small picture tell."""
    measured = [each for each in comparison.results if each.picture in _TOLD and not each.same]
    for goal in GOALS:
        ratios = _ratios(goal, [each for each in measured if each.asked == goal.asked])
        if ratios:
            yield Verdict(goal, ratios)


def _ratios(goal: Goal, results: Sequence[Result]) -> dict[int, float]:
    if goal.against == LIMIT:
        return {each.clients: each.to_limit for each in results if each.contender == OWN}
    theirs = [each for each in results if each.contender == goal.against]
    if not goal.rate:
        return {each.clients: each.to_pixelpipe for each in theirs}
    own = {each.clients: each.jobs_per_s for each in results if each.contender == OWN}
    return {each.clients: own[each.clients] / each.jobs_per_s for each in theirs}
