import io
from pathlib import Path
from typing import Any

from rich.console import Console

import demo


def _variant(name: str, state: str) -> dict[str, Any]:
    made = state == "completed"
    return {
        "name": name,
        "state": state,
        "width": 1080,
        "height": 566,
        "bytes": 123456 if made else None,
        "reduced": name == "story",
        "timings_ms": {"process": 10.2, "encode": 5.1, "store": 0.4} if made else {},
    }


def _table(*variants: dict[str, Any], name: str = "a.jpg") -> list[str]:
    """The lines of the table of a job whose variants these are."""
    source = {"name": name, "width": 2400, "height": 1600}
    job = {"state": "partial", "source": source, "variants": variants}
    made = [each["name"] for each in variants if each["state"] == "completed"]
    console = Console(file=io.StringIO(), width=100)
    console.print(demo.table_of(job, {each: Path(f"out/{each}.jpg") for each in made}))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_the_table_has_a_row_for_each_variant_made_or_not() -> None:
    title, *_, hero, thumb = _table(_variant("hero", "completed"), _variant("thumb", "failed"))

    assert title.strip() == "a.jpg, 2400x1600: partial"
    assert hero.split() == ["hero", "1080x566", "123,456", "16", "out/hero.jpg"]
    assert thumb.split() == ["thumb", "failed"]


def test_the_table_marks_what_is_smaller_than_asked() -> None:
    *_, hero, story = _table(_variant("hero", "completed"), _variant("story", "completed"))

    assert "reduced" not in hero
    assert "reduced 1080x566" in story


def test_a_file_name_is_never_taken_for_markup() -> None:
    name = "[red]a[/b].jpg"

    assert (
        _table(_variant("hero", "completed"), name=name)[0].strip() == f"{name}, 2400x1600: partial"
    )
