"""The file of the keys: whole, private, and read again when it changes."""

import asyncio
import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from pixelpipe.auth.keys import KeysError
from pixelpipe.auth.keys_file import changing_keys, keys_path, read_keys
from pixelpipe.auth.watched_keys import WatchedKeys
from pixelpipe.config import Settings
from tests.api_keys import NOW, drop_key, keep_keys, make_key


def test_keys_come_back_as_they_were(tmp_path: Path) -> None:
    keys = [make_key(rate="5/second").key, make_key("Ä ö", expires_at=NOW).key]
    with changing_keys(tmp_path / "new" / "keys.json") as kept:
        kept.extend(keys)
    assert read_keys(tmp_path / "new" / "keys.json") == keys


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        path = keep_keys(tmp_path, make_key())
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_to_the_file_stays_one(tmp_path: Path) -> None:
    """Else a key would be revoked for one server, and not for the others that read the file."""
    path = keep_keys(tmp_path, make_key())
    link = tmp_path / "elsewhere" / "linked.json"
    link.parent.mkdir()
    link.symlink_to(path)
    with changing_keys(link) as keys:
        keys.clear()
    assert link.is_symlink()
    assert list(read_keys(path)) == []


def test_no_other_file_is_in_the_way(tmp_path: Path) -> None:
    other = tmp_path / "keys.new"
    other.write_text("somebody else's")
    keep_keys(tmp_path, make_key())
    assert other.read_text() == "somebody else's"


def test_without_a_file_there_are_no_keys(tmp_path: Path) -> None:
    assert list(read_keys(tmp_path / "keys.json")) == []


def test_the_setting_says_where_it_is(tmp_path: Path) -> None:
    assert keys_path(Settings(data_dir=tmp_path)) == tmp_path / "keys.json"
    assert keys_path(Settings(keys_file=tmp_path / "other")) == tmp_path / "other"


def _document(**changes: object) -> str:
    record = {
        "id": "0" * 12,
        "tenant": "0" * 12,
        "name": "n",
        "sha256": "0" * 64,
        "scopes": ["read"],
        "created_at": "2030-01-02T03:04:05Z",
    }
    return json.dumps({"version": 1, "keys": [record | changes]})


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ("", "EOF"),
        ("{", "EOF"),
        ("[]", "object"),
        ('{"version": 2, "keys": []}', "/version"),
        ('{"version": 1, "keys": [{}]}', "/keys/0/id"),
        (_document(sha256="short"), "/keys/0/sha256"),
        (_document(scopes=[]), "/keys/0/scopes"),
        (_document(scopes=["all"]), "/keys/0/scopes/0"),
        (_document(rate="fast"), "/keys/0/rate"),
        (_document(created_at="2030-01-02T03:04:05"), "/keys/0/created_at"),
        (_document(secret="pp_1_2"), "/keys/0/secret"),
        (json.dumps({"keys": [*json.loads(_document())["keys"] * 2]}), "/keys"),
    ],
)
def test_a_damaged_file_is_told_by_place(tmp_path: Path, content: str, place: str) -> None:
    path = tmp_path / "keys.json"
    path.write_text(content)
    with pytest.raises(KeysError, match="is damaged") as caught:
        read_keys(path)
    assert str(path) in str(caught.value)
    assert place in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "pp_1_2" not in str(caught.value)


def test_a_change_that_fails_changes_nothing(tmp_path: Path) -> None:
    held = make_key()
    path = keep_keys(tmp_path, held)
    with suppress(ZeroDivisionError), changing_keys(path) as keys:
        keys.clear()
        raise ZeroDivisionError
    assert read_keys(path) == [held.key]


def test_changes_at_once_lose_nothing(tmp_path: Path) -> None:
    keys = [make_key(str(number)) for number in range(20)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda held: keep_keys(tmp_path, held), keys))
    kept = read_keys(tmp_path / "keys.json")
    assert {key.id for key in kept} == {held.key.id for held in keys}


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(KeysError, match="file"), changing_keys(tmp_path / "file" / "keys.json"):
        pass


async def test_a_change_is_in_force_after_the_next_look(tmp_path: Path) -> None:
    one, other = make_key(), make_key()
    watched = WatchedKeys(await asyncio.to_thread(keep_keys, tmp_path, one))
    await watched.load()
    assert watched.usable
    assert not await watched.refresh()
    await asyncio.to_thread(keep_keys, tmp_path, other)
    assert await watched.refresh()
    assert watched.ring.find(other.text, NOW)
    await asyncio.to_thread(drop_key, tmp_path, one)
    assert await watched.refresh()
    assert watched.ring.find(one.text, NOW) is None


async def test_while_the_file_is_damaged_the_keys_stay(tmp_path: Path) -> None:
    held = make_key()
    path = await asyncio.to_thread(keep_keys, tmp_path, held)
    watched = WatchedKeys(path)
    await watched.load()
    path.write_text("{")
    assert not await watched.refresh()
    assert watched.ring.find(held.text, NOW)
    drop = make_key()
    path.unlink()
    await asyncio.to_thread(keep_keys, tmp_path, drop)
    assert await watched.refresh()
    assert watched.ring.find(held.text, NOW) is None


async def test_a_file_that_is_removed_takes_its_keys_along(tmp_path: Path) -> None:
    held = make_key()
    path = await asyncio.to_thread(keep_keys, tmp_path, held)
    watched = WatchedKeys(path)
    await watched.load()
    path.unlink()
    assert await watched.refresh()
    assert not watched.usable


async def test_a_damaged_file_at_the_start_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_text("{")
    with pytest.raises(KeysError):
        await WatchedKeys(path).load()
