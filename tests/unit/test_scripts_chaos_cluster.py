"""What `scripts/chaos cluster` says of what is wrong."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chaos_cluster_pictures import PictureFolder
from chaos_cluster_verdict import Held, picture_violations, redis_violations

GOOD = Held(
    queue={"wait": 0, "active": 0},
    open=(),
    cancels=(),
    references={"a": 2, "b": 1},
    counted={"a": 2, "b": 1, "gone": 0},
    sizes={"a": 10, "b": 5, "gone": 7},
    referenced_bytes=15,
    events={"j": ["1", "3"], "k": ["2"]},
    told=["1", "2", "3"],
)


def test_a_cluster_in_order_has_no_violations() -> None:
    assert list(redis_violations(GOOD)) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"queue": {"wait": 0, "active": 2}}, "the queue has 2 jobs that are active"),
        ({"open": ("j",)}, "job j is open in the journal"),
        ({"cancels": ("j",)}, "somebody wants job j stopped, which has ended"),
        ({"counted": {"a": 1, "b": 1}}, "2 jobs refer to a, and the journal counts 1"),
        ({"counted": {"a": 2, "b": 1, "c": 1}}, "0 jobs refer to c, and the journal counts 1"),
        ({"referenced_bytes": 16}, "15 bytes are referred to, and the journal counts 16"),
        ({"told": ["1", "2"]}, "jobs have 3 events, and there are 2, or others"),
        ({"told": ["1", "2", "4"]}, "jobs have 3 events, and there are 3, or others"),
    ],
)
def test_what_is_wrong_in_redis_is_said(change: dict[str, Any], said: str) -> None:
    assert list(redis_violations(replace(GOOD, **change))) == [said]


def test_pictures_are_there_with_the_bytes_that_their_names_say(tmp_path: Path) -> None:
    digest = hashlib.sha256(b"made").hexdigest()
    pictures = PictureFolder(tmp_path)
    path = tmp_path / "blobs" / digest[:2] / digest
    assert list(picture_violations(pictures, [digest])) == [
        f"a job refers to {digest}, which is not there"
    ]
    path.parent.mkdir(parents=True)
    path.write_bytes(b"made")
    assert list(picture_violations(pictures, [digest])) == []
    path.write_bytes(b"unmade")
    assert list(picture_violations(pictures, [digest])) == [
        f"{digest} has other bytes than its name says"
    ]
