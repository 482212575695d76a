"""`pixelpipe config`: what holds, where it comes from, and what the machine can do."""

import json
import os
import subprocess
import sys
from typing import Any

from pixelpipe.config import Settings

PATIENCE_S = 60


def config(*options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pixelpipe", "config", *options],
        env={name: value for name, value in os.environ.items() if "PIXELPIPE" not in name}
        | variables,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def config_json(**variables: str) -> dict[str, Any]:
    ended = config("--json", **variables)
    assert (ended.returncode, ended.stderr) == (0, "")
    said: dict[str, Any] = json.loads(ended.stdout)
    return said


def test_every_setting_is_told_with_its_value_and_its_source() -> None:
    said = config_json(PIXELPIPE_MAX_PIXELS="1000", PORT="81", pixelpipe_log_level="error")
    settings = said["settings"]
    assert list(settings) == list(Settings.model_fields)
    assert settings["max_pixels"] == {"value": 1000, "source": "PIXELPIPE_MAX_PIXELS"}
    assert settings["port"] == {"value": 81, "source": "PORT"}
    assert settings["log_level"] == {"value": "error", "source": "pixelpipe_log_level"}
    assert settings["max_side_px"] == {"value": 16384, "source": "default"}
    assert settings["workers"]["value"] >= 1


def test_a_secret_is_never_printed() -> None:
    secret = "QUJDRA" * 8
    secrets = {
        "PIXELPIPE_WEBHOOK_SECRETS": f"whsec_{secret}",
        "PIXELPIPE_URL_SECRETS": f"urlsec_{secret}",
    }
    for options in ((), ("--json",)):
        ended = config(*options, **secrets)
        assert "QUJDRA" not in ended.stdout + ended.stderr
        assert ended.stdout.count("***") == 2


def test_the_sandbox_is_told_as_a_worker_found_it() -> None:
    sandbox = config_json(PIXELPIPE_SANDBOX="off")["sandbox"]
    assert sandbox["mode"] == "off"
    assert sandbox["seccomp"] is True
    assert sandbox["landlock"] >= 0
    assert len(sandbox["missing"]) == (sandbox["landlock"] == 0)


def test_people_get_a_line_for_each() -> None:
    lines = config(PIXELPIPE_MAX_FRAMES="12").stdout.splitlines()
    (line,) = [line for line in lines if line.startswith("max_frames")]
    assert line.split() == ["max_frames", "12", "PIXELPIPE_MAX_FRAMES"]
    assert any(line.startswith("sandbox on this machine: seccomp yes") for line in lines)


def test_settings_that_are_wrong_are_told_as_by_other_commands() -> None:
    ended = config(PIXELPIPE_MAX_PIXELS="x")
    assert ended.returncode == 2
    assert ended.stderr.startswith("pixelpipe: PIXELPIPE_MAX_PIXELS must be a whole number")
