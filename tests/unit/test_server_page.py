"""Where the page is found, and what of it is served."""

from pathlib import Path

import pytest

import pixelpipe
from pixelpipe.server.page import read_assets, web_folder


def _package(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation with no page yet; its package folder."""
    package = root / "site" / "pixelpipe"
    package.mkdir(parents=True)
    monkeypatch.setattr(pixelpipe, "__file__", str(package / "__init__.py"))
    return package


def _page(folder: Path) -> Path:
    folder.mkdir()
    (folder / "index.html").write_text("<!doctype html>")
    return folder


def test_a_wheel_carries_the_page_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = _package(tmp_path, monkeypatch)
    inside = _page(package / "web")
    _page(package.parent / "web")
    assert web_folder() == inside


def test_a_repository_has_it_beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = _package(tmp_path, monkeypatch)
    beside = _page(package.parent / "web")
    assert web_folder() == beside


def test_no_page_is_a_broken_installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _package(tmp_path, monkeypatch)
    with pytest.raises(FileNotFoundError, match=r"index\.html"):
        web_folder()


def test_the_repository_s_own_page_is_found() -> None:
    assert (web_folder() / "index.html").is_file()


def test_assets_are_known_by_their_paths(tmp_path: Path) -> None:
    page = _page(tmp_path / "web")
    (page / "js").mkdir()
    (page / "js" / "main.js").write_text("1")
    (page / "js" / ".main.js.swp").write_text("2")
    (page / "unknown.xyz").write_text("3")
    assets = read_assets(page)

    assert {name: asset.media_type for name, asset in assets.items()} == {
        "index.html": "text/html; charset=utf-8",
        "js/main.js": "text/javascript; charset=utf-8",
        "unknown.xyz": "application/octet-stream",
    }
    assert assets["js/main.js"].content == b"1"
