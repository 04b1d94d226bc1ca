"""What a value may be, once for files and for the objects made of them, and the sentence where it is something else."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import Annotated, Any, TypeGuard, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, ValidationError, create_model
from pydantic_core import PydanticCustomError, core_schema

from simulator import words
from simulator.errors import InputError
from simulator.files import is_object

MAX_DEVICES = 4096
MAX_STAGES = 64
MAX_TENSOR_DEGREE = 64
MAX_BATCH_SIZE = 64
MAX_PROFILED_BATCH = 1024
MAX_NAME = 200
MAX_SEED = 2**31 - 1
_SHOWN = 60
# Where a value stands in a document: keys and positions.
Location = tuple[Any, ...]


@dataclass(frozen=True)
class Between:
    """The range of a number in an Annotated type: from low to high, without low itself if `above`.

    A truth value, NaN and, unless high is infinite, infinity are no numbers. Numbers written as text are taken.
    """

    low: float
    high: float
    above: bool = False

    def __get_pydantic_core_schema__(self, source: type, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        # In front of the type's own schema, which knows how to write the number.
        return core_schema.no_info_before_validator_function(lambda value: self.check(value, source), handler(source))

    def check(self, value: object, kind: type) -> Any:
        """The value as int or float; raises PydanticCustomError with the rule."""
        number: Any = value
        try:
            if isinstance(value, str):
                # Python reads "1_000" as a number, files that are written for others do not mean that.
                number = float(value.replace("_", "?")) if kind is float else int(value.replace("_", "?"))
            elif not isinstance(value, bool) and hasattr(number, "item"):
                number = number.item()
            if isinstance(number, bool) or not isinstance(number, (int, float)) or not self._holds(number):
                raise ValueError
            if kind is int and number != int(number):
                raise ValueError
            return kind(number)
        except (ValueError, TypeError, OverflowError):
            raise PydanticCustomError("not_allowed", "{rule}", {"rule": f"{self.rule(kind)} is allowed"}) from None

    def rule(self, kind: type) -> str:
        """What is allowed, in words."""
        number = "a whole number" if kind is int else "a number"
        low = f"above {words.plain(self.low)}" if self.above else f"from {words.plain(self.low)}"
        if math.isinf(self.high):
            return f"{number} {low}" + ("" if self.above else " on")
        return f"{number} {low} {'and up to' if self.above else 'to'} {words.plain(self.high)}"

    def _holds(self, number: float) -> bool:
        return (self.low < number if self.above else self.low <= number) and number <= self.high


@dataclass(frozen=True)
class OneOf:
    """The words that a text may be, in an Annotated type."""

    words: tuple[str, ...]

    def __get_pydantic_core_schema__(self, source: type, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_before_validator_function(self.check, handler(source))

    def check(self, value: object) -> str:
        """The word; raises PydanticCustomError with those that are allowed."""
        if isinstance(value, str) and value in self.words:
            return value
        listed = ", ".join(map(repr, self.words[:-1])) + f" or {self.words[-1]!r}"
        raise PydanticCustomError("not_allowed", "{rule}", {"rule": f"{listed} is allowed"})


Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME)]
Label = Annotated[str, Field(max_length=MAX_NAME)]
Seed = Annotated[int, Between(0, MAX_SEED)]
DeviceCount = Annotated[int, Between(1, MAX_DEVICES)]
MemoryGib = Annotated[float, Between(0, 10_000, above=True)]
UsdPerHour = Annotated[float, Between(0, 10_000)]
Stages = Annotated[int, Between(1, MAX_STAGES)]
TensorDegree = Annotated[int, Between(1, MAX_TENSOR_DEGREE)]
BatchSize = Annotated[int, Between(1, MAX_BATCH_SIZE)]
ProfiledBatch = Annotated[int, Between(2, MAX_PROFILED_BATCH)]
# Seconds on the clock of a trace, lengths of windows, delays, latencies of stages.
Time = Annotated[float, Between(0, 1e10)]
Duration = Annotated[float, Between(0, 1e10, above=True)]
Delay = Annotated[float, Between(0, 3600)]
Overhead = Annotated[float, Between(0, 3600)]
Latency = Annotated[float, Between(0, 1e6)]
PositiveLatency = Annotated[float, Between(0, 1e6, above=True)]
WeightGib = Annotated[float, Between(0, 1e6)]
# An infinite deadline is one that is never missed.
Deadline = Annotated[float, Between(0, math.inf, above=True)]
Rate = Annotated[float, Between(0, 1e9)]
PositiveRate = Annotated[float, Between(0, 1e9, above=True)]
Scale = Annotated[float, Between(0, 1e6, above=True)]
Burstiness = Annotated[float, Between(0, 1000, above=True)]


def checked(instance: Any, where: str) -> None:
    """Check the fields of a frozen dataclass against their annotated types; numbers become plain ints and floats.

    Raises InputError `{where}.{field} is ...; ... is allowed.`
    """
    values = {field.name: getattr(instance, field.name) for field in fields(instance)}
    try:
        sound = _model_of(instance.__class__).model_validate(values)
    except ValidationError as error:
        raise InputError(first_problem(error, values, lambda key: f"{where}.{_dotted(key)}".strip("."))) from None
    for name in values:
        object.__setattr__(instance, name, getattr(sound, name))


@cache
def _model_of(kind: type) -> type[BaseModel]:
    hints = get_type_hints(kind, include_extras=True)
    shape: Any = {field.name: (hints[field.name], ...) for field in fields(kind)}
    return create_model(kind.__name__, __config__=ConfigDict(arbitrary_types_allowed=True), **shape)


def first_problem(
    error: ValidationError,
    document: object,
    subject: str | Callable[[Location], str],
    schema: type[BaseModel] | None = None,
) -> str:
    """The complaint of a schema that helps most, as one sentence: where, what was found, what is allowed.

    Args:
        error: what the schema raised.
        document: what it was given.
        subject: how a key is called, from its path; or what stands in front of `key '...'`.
        schema: whose keys are listed where one is not known.
    """
    # A misspelt key is also a missing one; the misspelling is what helps. Of what the members of a union complain
    # about, that which fitted furthest.
    details: list[Any] = sorted(error.errors(include_url=False), key=lambda e: e["type"] != "extra_forbidden")
    paths = [_path_in(document, detail["loc"], detail["type"]) for detail in details]
    path, detail = paths[0], details[0]
    for other, more in zip(paths, details, strict=True):
        if len(other) > len(path) and other[: len(path)] == path:
            path, detail = other, more
    if isinstance(subject, str):
        where = f"{subject}: key '{_dotted(path)}'" if path else f"{subject}:"
    else:
        where = subject(path)
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        known = _keys_at(schema, path[:-1]) if schema else []
        return f"{where} is not known" + (f"; {', '.join(known)} are allowed." if known else ".")
    if kind == "missing":
        return f"{where} is missing; it is needed."
    if kind == "value_error":
        return f"{where}{'' if where.endswith(':') else ':'} {str(context['error']).removesuffix('.')}."
    if kind in _LENGTHS:
        return f"{where} has {_LENGTHS[kind].format(**context)}."
    return f"{where} is {shown(detail['input'])}; {_rule(detail['msg'], kind, context)}."


_LENGTHS = {
    "string_too_long": "too many characters; at most {max_length} are allowed",
    "too_long": "{actual_length} entries; at most {max_length} are allowed",
    "too_short": "{actual_length} entries; at least {min_length} are needed",
}
_RULES = {
    "string_type": "text is allowed",
    "string_too_short": "some text is needed",
    "bool_type": "true or false is allowed",
    "bool_parsing": "true or false is allowed",
    "list_type": "a list is allowed",
    "tuple_type": "a list is allowed",
    "dict_type": "keys with values are allowed",
    "model_type": "keys with values are allowed",
    "model_attributes_type": "keys with values are allowed",
}


def _rule(message: str, kind: str, context: Mapping[str, Any]) -> str:
    if kind == "not_allowed":
        return context["rule"]
    if "expected" in context:
        return f"{context['expected']} is allowed"
    return _RULES.get(kind, message[0].lower() + message[1:])


def shown(value: Any) -> str:
    """A value in a sentence: as written in Python, cut where it is long."""
    is_long = (_is_row(value) or is_object(value)) and len(value) >= _SHOWN
    text = f"{value!r:.80}" if is_long else repr(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


def _path_in(document: Any, location: Location, kind: str) -> Location:
    """The part of an error's location that the document has; pydantic adds the names of a union's members."""
    path: list[Any] = []
    at = document
    for number, part in enumerate(location):
        if _holds(at, part):
            at = at[part]
        elif not (kind == "missing" and number == len(location) - 1):
            continue
        path.append(part)
    return tuple(path)


def _holds(value: object, part: Any) -> bool:
    if _is_row(value):
        return isinstance(part, int) and part < len(value)
    return _is_section(value) and part in value


def _is_row(value: object) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, (list, tuple))


def _is_section(value: object) -> TypeGuard[Mapping[Any, Any]]:
    return isinstance(value, Mapping)


def _keys_at(schema: type[BaseModel], path: Location) -> list[str]:
    section: type[BaseModel] | None = schema
    for part in path:
        if section is not None and part in section.model_fields:
            section = _section_of(section.model_fields[part].annotation)
    return list(section.model_fields) if section else []


def _members(annotation: Any) -> tuple[Any, ...]:
    return getattr(annotation, "__args__", ())


def _section_of(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_section_of, _members(annotation))), None)


def _dotted(path: Location) -> str:
    return ".".join(map(str, path))
