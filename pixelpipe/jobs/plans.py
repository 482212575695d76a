"""Plans that were made lately: programs ask for the same of pictures of the same kind, for ever."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from pixelpipe.formats.registry import Format
from pixelpipe.formats.source import SourceInfo
from pixelpipe.jobs.reuse import wish_of
from pixelpipe.jobs.submission import SourceLimits
from pixelpipe.recipes.plan import Plan, plan
from pixelpipe.recipes.spec import Spec, expanded

_MOST_PLANS = 256

_Key = tuple[int, SourceInfo, frozenset[Format]]


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan, and the wish behind each of its tasks (see `wish_of`), in their order."""

    plan: Plan
    wishes: tuple[str, ...]


class Plans:
    """Plans by all that they depend on; those that were asked for least recently are forgotten.

    Args:
        limits: What a source, and each variant, may be.
    """

    def __init__(self, limits: SourceLimits) -> None:
        self._limits = limits
        # By which the specs are, not by what is in them: that would take as long as the plan. They
        # are kept with it, so that no others can be where they were.
        self._plans: OrderedDict[_Key, tuple[Sequence[Spec], Planned]] = OrderedDict()

    def of(self, info: SourceInfo, specs: tuple[Spec, ...], accepted: frozenset[Format]) -> Planned:
        """The plan for such a source; raises as `recipes.plan.plan`."""
        key = (id(specs), info, accepted)
        found = self._plans.get(key)
        if found is not None:
            self._plans.move_to_end(key)
            return found[1]
        made = plan(info, specs, self._limits, accepted)
        wishes = tuple(map(wish_of, expanded(specs), made.tasks))
        planned = Planned(made, wishes)
        if not any(spec.watermark for spec in specs):  # Those are long, and rarely come twice.
            self._keep(key, specs, planned)
        return planned

    def _keep(self, key: _Key, specs: Sequence[Spec], planned: Planned) -> None:
        self._plans[key] = specs, planned
        if len(self._plans) > _MOST_PLANS:
            self._plans.popitem(last=False)
