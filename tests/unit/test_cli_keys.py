"""`pixelpipe keys`: making, listing and revoking, from the command line."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from typer.testing import CliRunner

from pixelpipe.auth.keys import KeyRing, Scope
from pixelpipe.auth.keys_file import read_keys
from pixelpipe.cli import app


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


class Outcome(NamedTuple):
    """How a command has ended."""

    exit_code: int
    stdout: str
    stderr: str


def keys(folder: Path, *arguments: str, width: str = "200") -> Outcome:
    command = ["keys", *arguments, "--data", str(folder)]
    result = CliRunner().invoke(app, command, env={"COLUMNS": width})
    return Outcome(result.exit_code, result.stdout, result.stderr)


def added(folder: Path, *arguments: str) -> str:
    """The text of a new key."""
    result = keys(folder, "add", *arguments)
    assert result.exit_code == 0, result.stderr
    return result.stdout.strip()


def test_a_key_is_printed_once_and_alone(folder: Path) -> None:
    result = keys(folder, "add", "ci")
    assert re.fullmatch(r"pp_[0-9a-f]{12}_[0-9a-f]{64}\n", result.stdout)
    assert "shown this once" in result.stderr
    (key,) = read_keys(folder / "keys.json")
    assert KeyRing([key]).find(result.stdout.strip(), datetime.now(UTC)) == key
    assert (key.name, key.tenant) == ("ci", key.id)
    assert key.scopes == {Scope.READ, Scope.SUBMIT}
    assert (key.rate, key.expires_at) == (None, None)
    assert result.stdout.strip()[-64:] not in (folder / "keys.json").read_text()


def test_a_key_has_what_it_was_given(folder: Path) -> None:
    before = datetime.now(UTC)
    scopes = ("--scope", "read", "--scope", "admin")
    added(folder, "Ä b", *scopes, "--rate", "5/hour", "--expires-days", "3")
    (key,) = read_keys(folder / "keys.json")
    assert key.scopes == {Scope.READ, Scope.ADMIN}
    assert key.rate == "5/hour"
    assert key.expires_at is not None
    assert before + timedelta(days=3) <= key.expires_at <= datetime.now(UTC) + timedelta(days=3)


def test_a_key_may_share_the_jobs_of_another(folder: Path) -> None:
    added(folder, "old")
    (old,) = read_keys(folder / "keys.json")
    added(folder, "new", "--for", old.id)
    assert keys(folder, "revoke", old.id).exit_code == 0
    (new,) = read_keys(folder / "keys.json")
    assert new.id != old.id
    added(folder, "newer", "--for", new.id)
    assert {key.tenant for key in read_keys(folder / "keys.json")} == {old.id}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["add", ""], "the name has to have"),
        (["add", "x" * 101], "the name has to have"),
        (["add", "a\nb"], "the name has to have"),
        (["add", "x", "--scope", "all"], "--scope must be one of submit, read, admin, not 'all'"),
        (["add", "x", "--rate", "fast"], "--rate must be a number of requests"),
        (["add", "x", "--for", "nobody"], "there is no key nobody"),
        (["revoke", "nobody"], "there is no key nobody"),
    ],
)
def test_a_mistake_is_told_and_changes_nothing(
    folder: Path, arguments: list[str], said: str
) -> None:
    result = keys(folder, *arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"pixelpipe: {said}")
    assert result.stdout == ""
    assert list(read_keys(folder / "keys.json")) == []


def test_the_list_says_what_keys_are_good_for(folder: Path) -> None:
    texts = [
        added(folder, "[b]one[/b]"),
        added(folder, "two", "--scope", "admin", "--rate", "5/hour", "--expires-days", "3"),
    ]
    listed = keys(folder, "list").stdout
    for text in texts:
        assert text[3:15] in listed
        assert text[-64:] not in listed
    for word in ("[b]one[/b]", "read, submit", "admin", "everybody", "5/hour", "never"):
        assert word in listed
    for key in read_keys(folder / "keys.json"):
        assert key.sha256 not in listed


def test_what_is_no_prose_is_whole_on_a_narrow_screen(folder: Path) -> None:
    added(folder, "a rather long name for a key", "--rate", "1000/minute", "--expires-days", "3")
    added(folder, "b")
    shown = keys(folder, "list", width="80").stdout
    for key in read_keys(folder / "keys.json"):
        assert key.id in shown
        assert f"{key.created_at:%Y-%m-%d}" in shown
        assert (f"{key.expires_at:%Y-%m-%d}" if key.expires_at else "never") in shown


def test_a_damaged_file_is_told_in_one_line(folder: Path) -> None:
    folder.mkdir()
    (folder / "keys.json").write_text("{")
    for arguments in (["list"], ["add", "x"], ["revoke", "x"]):
        result = keys(folder, *arguments)
        assert result.exit_code == 1
        assert "is damaged" in result.stderr
        assert len(result.stderr.splitlines()) == 1
    assert (folder / "keys.json").read_text() == "{"
