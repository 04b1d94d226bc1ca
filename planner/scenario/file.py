"""Scenario files: reading YAML with one clear sentence for whatever is wrong, and writing it."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from planner.scenario.schema import Scenario
from planner.scenario.yaml_text import dump_yaml, parse_yaml
from simulator import InputError
from simulator.files import read_small, text_of
from simulator.schema import first_problem

MAX_SCENARIO_BYTES = 2 * 1024**2


def load_scenario(path: str | Path) -> Scenario:
    """The scenario of a YAML file (README.md).

    Raises:
        InputError: with the file, the line, the key, what was found and what is allowed.
    """
    path = Path(path)
    content = read_small(path, f"Scenario '{path}'", MAX_SCENARIO_BYTES)
    return parse_scenario(content, path.name).in_folder(path.absolute().parent)


def parse_scenario(content: bytes | str, name: str = "scenario") -> Scenario:
    """The scenario in some YAML; `name` is what messages call it. Raises InputError as load_scenario."""
    where = f"Scenario '{name}'"
    content = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    document, lines = parse_yaml(text_of(content, where, MAX_SCENARIO_BYTES, "YAML"), where)
    if not isinstance(document, dict):
        raise InputError(f"{where} holds no keys; version, cluster, models and workload are needed.")
    try:
        return Scenario.model_validate(document)
    except ValidationError as error:

        def subject(path: tuple) -> str:
            line = lines.get(path) or lines.get(path[:-1], 1)
            return f"{where}, line {line}: key '{'.'.join(map(str, path))}'" if path else f"{where}:"

        raise InputError(first_problem(error, document, subject, Scenario)) from None


def dump_scenario(scenario: Scenario) -> str:
    """The YAML of a scenario; what has its default value is left out. parse_scenario gives the same scenario."""
    return dump_yaml({"version": scenario.version} | scenario.model_dump(mode="json", exclude_defaults=True))
