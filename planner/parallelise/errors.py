"""Schema errors in one sentence."""

from __future__ import annotations

from pydantic import ValidationError


def first_problem(where: str, problem: ValidationError) -> str:
    """The first complaint of a schema as one sentence: where, which key, what was found, what is allowed."""
    detail = problem.errors()[0]
    key = ".".join(str(part) for part in detail["loc"])
    message = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "value_error":
        return f"{where}: {message}."
    if detail["type"] == "extra_forbidden":
        return f"{where}: key '{key}' is not known."
    if detail["type"] == "missing":
        return f"{where}: key '{key}' is missing."
    return f"{where}: {key} is {detail['input']!r}; {message[0].lower() + message[1:]}."
