"""Sessions of the page: what its cookie says, signed."""

import re
from dataclasses import dataclass

from pixelpipe.auth.signing import Signer

_COOKIE = re.compile(r"([0-9a-f]{12})\.([1-9][0-9]{0,11})\.([A-Za-z0-9_-]{43})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Session:
    """Who is signed in.

    Attributes:
        key_id: By which key, with which the session ends.
        expires_s: When it ends, in Unix time.
    """

    key_id: str
    expires_s: int


def session_cookie(signer: Signer, session: Session) -> str:
    """The cookie's value."""
    signature = signer.sign("session", session.key_id, str(session.expires_s))
    return f"{session.key_id}.{session.expires_s}.{signature}"


def read_session(signer: Signer, cookie: str, now_s: float) -> Session | None:
    """The session that the cookie's value says; None if it has ended, or never was."""
    found = _COOKIE.fullmatch(cookie)
    if found is None or not signer.verify(found[3], "session", found[1], found[2]):
        return None
    session = Session(found[1], int(found[2]))
    return session if session.expires_s > now_s else None
