"""Settings that are wrong: all told at once, by the names that the user wrote."""

from pathlib import Path

import pytest

from pixelpipe.settings_mistakes import SettingsError, read_settings


def told(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, object], **variables: str
) -> list[str]:
    """The lines told about those options and variables."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        read_settings(options)
    return str(caught.value).splitlines()


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("PORT", "x", "a whole number from 0 to 65535"),
        ("PIXELPIPE_PORT", "65536", "a whole number from 0 to 65535"),
        ("WORKERS_COUNT", "0", "a whole number from 1 to 512"),
        ("PIXELPIPE_ARENA_BYTES", "5", "a whole number of at least 16777216"),
        ("PIXELPIPE_MAX_SIDE_PX", "1.5", "a whole number from 1 to 65535"),
        ("PIXELPIPE_TASK_DEADLINE_S", "0", "a number above 0"),
        ("PIXELPIPE_DRAIN_TIMEOUT_S", "nan", "a number of at least 0"),
        ("PIXELPIPE_RETENTION_S", "inf", "a number above 0"),
        ("PIXELPIPE_LOG_LEVEL", "loud", "one of debug, info, warning, error"),
        ("pixelpipe_drain_timeout_s", "-1", "a number of at least 0"),
    ],
)
def test_a_variable_is_named_as_it_was_set(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, allowed: str
) -> None:
    assert told(monkeypatch, {}, **{name: value}) == [f'{name} must be {allowed}, not "{value}"']


def test_no_address_is_not_every_address(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = told(monkeypatch, {}, PIXELPIPE_HOST="")
    assert lines == ["PIXELPIPE_HOST must be an address, not empty"]


def test_of_two_variables_the_one_that_counts_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = told(monkeypatch, {}, PORT="3", PIXELPIPE_PORT="-1")
    assert lines == ['PIXELPIPE_PORT must be a whole number from 0 to 65535, not "-1"']


def test_an_option_is_named_before_the_variable_that_it_replaces(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines = told(monkeypatch, {"port": 99999, "workers": None}, PORT="x")
    assert lines == ["--port must be a whole number from 0 to 65535, not 99999"]


@pytest.mark.parametrize("processes", [0, -1, 65])
def test_processes_may_be_so_many(monkeypatch: pytest.MonkeyPatch, processes: int) -> None:
    lines = told(monkeypatch, {"processes": processes})
    assert lines == [f"--processes must be a whole number from 1 to 64, not {processes}"]


def test_variables_that_are_no_settings_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = told(monkeypatch, {}, PIXELPIPE_XYZZY="3", PIXELPIPE_LOGLEVEL="info")
    assert sorted(lines) == [
        "PIXELPIPE_LOGLEVEL is not a setting; did you mean PIXELPIPE_LOG_LEVEL?",
        "PIXELPIPE_XYZZY is not a setting",
    ]


@pytest.mark.parametrize("given_by", ["option", "variable"])
def test_mistakes_of_the_presets_file_are_told_with_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given_by: str
) -> None:
    file = tmp_path / "gone.toml"
    if given_by == "variable":
        monkeypatch.setenv("PIXELPIPE_PRESETS_FILE", str(file))
    option = file if given_by == "option" else None
    lines = told(monkeypatch, {"workers": 0, "presets_file": option})
    assert lines == [
        "--workers must be a whole number from 1 to 512, not 0",
        f"{file}: cannot be read: No such file or directory",
    ]


def test_options_come_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "1")
    monkeypatch.setenv("WORKERS_COUNT", "2")
    settings = read_settings({"port": 3, "workers": None})
    assert (settings.port, settings.workers) == (3, 2)


def test_what_kubernetes_sets_for_a_service_of_this_name_is_not_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in {
        "PIXELPIPE_SERVICE_HOST": "10.0.0.1",
        "PIXELPIPE_SERVICE_PORT": "3000",
        "PIXELPIPE_SERVICE_PORT_HTTP": "3000",
        "PIXELPIPE_PORT": "tcp://10.0.0.1:3000",
        "PIXELPIPE_PORT_3000_TCP": "tcp://10.0.0.1:3000",
        "PIXELPIPE_PORT_3000_TCP_ADDR": "10.0.0.1",
    }.items():
        monkeypatch.setenv(name, value)
    assert read_settings({}).port == 3000
