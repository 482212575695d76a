"""Tells who somebody is by what he shows."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from multidict import MultiMapping

from pixelpipe.auth.identity import Identity, Means
from pixelpipe.auth.keys import ApiKey
from pixelpipe.auth.links import Link, link_query, read_link
from pixelpipe.auth.sessions import Session, read_session, session_cookie
from pixelpipe.auth.signing import Signer
from pixelpipe.auth.watched_keys import WatchedKeys
from pixelpipe.errors import InvalidLinkError, UnauthorizedError

_HOW = "send one as `Authorization: Bearer <key>` or `X-API-Key`, or sign in on the page"


class WrongKeyError(UnauthorizedError):
    """A key was shown, and it is none; to clients the same as no key."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What somebody shows; the first of these that is there counts.

    Attributes:
        key: A key.
        link: The query of a signed link.
        cookies: Those of sessions, of which one may be good.
    """

    key: str | None = None
    link: MultiMapping[str] | None = None
    cookies: Sequence[str] = ()


class Doorkeeper:
    """Lets in by key, session and link.

    Args:
        keys: Those in force.
        signer: Signs sessions and links.
        required: Whether a key is needed at all.
    """

    def __init__(self, keys: WatchedKeys, signer: Signer, *, required: bool) -> None:
        self.keys = keys
        self.required = required
        self._signer = signer

    def identify(self, shown: Credentials, path: str) -> Identity:
        """Who it is.

        Args:
            shown: What he shows.
            path: What he asks for, as it stands in the URL.

        Raises:
            WrongKeyError: The key is none that is good.
            InvalidLinkError: The link is none, or has ended.
            UnauthorizedError: Nothing, or a session that has ended, where a key is needed.
        """
        if shown.link is not None and (shown.key is None or not self.required):
            return self._by_link(shown.link, path)
        if not self.required:
            return Identity()
        if shown.key is not None:
            return self._by_key(shown.key)
        return self._by_session(shown.cookies)

    def still_good(self, identity: Identity) -> bool:
        """Whether he would be let in now by what he showed then."""
        if identity.expires_s is not None and identity.expires_s <= time.time():
            return False
        return identity.key is None or self._key(identity.key.id) == identity.key

    def session_cookie(self, key: ApiKey, expires_s: int) -> str:
        """The value of the cookie of a new session."""
        return session_cookie(self._signer, Session(key.id, expires_s))

    def link_query(self, path: str, identity: Identity, expires_s: int) -> str:
        """The query of a new link to `path`, as it stands in the URL."""
        return link_query(self._signer, path, Link(identity.key_id, expires_s))

    def _by_key(self, text: str) -> Identity:
        key = self.keys.ring.find(text, datetime.now(UTC))
        if key is None:
            raise WrongKeyError(f"The key is not known, or not any more; {_HOW}.")
        return Identity(key, Means.KEY)

    def _by_session(self, cookies: Sequence[str]) -> Identity:
        for cookie in cookies:
            session = read_session(self._signer, cookie, time.time())
            key = session and self._key(session.key_id)
            if session and key:
                return Identity(key, Means.SESSION, session.expires_s)
        raise UnauthorizedError(f"A key is needed; {_HOW}.")

    def _by_link(self, query: MultiMapping[str], path: str) -> Identity:
        link = read_link(self._signer, path, query, time.time())
        if not self.required:
            return Identity(None, Means.LINK, link.expires_s)
        key = self._key(link.key_id)
        if key is None:
            raise InvalidLinkError("The link has ended with the key that it was made with.")
        return Identity(key, Means.LINK, link.expires_s)

    def _key(self, key_id: str) -> ApiKey | None:
        return self.keys.ring.get(key_id, datetime.now(UTC))
