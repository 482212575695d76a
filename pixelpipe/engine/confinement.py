"""What a worker is held to: told to it at its start, and what it says has become of it.

Standard library only: server and workers both know it, and a worker's start must stay light.
"""

from dataclasses import dataclass
from enum import StrEnum

_MOST_REASONS = 8
_LONGEST_REASON = 200


class SandboxMode(StrEnum):
    """Whether workers give up files, network and programs."""

    OFF = "off"
    TRY = "try"
    REQUIRE = "require"


@dataclass(frozen=True, slots=True, kw_only=True)
class Confinement:
    """The bounds of one worker.

    Attributes:
        sandbox: Whether it closes itself in.
        max_frames: Most frames that an animated source may have.
        max_pixels: Most pixels that a source or a variant may have.
        max_upload_bytes: Largest source.
    """

    sandbox: SandboxMode = SandboxMode.TRY
    max_frames: int = 1000
    max_pixels: int = 50_000_000
    max_upload_bytes: int = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class SandboxReport:
    """What a worker has given up.

    Attributes:
        mode: What it was told.
        seccomp: Whether the kernel refuses it all calls that it does not need. That alone keeps it
            from files, network, programs and other processes.
        landlock: The version of Landlock that does so a second time, for files, TCP and signals;
            0 for none.
        missing: Why the one or the other is not there, for people.
    """

    mode: SandboxMode
    seccomp: bool = False
    landlock: int = 0
    missing: tuple[str, ...] = ()

    def facts(self) -> dict[str, object]:
        """It as JSON's types."""
        return {
            "mode": str(self.mode),
            "seccomp": self.seccomp,
            "landlock": self.landlock,
            "missing": list(self.missing),
        }


def read_report(facts: object) -> SandboxReport:
    """The report that a worker sent.

    Raises:
        ValueError: It is none.
    """
    match facts:
        case {
            "mode": str(mode),
            "seccomp": bool(seccomp),
            "landlock": int(landlock),
            "missing": list(missing),
        } if len(missing) <= _MOST_REASONS and all(isinstance(one, str) for one in missing):
            reasons = tuple(one[:_LONGEST_REASON] for one in missing)
            return SandboxReport(SandboxMode(mode), seccomp, int(landlock), reasons)
    raise ValueError("no report of a sandbox")
