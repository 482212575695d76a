"""The door of a server: its keys, kept up to date, and those who have come in to stay."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

import structlog
from aiohttp import web

from pixelpipe.auth.doorkeeper import Doorkeeper
from pixelpipe.auth.identity import Identity
from pixelpipe.auth.keys import KeysError
from pixelpipe.auth.keys_file import keys_path
from pixelpipe.auth.rates import RateLimiter
from pixelpipe.auth.signing import Signer
from pixelpipe.auth.watched_keys import WatchedKeys
from pixelpipe.config import Settings
from pixelpipe.jobs.peers import Kind, Notice, Peers
from pixelpipe.kept_secrets import URL_SECRETS
from pixelpipe.server.context import RUNTIME
from pixelpipe.sites import address_of

_LOOK_S = 1.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Guest:
    """Whose answer lasts."""

    request: web.Request
    identity: Identity


class Door:
    """Who is in, and by what rule.

    Args:
        keeper: Tells who somebody is.
        peers: Others at whose doors the same come, and count.
    """

    def __init__(self, keeper: Doorkeeper, peers: Peers) -> None:
        self.keeper = keeper
        self.limiter = RateLimiter(tell=self._tell)
        self._peers = peers
        self._own = token_hex(8)
        self._hits: set[asyncio.Task[None]] = set()
        peers.listen(self._hear)
        # Of the known it was seen that they are good for as long as the keys stay as they are.
        self._known: set[Guest] = set()
        self._others: set[Guest] = set()

    def _tell(self, hit: str) -> None:
        self._peers.tell(Notice(Kind.HIT, f"{self._own} {hit}"))

    def _hear(self, notice: Notice) -> None:
        door, _, hit = notice.about.partition(" ")
        # What goes by way of another machine comes back from there, and is counted already.
        if notice.kind is Kind.HIT and door != self._own:
            counting = asyncio.create_task(self.limiter.hear(hit))
            self._hits.add(counting)
            counting.add_done_callback(self._hits.discard)

    def stay(self, request: web.Request, identity: Identity) -> Guest:
        """An answer begins that lasts: it is cut off when its reader would not be let in again."""
        guest = Guest(request, identity)
        self._others.add(guest)
        return guest

    def leave(self, guest: Guest) -> None:
        """It has ended."""
        self._known.discard(guest)
        self._others.discard(guest)

    async def watch(self) -> None:
        """Keep the keys up to date, and see off who has lost his; until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_S)
            try:
                changed = await self.keeper.keys.refresh()
            except Exception:  # noqa: BLE001 - the watch must live on, whatever it was
                # Else no key could be revoked any more.
                _log.exception("the keys could not be looked at")
                changed = True
            self.see_off(everybody=changed)

    def see_off(self, *, everybody: bool) -> None:
        """Cut off who has lost his key; thousands may stay, so not each is looked at each time."""
        if everybody:
            self._others |= self._known
            self._known.clear()
        for guest in list(self._others):
            if not self.keeper.still_good(guest.identity):
                if guest.request.transport is not None:
                    guest.request.transport.close()
            elif not guest.identity.ends:
                self._others.discard(guest)
                self._known.add(guest)


DOOR: web.AppKey[Door] = web.AppKey("door", Door)


async def open_door(app: web.Application) -> AsyncIterator[None]:
    """Read keys and secrets; a cleanup context of the application.

    Raises:
        KeysError: Keys are needed and there is none, or their file is damaged or cannot be read.
        SecretError: There is no secret to sign with.
    """
    settings = app[RUNTIME].settings
    required = keys_needed(settings)
    keys = WatchedKeys(keys_path(settings))
    if required:
        await keys.load()
        if not keys.usable:
            raise KeysError(_no_key(settings, keys.path))
    elif settings.public_url or settings.trusted_proxies or not _is_loopback(settings.host):
        _log.warning("anybody who reaches this server may do anything: no key is needed")
    secrets = await asyncio.to_thread(URL_SECRETS.load, settings.url_secrets, settings.data_dir)
    app[DOOR] = door = Door(
        Doorkeeper(keys, Signer(secrets), required=required), app[RUNTIME].fleet.peers
    )
    watching = asyncio.create_task(door.watch()) if required else None
    try:
        yield
    finally:
        if watching is not None:
            watching.cancel()
            await asyncio.wait({watching})


def keys_needed(settings: Settings) -> bool:
    """Whether a key is needed: as the settings say, or else where others can connect."""
    if settings.auth is None:
        return not _is_loopback(settings.host)
    return settings.auth == "on"


def _is_loopback(host: str) -> bool:
    address = address_of(host)
    return host.lower() == "localhost" if address is None else address.is_loopback


def _no_key(settings: Settings, path: Path) -> str:
    place = "" if settings.keys_file else f" --data {settings.data_dir}"
    return (
        f"a key is needed, and there is none in {path}: make one with "
        f"`pixelpipe keys add NAME{place}`, or waive keys with PIXELPIPE_AUTH=off"
    )
