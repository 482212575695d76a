"""What the server knows and a worker must not: a hostile file could take one over."""

from collections.abc import Callable
from pathlib import Path

from tests.processes import descendants
from tests.serving import LiveServer

_SECRET = "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"


def test_no_secret_reaches_the_environment_of_a_worker(
    start_server: Callable[..., LiveServer],
) -> None:
    server = start_server(
        PIXELPIPE_WEBHOOK_SECRETS=f"whsec_{_SECRET}",
        pixelpipe_url_secrets=f"urlsec_{_SECRET}",
        PIXELPIPE_HEARTBEAT_S="7",
    )
    environments = [Path(f"/proc/{pid}/environ").read_bytes() for pid in descendants(server.pid)]
    assert any(b"PIXELPIPE_HEARTBEAT_S=7" in environment for environment in environments)
    assert not any(_SECRET.encode() in environment for environment in environments)
