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
        "timings_ms": {"process": 10.2, "encode": 5.1, "store": 0.4} if made else {},
    }


def test_the_table_has_a_row_for_each_variant_made_or_not() -> None:
    job = {
        "state": "partial",
        "source": {"name": "a.jpg", "width": 2400, "height": 1600},
        "variants": [_variant("hero", "completed"), _variant("thumb", "failed")],
    }
    console = Console(file=io.StringIO(), width=100)
    console.print(demo.table_of(job, {"hero": Path("out/hero.jpg")}))
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()

    title, *_, hero, thumb, _ = text.splitlines()
    assert title.strip() == "a.jpg, 2400x1600: partial"
    assert [cell.strip() for cell in hero.split("│")[1:-1]] == [
        "hero", "1080x566", "123,456", "16", "out/hero.jpg",
    ]  # fmt: skip
    assert [cell.strip() for cell in thumb.split("│")[1:-1]] == ["thumb", "", "", "", "failed"]
