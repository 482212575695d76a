"""Where the server stands, as the settings say: its names, its friends, its paths."""

from dataclasses import dataclass

from aiohttp import web

from pixelpipe.config import Settings
from pixelpipe.sites import (
    HostNames,
    Network,
    PublicUrl,
    link_path,
    link_root,
    read_hosts,
    read_networks,
    read_origins,
    read_path,
    read_public_url,
)


@dataclass(frozen=True, slots=True)
class Site:
    """The settings that are about names and places, read.

    Attributes:
        hosts: Names that the server answers to; to addresses it answers in any case.
        origins: Those of other sites whose pages may call the API, or `*`.
        proxies: Whose word on clients is believed.
        public: Where clients find the server, if that is known.
        base_path: What all routes are below; empty, or with a slash in front and none behind.
        link_path: What all links are below; differs where a proxy takes a part of the path away.
        link_root: The same for links that leave the site: with the public URL's origin, if known.
    """

    hosts: HostNames
    origins: frozenset[str]
    proxies: tuple[Network, ...]
    public: PublicUrl | None
    base_path: str
    link_path: str
    link_root: str


SITE: web.AppKey[Site] = web.AppKey("site", Site)


def read_site(settings: Settings) -> Site:
    """The site that `settings` describe; their own checks have seen to it that they can be read."""
    public = read_public_url(settings.public_url) if settings.public_url else None
    named = read_hosts(settings.hosts or "")
    own = {"localhost", settings.host.lower(), *([public.authority.host] if public else [])}
    return Site(
        hosts=HostNames(named.exact | own, named.below, named.every),
        origins=read_origins(settings.cors_origins or ""),
        proxies=read_networks(settings.trusted_proxies or ""),
        public=public,
        base_path=read_path(settings.base_path),
        link_path=link_path(settings.public_url, settings.base_path),
        link_root=link_root(settings.public_url, settings.base_path),
    )
