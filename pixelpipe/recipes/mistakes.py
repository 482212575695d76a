"""What pydantic found wrong, in plain words that name what is allowed."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from pixelpipe.errors import InvalidSpecError

Path = tuple[str | int, ...]
Schema = Mapping[str, Any]

_RULE = "rule"
_SHOWN_CHARS = 60
_TYPE_WORDS = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
}


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong.

    Attributes:
        path: Keys and indexes that lead to it from the top of the document.
        detail: What was wrong and what is allowed, to be read after the path.
    """

    path: Path
    detail: str

    @property
    def pointer(self) -> str:
        """The path as a JSON pointer (RFC 6901 section 3)."""
        escaped = (str(part).replace("~", "~0").replace("/", "~1") for part in self.path)
        return _encodable("".join("/" + part for part in escaped))


def rule(detail: str) -> PydanticCustomError:
    """An error for a validator to raise, whose words reach the client as they are."""
    return PydanticCustomError(_RULE, "{detail}", {"detail": detail})


def invalid_spec(mistakes: Sequence[Mistake]) -> InvalidSpecError:
    """The problem that lists all of `mistakes`, at least one."""
    first, more = mistakes[0], len(mistakes) - 1
    others = f" ({more} more in `errors`)" if more else ""
    return InvalidSpecError(
        f"{_cut(first.pointer) or 'The request'} {first.detail}{others}.",
        errors=[{"pointer": m.pointer, "detail": m.detail} for m in mistakes],
    )


class Explainer:
    """Words the mistakes in documents of one model by that model's own JSON schema.

    Args:
        model: What the documents should be.
        maxima: Upper limits of whole numbers that the model leaves open, by field name.
    """

    def __init__(self, model: type[BaseModel], maxima: Mapping[str, int]) -> None:
        self._schema = _schema_of(model)
        self._maxima = maxima

    def mistakes(self, error: ValidationError, at: Path) -> list[Mistake]:
        """Everything that `error` holds, for a document that stands at the path `at`."""
        return [self.mistake(details, at) for details in error.errors(include_url=False)]

    def mistake(self, error: ErrorDetails, at: Path) -> Mistake:
        """One of pydantic's errors; its `loc` has the names of fields, not their aliases."""
        unknown = error["type"] == "extra_forbidden"
        schemas: list[Schema] = [self._schema]
        known: list[str] = []
        path: list[str | int] = []
        for part in error["loc"]:
            found = list(self._children(schemas, part))
            if not found and not (unknown and part == error["loc"][-1]):
                continue  # pydantic's name for one branch of a union, no part of the document
            known = [name for s in schemas for o in self._options(s) for name in _fields(o)]
            schemas = found
            path.append(part)
        if unknown:
            detail = f"is not a known field; known here: {', '.join(known)}"
        else:
            allowed = " or ".join(self._allowed(schema, path) for schema in schemas)
            detail = _detail(error, allowed)
        return Mistake((*at, *path), detail)

    def _children(self, schemas: list[Schema], part: str | int) -> Iterator[Schema]:
        for option in (option for schema in schemas for option in self._options(schema)):
            if isinstance(part, int) and "items" in option:
                yield option["items"]
            elif part in option.get("properties", {}):
                yield option["properties"][part]
            elif isinstance(option.get("additionalProperties"), dict):
                yield option["additionalProperties"]

    def _options(self, schema: Schema) -> Iterator[Schema]:
        """Every alternative that the schema leaves but null, references followed."""
        if "$ref" in schema:
            yield from self._options(self._schema["$defs"][schema["$ref"].rpartition("/")[2]])
        elif "anyOf" in schema or "oneOf" in schema:
            for option in schema.get("anyOf") or schema["oneOf"]:
                yield from self._options(option)
        elif schema.get("type") != "null":
            yield schema

    def _allowed(self, schema: Schema, path: Sequence[str | int]) -> str:
        field = str(path[-1]) if path else ""
        return " or ".join(self._words(option, field) for option in self._options(schema))

    def _words(self, schema: Schema, field: str) -> str:
        match schema:
            case {"enum": values}:
                return f"one of {', '.join(map(str, values))}"
            case {"type": "object"}:
                return f"an object with {', '.join(_fields(schema)) or 'entries'}"
            case {"type": "string", "description": words}:
                return str(words)
            case {"type": kind}:
                return _TYPE_WORDS[kind] + self._range(schema, field)
        raise AssertionError(f"a schema that has no words: {schema}")

    def _range(self, schema: Schema, field: str) -> str:
        low, high = schema.get("minimum"), schema.get("maximum", self._maxima.get(field))
        if low is None and "exclusiveMinimum" in schema:
            above = f" above {schema['exclusiveMinimum']}"
            return above if high is None else f"{above}, up to {high}"
        if low is None:
            return ""
        return f" of at least {low}" if high is None else f" from {low} to {high}"


@cache
def _schema_of(model: type[BaseModel]) -> Schema:
    return model.model_json_schema(by_alias=False)


def _detail(error: ErrorDetails, allowed: str) -> str:
    if error["type"] == _RULE:
        return error["msg"]
    if error["type"] == "missing":
        return f"is missing; it must be {allowed}"
    return f"must be {allowed}, not {_shown(error['input'])}"


def _fields(schema: Schema) -> list[str]:
    return list(schema.get("properties", ()))


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    return _cut(_encodable(json.dumps(value, default=str, ensure_ascii=False)))


def _encodable(text: str) -> str:
    """`text` with lone surrogates, which JSON can spell and UTF-8 cannot, replaced."""
    return text.encode(errors="replace").decode()


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARS else text[:_SHOWN_CHARS] + "…"
