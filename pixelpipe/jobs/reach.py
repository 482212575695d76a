"""Whose jobs somebody may see and touch."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reach:
    """What the job service asks of everybody who asks for a job that exists.

    There is no default: who forgets it has a defect that the type checker finds, and not a hole.

    Attributes:
        tenant: Whose jobs; None for everybody's.
    """

    tenant: str | None

    def covers(self, tenant: str) -> bool:
        """Whether what belongs to `tenant` is within reach."""
        return self.tenant is None or self.tenant == tenant


EVERYBODYS = Reach(None)
