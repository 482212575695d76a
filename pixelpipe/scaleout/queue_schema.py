"""The JSON schema of the queue's jobs, for programs of any language.

python -m pixelpipe.scaleout.queue_schema > pixelpipe-queue.schema.json
"""

import json
import sys
from typing import Any

from pydantic.json_schema import models_json_schema

from pixelpipe.scaleout.queue_format import (
    IMAGE,
    VERSION,
    ImageRequest,
    JobResult,
    VariantProgress,
)


def queue_schema() -> dict[str, Any]:
    """A schema (draft 2020-12) of a job: its name, data, progress and return value."""
    _, schema = models_json_schema(
        [
            (ImageRequest, "validation"),
            (VariantProgress, "serialization"),
            (JobResult, "serialization"),
        ],
        title=f"A job named {IMAGE} in PixelPipe's queue, version {VERSION}",
    )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "type": "object",
        "properties": {
            "name": {"const": IMAGE},
            "data": {"$ref": "#/$defs/ImageRequest"},
            "progress": {"anyOf": [{"$ref": "#/$defs/VariantProgress"}, {"const": 0}]},
            "returnvalue": {"anyOf": [{"$ref": "#/$defs/JobResult"}, {"type": "null"}]},
        },
        "required": ["name", "data"],
    }


def main() -> None:
    """Print it."""
    sys.stdout.write(json.dumps(queue_schema(), indent=2) + "\n")


if __name__ == "__main__":
    main()
