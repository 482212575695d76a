"""The containers are given what PixelPipe knows, and Redis what it needs."""

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from ruamel.yaml import YAML

from pixelpipe.cli import app
from pixelpipe.config import Settings, variables_of
from pixelpipe.settings_mistakes import read_settings

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "scripts" / "docker"
FILES = sorted(path for path in FOLDER.iterdir() if path.suffix != ".dockerignore")
COMPOSED = sorted(FOLDER.glob("compose*.yaml"))
DEFAULT = re.compile(r"\$\{\w+:-(.*)\}")
VARIABLES = {variable for name in Settings.model_fields for variable in variables_of(name)}

Service = dict[str, Any]


def _services(path: Path) -> dict[str, Service]:
    services: dict[str, Service] = YAML(typ="safe").load(path)["services"]
    return services


OURS = [
    pytest.param(service, id=f"{path.name}-{name}")
    for path in COMPOSED
    for name, service in _services(path).items()
    if service["image"] == "pixelpipe"
]


def _environment(text: str) -> dict[str, str]:
    """What the Dockerfile sets."""
    (block,) = re.findall(r"^ENV ((?:.*\\\n)*.*)$", text, re.MULTILINE)
    return dict(re.findall(r"(\w+)=(\S+)", block))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_names_only_settings_that_exist(path: Path) -> None:
    assert set(re.findall(r"PIXELPIPE_\w+", path.read_text())) <= VARIABLES


def _instructions(name: str) -> list[list[str]]:
    """The words of each instruction `name` of the Dockerfile."""
    text = (FOLDER / "Dockerfile").read_text().replace("\\\n", "")
    return [shlex.split(words) for words in re.findall(rf"^{name} (.*)$", text, re.MULTILINE)]


@pytest.mark.parametrize("service", OURS)
def test_what_is_set_can_be_read(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    given = _environment((FOLDER / "Dockerfile").read_text()) | service.get("environment", {})
    for name, value in given.items():
        if name in VARIABLES:
            monkeypatch.setenv(name, DEFAULT.sub(r"\1", value))
    settings = read_settings({})
    assert settings.host == "0.0.0.0"
    assert settings.redis is None or settings.storage_url


def test_what_is_copied_exists_and_is_in_the_context() -> None:
    let_in = set((FOLDER / "Dockerfile.dockerignore").read_text().splitlines())
    here = [words for words in _instructions("COPY") if not words[0].startswith("--from")]
    copied = [source for *sources, _ in here for source in sources]
    assert {"setup.cfg", "pixelpipe"} <= set(copied)
    assert all((ROOT / source).exists() and f"!{source}" in let_in for source in copied)


def test_the_image_asks_for_all_that_it_needs() -> None:
    (words,) = (words for words in _instructions("RUN") if words[:2] == ["python", "-c"])
    listing = [sys.executable, *words[1:3]]
    listed = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    names = set(re.findall(r"^[\w-]+", listed, re.MULTILINE))
    assert {"aiohttp", "typer", "pillow-heif", "pillow-jxl-plugin", "bullmq", "obstore"} <= names


def test_no_volume_is_left_behind_that_has_no_name() -> None:
    assert not _instructions("VOLUME")
    for path in COMPOSED:
        named = YAML(typ="safe").load(path)["volumes"]
        mounted = [mount for service in _services(path).values() for mount in service["volumes"]]
        assert {mount.partition(":")[0] for mount in mounted} == set(named)


@pytest.mark.parametrize("service", OURS)
def test_every_command_exists(service: Service) -> None:
    name, *options = service.get("command", ["serve"])
    program = typer.main.get_command(app)
    assert isinstance(program, typer.core.TyperGroup)
    program.commands[name].make_context(name, options).close()


@pytest.mark.parametrize("service", OURS)
def test_there_is_time_to_drain(service: Service) -> None:
    grace_s = float(service["stop_grace_period"].removesuffix("s"))
    assert grace_s >= Settings.model_fields["drain_timeout_s"].default + 5


@pytest.mark.parametrize("path", COMPOSED, ids=lambda path: path.name)
def test_every_service_has_a_health_check_that_is_code(path: Path) -> None:
    for name, service in _services(path).items():
        test = service["healthcheck"]["test"]
        if test[:2] == ["CMD", "python"]:
            compile(test[3], name, "exec")
        else:
            assert test[0] == "CMD-SHELL"


def test_a_worker_is_watched_by_the_file_that_it_touches() -> None:
    worker = _services(FOLDER / "compose.cluster.yaml")["worker"]
    file = worker["command"][worker["command"].index("--health") + 1]
    assert file in worker["healthcheck"]["test"][3]
    assert file.startswith(f"{worker['tmpfs'][0]}/")


def test_redis_keeps_what_it_is_told() -> None:
    command = " ".join(_services(FOLDER / "compose.cluster.yaml")["redis"]["command"])
    assert "--appendonly yes" in command
    assert "--maxmemory-policy noeviction" in command
