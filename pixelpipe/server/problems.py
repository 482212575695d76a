"""Failures on their way out: every one leaves as an RFC 9457 document."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from pixelpipe.errors import (
    ExpectationFailedError,
    InternalError,
    MalformedRequestError,
    MethodNotAllowedError,
    PixelPipeError,
    RouteNotFoundError,
    UploadTooLargeError,
)

_SMALL_BODY_BYTES = 256 * 1024
_COME_BACK = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})

_log = structlog.get_logger(__name__)


def problem_response(
    problem: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> web.Response:
    """The problem document as an answer with its own status."""
    return web.Response(
        body=json.dumps(problem).encode(),
        status=problem["status"],
        headers={"Cache-Control": "no-store", **(headers or {})},
        content_type="application/problem+json",
    )


def error_response(error: PixelPipeError) -> web.Response:
    """The answer that `error` stands for, with `Retry-After` where trying again may help."""
    after_s = error.retry_after_s
    return problem_response(
        error.problem(), None if after_s is None else {"Retry-After": str(after_s)}
    )


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn whatever a handler raises into a problem document."""
    try:
        return await handler(request)
    except PixelPipeError as error:
        response = error_response(error)
    except web.HTTPException as error:
        response = http_problem(request, error)
    except Exception as error:  # noqa: BLE001 - the last stop: it is logged and answered
        if not _client_left(request, error):
            _log.exception("request failed")
        response = error_response(InternalError("PixelPipe failed; its log has the story."))
    if request.writer.output_size and request.transport is not None:
        request.transport.abort()  # half an answer is out: cut it, so that it cannot pass for whole
    if not (request.content.is_eof() or _rest_is_small(request, response)):
        response.force_close()  # the rest of the body is not wanted: no next request after it
    return response


def _rest_is_small(request: web.Request, response: web.Response) -> bool:
    """Whether to take the rest of a refused body and throw it away.

    Who is told to come back does so over the same connection then: a new one costs the server as
    much as the refusal. aiohttp reads on for two seconds, and closes the connection after that.
    """
    length = request.content_length
    if length is None or length > _SMALL_BODY_BYTES or "Expect" in request.headers:
        return False
    return response.status in _COME_BACK


def _client_left(request: web.Request, error: Exception) -> bool:
    """Whether a write failed because nobody reads any more, which is nobody's defect."""
    if request.transport is None or request.transport.is_closing():
        return True
    return isinstance(error, ConnectionError) and request.writer.output_size > 0


def http_problem(request: web.BaseRequest, error: web.HTTPException) -> web.Response:
    """Our document for what aiohttp refuses: the router, or a body or an `Expect` of any route."""
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        refusal = MethodNotAllowedError(f"{request.path} allows {allowed}, not {request.method}.")
        return problem_response(refusal.problem(), {"Allow": allowed})
    return error_response(_in_our_words(request, HTTPStatus(error.status)))


def _in_our_words(request: web.BaseRequest, status: HTTPStatus) -> PixelPipeError:
    if status is HTTPStatus.NOT_FOUND:
        return RouteNotFoundError(f"There is nothing at {request.path}.")
    if status is HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return UploadTooLargeError("The body is longer than this takes.")
    if status is HTTPStatus.EXPECTATION_FAILED:
        return ExpectationFailedError("Of expectations, only 100-continue is met.")
    return MalformedRequestError(f"The request was refused: {status.phrase}.")
