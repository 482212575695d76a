"""Who made a picture and what may be done with it: what `metadata: copyright` keeps."""

from dataclasses import dataclass, fields, replace

_MAX_CHARS = 2000
_MAX_CREATORS = 16


@dataclass(frozen=True, slots=True)
class Rights:
    """Plain texts; each is empty where nothing is known.

    Attributes:
        creators: EXIF Artist, dc:creator, the by-lines of IPTC.
        notice: EXIF Copyright, dc:rights, the copyright notice of IPTC.
        credit: photoshop:Credit, the credit of IPTC.
        marked: xmpRights:Marked, `True` or `False`.
        statement: xmpRights:WebStatement, a URL.
        usage: xmpRights:UsageTerms.
    """

    creators: tuple[str, ...] = ()
    notice: str = ""
    credit: str = ""
    marked: str = ""
    statement: str = ""
    usage: str = ""

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) for field in fields(self))


def clean(text: str) -> str:
    """One line, without what cannot be printed, and no longer than anybody writes."""
    shown = "".join(each if each.isprintable() else " " for each in text[: 2 * _MAX_CHARS])
    return " ".join(shown.split())[:_MAX_CHARS]


def merged(*found: Rights) -> Rights:
    """Of each text the first that there is."""
    result = Rights()
    for each in found:
        new = {
            field.name: getattr(each, field.name)
            for field in fields(Rights)
            if not getattr(result, field.name)
        }
        result = replace(result, **new)
    return replace(result, creators=result.creators[:_MAX_CREATORS])
