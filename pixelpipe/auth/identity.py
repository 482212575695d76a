"""Who asks, once that is known."""

from dataclasses import dataclass
from enum import StrEnum

from pixelpipe.auth.keys import ApiKey, Scope


class Means(StrEnum):
    """How somebody showed who he is."""

    NOTHING = "nothing"
    KEY = "key"
    SESSION = "session"
    LINK = "link"


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody who may ask.

    Attributes:
        key: His own, or that of whoever gave him the link; None where no key is needed.
        means: How that is known.
        expires_s: When what he showed ends, in Unix time, beside his key; None for never.
    """

    key: ApiKey | None = None
    means: Means = Means.NOTHING
    expires_s: int | None = None

    @property
    def tenant(self) -> str:
        """Whose jobs are his."""
        return self.key.tenant if self.key else ""

    @property
    def key_id(self) -> str:
        """By which key; empty where none is needed."""
        return self.key.id if self.key else ""

    @property
    def admin(self) -> bool:
        """Whether everybody's jobs are his as well."""
        return self.key is not None and self.key.admin

    @property
    def ends(self) -> bool:
        """Whether what he showed ends at a certain time, also if his key is not revoked."""
        return self.expires_s is not None or (
            self.key is not None and self.key.expires_at is not None
        )

    def allows(self, scope: Scope) -> bool:
        """Whether he may do what needs that scope."""
        return self.key is None or self.key.allows(scope)
