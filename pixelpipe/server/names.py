"""File names: what clients call their pictures, and what they are called when saved."""

import unicodedata
from urllib.parse import quote

DEFAULT_NAME = "upload"
MAX_NAME_CHARS = 255
_ASCII_UNSAFE = frozenset('"\\%')


def source_name(given: str | None) -> str:
    """The name that a source is shown by: a base name of 1 to 255 printable characters.

    Folders, control and format characters (Unicode categories C*, which hold lone surrogates and
    bidirectional overrides too) are dropped; nothing left gives `upload`.
    """
    base = (given or "").replace("\\", "/").rpartition("/")[2]
    kept = "".join(c for c in base if not unicodedata.category(c).startswith("C")).strip()
    return kept[:MAX_NAME_CHARS] if kept.strip(".") else DEFAULT_NAME


def variant_file_name(source: str, variant: str, extension: str) -> str:
    """`<source stem>-<variant><extension>`."""
    stem = source.rpartition(".")[0] or source
    return f"{stem}-{variant}{extension}"


def content_disposition(kind: str, file_name: str) -> str:
    """The header value by RFC 6266: an ASCII `filename`, and `filename*` where that loses any.

    Args:
        kind: `inline` or `attachment`.
        file_name: A name without control characters.
    """
    plain = "".join(c if c.isascii() and c not in _ASCII_UNSAFE else "_" for c in file_name)
    value = f'{kind}; filename="{plain}"'
    if plain == file_name:
        return value
    return f"{value}; filename*=UTF-8''{quote(file_name, safe='')}"
