import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import bench
import loadtest
from argument_types import amount, count, listed, one_of, writable_file
from benchmark.contenders import PEERS
from benchmark.plan import read_plan

URL = "http://127.0.0.1:3000"


@pytest.mark.parametrize(
    ("read", "text", "expected"),
    [
        (count, "12", 12),
        (amount, "0.5", 0.5),
        (listed(count), "1, 2,4,2", [1, 2, 4]),
        (listed(one_of(["a", "b"])), "b,a", ["b", "a"]),
    ],
)
def test_arguments_are_read(read: Callable[[str], object], text: str, expected: object) -> None:
    assert read(text) == expected


@pytest.mark.parametrize(
    ("read", "text", "message"),
    [
        (count, "x", "'x' is no whole number of at least 1"),
        (count, "0", "'0' is no whole number"),
        (count, "1.5", "'1.5' is no whole number"),
        (amount, "soon", "'soon' is no number above 0"),
        (amount, "-1", "'-1' is no number above 0"),
        (amount, "nan", "'nan' is no number above 0"),
        (listed(count), "1,,2", "'' is no whole number"),
        (listed(one_of(["a", "b"])), "a,c", "'c' is none of a, b"),
        (writable_file, "/absent/x.json", "cannot write /absent/x.json: No such file or directory"),
    ],
)
def test_other_arguments_are_told_what_is_allowed(
    read: Callable[[str], object], text: str, message: str
) -> None:
    with pytest.raises(argparse.ArgumentTypeError) as told:
        read(text)

    assert str(told.value).startswith(message)


def test_a_file_to_write_keeps_what_it_holds_until_then(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    file.write_text("earlier")

    assert writable_file(str(file)) == file
    assert file.read_text() == "earlier"


@pytest.mark.parametrize(
    "arguments",
    [
        ["a.png", "-d", "2", "--route", "files", "b.png"],
        ["-d", "2", "a.png", "b.png", "--route", "files"],
    ],
)
def test_loadtest_takes_images_before_and_behind_options(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["loadtest", URL, *arguments])
    options = loadtest._parse_arguments()

    assert options.url == URL
    assert options.images == [Path("a.png"), Path("b.png")]
    assert (options.duration, options.jobs, options.route) == (2, None, "files")


def test_loadtest_needs_an_address_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["loadtest"])
    with pytest.raises(SystemExit):
        loadtest._parse_arguments()

    assert capsys.readouterr().err.endswith("required: url\n")


@pytest.mark.parametrize("address", ["127.0.0.1:3000", f"{URL}/api"])
def test_loadtest_says_what_an_address_looks_like(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], address: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["loadtest", address])
    with pytest.raises(SystemExit):
        loadtest._parse_arguments()

    assert "has to look like http://127.0.0.1:3000" in capsys.readouterr().err


def test_loadtest_says_once_that_nobody_listens(
    monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> None:
    url = f"http://127.0.0.1:{unused_tcp_port}"
    monkeypatch.setattr(sys, "argv", ["loadtest", url])
    with pytest.raises(SystemExit) as end:
        loadtest.main()

    assert end.value.code == f"scripts/loadtest: cannot connect to {url}"


def test_bench_takes_a_photograph_behind_its_options() -> None:
    sets = ["--sets", "bench-thumb,bench-full"]
    plan = read_plan([*sets, "-c", "1,2", "--peers", "pyvips,pillow", "photo.jpg"], [])

    assert plan.sets == ["bench-thumb", "bench-full"]
    assert plan.clients == [1, 2]
    assert plan.peers == ["pyvips", "pillow"]
    assert plan.photo == Path("photo.jpg")


def test_bench_takes_all_peers_where_none_is_named() -> None:
    assert read_plan([], []).peers == []
    assert read_plan(["photo.jpg", "--peers"], []).peers == list(PEERS)


def test_bench_names_the_photograph_that_it_cannot_read(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["bench", "absent.jpg"])

    assert bench.main() == 1
    assert capsys.readouterr().err == (
        "scripts/bench: cannot read absent.jpg: No such file or directory\n"
    )
