"""The history of a search as a JSON document, to replay it elsewhere or later."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from planner.search.result import Alternative, SearchResult, Step
from simulator import Group, InputError, Placement
from simulator.files import json_document, text_of
from simulator.schema import Between, Stages, TensorDegree, Time, first_problem

MAX_BYTES = 50 * 1024**2
_Share = Annotated[float, Between(0, 1)]
_Count = Annotated[int, Between(0, 1e15)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Group(_Part):
    pp: Stages
    tp: TensorDegree
    models: list[str]


class _Alternative(_Part):
    what: str
    score: _Share


class _Step(_Part):
    phase: str
    what: str
    score: _Share
    seconds: Time
    evaluations: _Count
    groups: list[_Group]
    alternatives: list[_Alternative] = []


class _History(_Part):
    algorithm: str
    score: _Share
    seconds: Time
    evaluations: _Count
    stop_reason: str
    notes: list[str] = []
    steps: Annotated[list[_Step], Field(min_length=1, max_length=100_000)]


def history_document(found: SearchResult) -> dict[str, Any]:
    """A search with all its steps; read_history reads it back. Of a schedule only the steps' placements are kept."""
    return {
        "algorithm": found.algorithm,
        "score": found.score,
        "seconds": found.seconds,
        "evaluations": found.evaluations,
        "stop_reason": found.stop_reason,
        "notes": list(found.notes),
        "steps": [
            {
                "phase": step.phase,
                "what": step.what,
                "score": step.score,
                "seconds": step.seconds,
                "evaluations": step.evaluations,
                "groups": [{"pp": g.pp, "tp": g.tp, "models": list(g.models)} for g in step.placement.groups],
                "alternatives": [asdict(alternative) for alternative in step.alternatives],
            }
            for step in found.steps
        ],
    }


def read_history(content: bytes, name: str) -> SearchResult:
    """A search from the bytes of its document; its placement is that of the last step.

    Args:
        name: of the file, for messages. Raises InputError with the key, what was found and what is allowed.
    """
    where = f"Search history '{name}'"
    document = json_document(text_of(content, where, MAX_BYTES, "JSON"), where)
    try:
        history = _History.model_validate(document)
        steps = tuple(_step(row) for row in history.steps)
    except ValidationError as error:
        raise InputError(first_problem(error, document, where, _History)) from None
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    return SearchResult(
        history.algorithm, steps[-1].placement, history.score, history.seconds, history.evaluations,
        history.stop_reason, steps, tuple(history.notes),
    )  # fmt: skip


def _step(row: _Step) -> Step:
    placement = Placement(tuple(Group(g.pp, g.tp, tuple(g.models)) for g in row.groups))
    alternatives = tuple(Alternative(a.what, a.score) for a in row.alternatives)
    return Step(row.phase, row.what, placement, row.score, row.seconds, row.evaluations, alternatives)
