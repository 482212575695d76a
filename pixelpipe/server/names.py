"""File names: what clients call their pictures, and what they are called when saved."""

import unicodedata
from urllib.parse import quote

DEFAULT_NAME = "upload"
MAX_NAME_CHARS = 255
_ASCII_UNSAFE = frozenset('"\\%')

# A variant's name (64), a dash and an extension go with it in the 255 bytes that a name may have.
_MAX_STEM_CHARS = 100
_MAX_STEM_BYTES = 180
_ARCHIVE_UNSAFE = frozenset('<>:"/\\|?*')
_WINDOWS_DEVICES = frozenset(
    ["con", "prn", "aux", "nul", "conin$", "conout$"]
    + [f"{port}{number}" for port in ("com", "lpt") for number in range(10)]
)


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


def archive_entry_name(source: str, variant: str, extension: str) -> str:
    """`<source stem>-<variant><extension>`, as every archive program can unpack it anywhere.

    Names of different variants differ, also where case does not count.
    """
    return _no_device(f"{_portable_stem(source)}-{variant}{extension}")


def archive_name(source: str) -> str:
    """`<source stem>.zip`, with which every system can save it."""
    return _no_device(f"{_portable_stem(source)}.zip")


def _portable_stem(source: str) -> str:
    """The source's name without its extension and without what some system does not allow."""
    shown = unicodedata.normalize("NFC", source_name(source))
    stem = shown.rpartition(".")[0] or shown
    portable = "".join(map(_portable_char, stem)).lstrip("-. ")[:_MAX_STEM_CHARS]
    cut = portable.encode()[:_MAX_STEM_BYTES].decode(errors="ignore")
    return cut.rstrip(". ") or DEFAULT_NAME


def _portable_char(char: str) -> str:
    if unicodedata.category(char).startswith("Z"):
        return " "
    # Windows programs that think in code pages take a wide slash for a slash.
    safe = _ARCHIVE_UNSAFE.isdisjoint(unicodedata.normalize("NFKC", char))
    return char if safe else "_"


def _no_device(name: str) -> str:
    """The name, changed if it is a device to Windows, which looks no further than the first dot."""
    device = unicodedata.normalize("NFKC", name.partition(".")[0]).rstrip().lower()
    return f"_{name}" if device in _WINDOWS_DEVICES else name


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
