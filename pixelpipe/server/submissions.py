"""From a request that was received to what the job service is asked for."""

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from aiohttp import web

from pixelpipe.errors import StorageFailedError
from pixelpipe.jobs.model import Job
from pixelpipe.jobs.records import Key
from pixelpipe.jobs.submission import PRIORITIES, Caller, Sender, Submission, Wishes
from pixelpipe.recipes.mistakes import Mistake, invalid_spec
from pixelpipe.recipes.spec import Spec
from pixelpipe.recipes.spec_fields import AUTO
from pixelpipe.server.context import RUNTIME
from pixelpipe.server.guards.below import own_path
from pixelpipe.server.guards.clients import client_address
from pixelpipe.server.guards.identity import identity_of
from pixelpipe.server.idempotency import FIELD, idempotency_key, request_fingerprint
from pixelpipe.server.preferences import accept_of, accepted_formats
from pixelpipe.server.upload import Received
from pixelpipe.webhooks.targets import check_url

# Fields of a request that makes a job, beside those that say what of.
WISHES = ("priority", "webhook")

_PRIORITY = re.compile(r"[+-]?[0-9]{1,3}")


def caller_of(request: web.Request) -> Caller:
    """Who asks: by its key, and where none is needed by its address."""
    identity = identity_of(request)
    return Caller(
        tenant=identity.tenant,
        client=identity.key_id or client_address(request),
        everybodys=identity.admin,
    )


def sender_of(request: web.Request) -> Sender:
    """Who asks, and with which key, before the body is read.

    Raises:
        MalformedRequestError: As `idempotency_key`.
    """
    caller = caller_of(request)
    key = idempotency_key(request.headers)
    return Sender(tenant=caller.tenant, client=caller.client, key=key)


async def waited_for(request: web.Request, job: Job, wait_s: float) -> Job:
    """The job that was accepted, at its end or as it stands when the time is up.

    If its client goes away it may be cancelled; not where others may have come to another server
    with the same `Idempotency-Key`.
    """
    runtime = request.app[RUNTIME]
    known_here = runtime.fleet.peers.alone or FIELD not in request.headers
    cancel_left = runtime.settings.cancel_on_disconnect and known_here
    with suppress(StorageFailedError):
        # It is accepted, whatever can be found out of it now.
        return await runtime.service.wait(job, wait_s, cancel_left=cancel_left)
    return job


def job_submission(request: web.Request, body: Received, specs: Sequence[Spec]) -> Submission:
    """What `request` wants done, as a job.

    Raises:
        MalformedRequestError: The `Idempotency-Key` is none.
        InvalidSpecError: The priority or the webhook is none that is allowed.
    """
    caller = caller_of(request)
    wishes = Wishes(
        priority=_priority(body.fields.get("priority")),
        webhook=_webhook(request, body.fields.get("webhook")),
    )
    wishes = replace(wishes, key=_key(request, body, specs, wishes))
    accepted = accepted_formats(accept_of(request))
    return Submission(
        body.upload, body.name, tuple(specs), body.receive_ms, caller, wishes, accepted
    )


def _priority(given: str | None) -> int:
    if given is None:
        return 0
    if _PRIORITY.fullmatch(given) and int(given) in PRIORITIES:
        return int(given)
    least, most = PRIORITIES[0], PRIORITIES[-1]
    detail = f"must be a whole number from {least} to {most}, not {given[:40]!r}"
    raise invalid_spec([Mistake(("priority",), detail)])


def _webhook(request: web.Request, given: str | None) -> str | None:
    if given is None:
        return None
    return check_url(given, allow_private=request.app[RUNTIME].settings.webhook_private)


def _key(request: web.Request, body: Received, specs: Sequence[Spec], wishes: Wishes) -> Key | None:
    name = idempotency_key(request.headers)
    if name is None:
        return None
    options = {
        "name": body.name,
        "priority": str(wishes.priority),
        "webhook": wishes.webhook or "",
    }
    if any(spec.format == AUTO for spec in specs):
        options["accepted"] = ",".join(sorted(accepted_formats(accept_of(request))))
    # The same request is the same when what is at the URL has changed.
    source = body.url or body.upload.sha256
    fingerprint = request_fingerprint(own_path(request), source, specs, options)
    return Key(caller_of(request).tenant, name, fingerprint)
