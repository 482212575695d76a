"""By what a journal is told from others, where blobs are that do not lie beside it."""

import os
import secrets
from pathlib import Path


def journal_id(path: Path, made: str | None = None) -> str:
    """The id in the file, which is made if it is not there, by whoever is first.

    Args:
        path: The file.
        made: What it is then; by default what nobody has.

    Raises:
        OSError: It cannot be read or made.
    """
    aside = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    if not path.exists():
        with aside.open("x", encoding="ascii") as file:
            file.write(made or secrets.token_hex(16))
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(aside)
        except FileExistsError:
            pass  # Another process was quicker.
        finally:
            aside.unlink()
    return path.read_text(encoding="ascii").strip()
