"""What the settings are, where each comes from, and what this machine makes of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from select import select

from pixelpipe.config import (
    MIB,
    SECRETS,
    Settings,
    prepare_codec_environment,
    variables_of,
    variables_set,
)
from pixelpipe.engine.arena import Arena
from pixelpipe.engine.confinement import Confinement, SandboxMode, SandboxReport
from pixelpipe.engine.machine import available_cpus, default_arena_bytes
from pixelpipe.engine.process import WORKER_MAIN, Newcomer, Spawner, WorkerStartError

_DEFAULT = "default"
_MASK = "***"
_ARENA_BYTES = 4 * MIB
_HELLO_S = 30.0


@dataclass(frozen=True, slots=True)
class SettingView:
    """One setting.

    Attributes:
        value: As it holds, of JSON's types; a secret is masked.
        source: The variable that it comes from, as it was written, or `default`.
    """

    name: str
    value: object
    source: str


def list_settings(settings: Settings) -> Iterator[SettingView]:
    """Every setting, in the order of their declaration."""
    values = settings.model_dump(mode="json")
    chosen = {"workers": available_cpus, "arena_bytes": default_arena_bytes}
    written = {name.upper(): name for name in variables_set()}
    for name, value in values.items():
        source = next((written[v] for v in variables_of(name) if v in written), _DEFAULT)
        if value is None and name in chosen:
            value = chosen[name]()  # noqa: PLW2901 - what stands for nothing
        masked = name in SECRETS and value is not None
        yield SettingView(name, _MASK if masked else value, source)


def sandbox_here(settings: Settings) -> SandboxReport:
    """What a worker can give up on this machine: one is started, asked, and ended.

    Changes the environment as a server does; whatever is to be read there must have been.
    """
    prepare_codec_environment(settings)
    try:
        arena = Arena(_ARENA_BYTES, _ARENA_BYTES // 2)
    except OSError as error:
        return _nothing(f"no shared memory: {error}")
    spawner = Spawner(WORKER_MAIN, arena.segment, Confinement(sandbox=SandboxMode.TRY))
    try:
        return _asked(spawner, spawner.start())
    except WorkerStartError as error:
        return _nothing(str(error))
    finally:
        spawner.close()
        arena.close()


def _asked(spawner: Spawner, newcomer: Newcomer) -> SandboxReport:
    try:
        # One that says nothing fails just there.
        select([newcomer.channel], [], [], _HELLO_S)
        worker = newcomer.greeted()
    except WorkerStartError:
        spawner.give_up(newcomer)
        raise
    worker.kill()
    spawner.exit_code(worker)
    worker.close()
    return worker.sandbox


def _nothing(why: str) -> SandboxReport:
    return SandboxReport(SandboxMode.TRY, missing=(why,))
