"""Every route has said what it needs, and servers ask for keys where they should."""

from pathlib import Path
from typing import cast

import pytest
from aiohttp import web

from pixelpipe.auth.keys import Scope
from pixelpipe.config import Settings
from pixelpipe.runtime import Runtime
from pixelpipe.server.app import make_app
from pixelpipe.server.guards.door import keys_needed
from pixelpipe.server.guards.needs import LASTING, LINKABLE, NEEDS, Need


class _Settings:
    """What an application that does not run asks of a runtime."""

    def __init__(self, **changes: object) -> None:
        self.settings = Settings.model_validate(changes)


def _routes(**settings: object) -> set[str]:
    app = make_app(cast("Runtime", _Settings(**settings)))
    return {
        f"{route.method} {route.resource.canonical}"
        for route in app.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }


def test_every_route_says_what_it_needs() -> None:
    assert _routes() == NEEDS.keys() - {"GET "}


def test_every_route_below_a_path_says_what_it_needs() -> None:
    routes = _routes(base_path="/img")
    assert {route.replace(" /img", " ", 1) for route in routes} == NEEDS.keys()


def test_no_route_is_for_any_method() -> None:
    app: web.Application = make_app(cast("Runtime", _Settings()))
    assert {route.method for route in app.router.routes()} <= {"GET", "HEAD", "POST", "DELETE"}


def test_only_these_need_no_key() -> None:
    assert {route for route, need in NEEDS.items() if isinstance(need, Need)} == {
        "GET ",
        "GET /",
        "GET /healthz",
        "GET /readyz",
        "GET /static/{path}",
        "GET /api/session",
        "POST /api/session",
        "DELETE /api/session",
    }


def test_what_changes_something_needs_more_than_reading() -> None:
    for route, need in NEEDS.items():
        unsafe = not route.startswith("GET ") and "/api/session" not in route
        if unsafe and not route.endswith("/links"):
            assert need is Scope.SUBMIT, route


def test_links_are_of_what_may_be_read() -> None:
    assert all(NEEDS[route] is Scope.READ for route in LINKABLE)
    assert all(route.startswith("GET ") for route in LINKABLE | LASTING)


@pytest.mark.parametrize(
    ("host", "auth", "needed"),
    [
        ("127.0.0.1", None, False),
        ("127.8.9.1", None, False),
        ("::1", None, False),
        ("::ffff:127.0.0.1", None, False),
        ("localhost", None, False),
        ("LOCALHOST", None, False),
        ("0.0.0.0", None, True),
        ("::", None, True),
        ("192.168.1.2", None, True),
        ("example.com", None, True),
        ("localhost.example.com", None, True),
        ("127.0.0.1", "on", True),
        ("0.0.0.0", "off", False),
    ],
)
def test_a_key_is_needed_where_others_can_connect(
    tmp_path: Path, host: str, auth: str | None, *, needed: bool
) -> None:
    settings = Settings.model_validate({"host": host, "auth": auth, "data_dir": tmp_path})
    assert keys_needed(settings) is needed
