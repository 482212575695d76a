"""`POST /api/transform`: one picture in, one picture out, nothing stored."""

from aiohttp import web

from pixelpipe.config import Settings
from pixelpipe.errors import MalformedRequestError
from pixelpipe.formats.registry import FORMATS
from pixelpipe.jobs.submission import Rendered, Sender, Submission
from pixelpipe.recipes.spec import Spec
from pixelpipe.recipes.spec_fields import AUTO
from pixelpipe.server.context import OUTGOING, RUNTIME
from pixelpipe.server.fields import json_field
from pixelpipe.server.marks import MARK, marked
from pixelpipe.server.names import content_disposition, variant_file_name
from pixelpipe.server.outgoing import send_bytes
from pixelpipe.server.preferences import accept_of, accepted_formats, best_format
from pixelpipe.server.single import PLACES, flat_spec, pointing, spec_at
from pixelpipe.server.submissions import caller_of
from pixelpipe.server.upload import received

_NAME = "transform"


async def transform(request: web.Request) -> web.StreamResponse:
    """Answer with the picture that the spec asks for."""
    runtime = request.app[RUNTIME]
    caller = caller_of(request)
    sender = Sender(tenant=caller.tenant, client=caller.client)
    async with received(request, ("spec", MARK, *PLACES), sender, stored=False) as body:
        asked = _spec(body.fields, runtime.settings)
        accept = accept_of(request)
        spec, accepted = _of_one_format(asked, accept), accepted_formats(accept)
        submission = Submission(
            body.upload, body.name, (spec,), body.receive_ms, caller, accepted=accepted
        )
        with pointing("spec" if "spec" in body.fields else None):
            rendered = await runtime.service.transform(submission)
    with request.app[OUTGOING].room(caller.client, len(rendered.content)):
        headers = _headers(rendered, body.name)
        if asked.format == AUTO or asked.formats:
            headers["Vary"] = "Accept"
        return await send_bytes(request, rendered.content, headers)


def _spec(fields: dict[str, str], settings: Settings) -> Spec:
    """The one spec, from the field `spec` or from flat fields."""
    if "spec" not in fields:
        base = {"name": _NAME, "watermark": {"image": fields[MARK]}} if MARK in fields else {}
        return flat_spec({"name": _NAME, **base}, fields, settings)
    if flat := sorted(PLACES.keys() & fields.keys()):
        raise MalformedRequestError(
            f"Give either 'spec' or single fields, not both; there is also {', '.join(flat)}."
        )
    raw = marked(json_field(fields, "spec"), fields)
    if isinstance(raw, dict):
        raw = {"name": _NAME, **raw}
    return spec_at("spec", raw, settings)


def _of_one_format(spec: Spec, accept: str) -> Spec:
    """Of several formats the one that the client likes best."""
    if spec.formats is None:
        return spec
    chosen = best_format(accept, spec.formats)
    return spec.model_copy(update={"format": chosen, "formats": None})


def _headers(rendered: Rendered, source: str) -> dict[str, str]:
    info = FORMATS[rendered.facts.format]
    file_name = variant_file_name(source, _NAME, info.extension)
    timings = (f"{stage};dur={ms:.3f}" for stage, ms in rendered.timings_ms.items())
    return {
        "Content-Type": info.media_type,
        "Content-Disposition": content_disposition("inline", file_name),
        "ETag": f'"{rendered.sha256}"',
        "Server-Timing": ", ".join(timings),
        "Cache-Status": "PixelPipe; hit" if rendered.shared else "PixelPipe; fwd=miss",
    }
