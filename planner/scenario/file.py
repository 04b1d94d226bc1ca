"""Scenario files: reading YAML with one clear sentence for whatever is wrong, and writing it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from planner.scenario.schema import Scenario
from simulator import InputError

MAX_SCENARIO_BYTES = 2 * 1024**2
# The mistakes pydantic reports about a whole section rather than a key come from our own checks.
_OWN_CHECK = "value_error"
# YAML does not allow braces inside a plain word in a {...} list of keys, but `{name: ads-{i}, ...}` is what people
# write; a character that no keyboard has takes their place while YAML is parsed.
_INDEX, _STAND_IN = "{i}", "\ue000"


def load_scenario(path: str | Path) -> Scenario:
    """The scenario of a YAML file (README.md).

    Raises:
        InputError: with the file, the line, the key, what was found and what is allowed.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except IsADirectoryError:
        raise InputError(f"Scenario '{path}' is a folder; a YAML file is allowed.") from None
    except OSError as error:
        raise InputError(f"Scenario '{path}' cannot be read: {error.strerror or error}.") from None
    return parse_scenario(content, path.name).in_folder(path.resolve().parent)


def parse_scenario(content: bytes | str, name: str = "scenario") -> Scenario:
    """The scenario in some YAML; `name` is what messages call it. Raises InputError as load_scenario."""
    if len(content) > MAX_SCENARIO_BYTES:
        raise InputError(f"Scenario '{name}' has {len(content):,} bytes; at most {MAX_SCENARIO_BYTES:,} are allowed.")
    try:
        text = content.decode("utf-8-sig") if isinstance(content, bytes) else content
    except UnicodeDecodeError:
        raise InputError(f"Scenario '{name}' is not text in UTF-8; YAML is allowed.") from None
    document, lines = _parse_yaml(text.replace(_INDEX, _STAND_IN), name)
    document = _restored(document)
    if not isinstance(document, dict):
        raise InputError(f"Scenario '{name}' holds no keys; version, cluster, models and workload are needed.")
    try:
        return Scenario.model_validate(document)
    except ValidationError as error:
        # A misspelt key is also a missing one; the misspelling is what helps.
        errors = sorted(error.errors(), key=lambda e: e["type"] != "extra_forbidden")
        raise InputError(_sentence(errors[0], name, lines)) from None


def dump_scenario(scenario: Scenario) -> str:
    """The YAML of a scenario; what has its default value is left out. parse_scenario gives the same scenario."""
    document = {"version": scenario.version} | scenario.model_dump(mode="json", exclude_defaults=True)
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


def _restored(value: Any) -> Any:
    if isinstance(value, dict):
        return {_restored(key): _restored(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_restored(item) for item in value]
    return value.replace(_STAND_IN, _INDEX) if isinstance(value, str) else value


class _Dumper(yaml.SafeDumper):
    """Short lists and mappings on one line, as a person writes them."""

    def represent_sequence(self, tag, sequence, flow_style=None):
        plain = all(not isinstance(item, (dict, list)) for item in sequence)
        return super().represent_sequence(tag, sequence, flow_style=plain)

    def represent_mapping(self, tag, mapping, flow_style=None):
        plain = all(not isinstance(v, dict) and not _nested(v) for v in mapping.values())
        return super().represent_mapping(tag, mapping, flow_style=plain)


def _nested(value: object) -> bool:
    return isinstance(value, list) and any(isinstance(item, (dict, list)) for item in value)


def _parse_yaml(text: str, name: str) -> tuple[Any, dict[tuple, int]]:
    try:
        for token in yaml.scan(text, Loader=yaml.SafeLoader):
            if isinstance(token, yaml.AliasToken):
                line = token.start_mark.line + 1
                raise InputError(f"Scenario '{name}', line {line}: YAML aliases (*) are not allowed; write it out.")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        lines: dict[tuple, int] = {}
        if node is not None:
            _note_lines(node, (), lines, name)
        return yaml.safe_load(text), lines
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InputError(f"Scenario '{name}', line {line}: not valid YAML ({error.problem}).") from None
    except InputError:
        raise
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else "nested too deeply"
        raise InputError(f"Scenario '{name}' is not valid YAML ({reason}).") from None


def _note_lines(node: yaml.Node, path: tuple, lines: dict[tuple, int], name: str) -> None:
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            if key.value in seen:
                raise InputError(
                    f"Scenario '{name}', line {key.start_mark.line + 1}: key '{_dotted((*path, key.value))}' "
                    "stands there twice; once is allowed."
                )
            seen.add(key.value)
            lines[*path, key.value] = key.start_mark.line + 1
            _note_lines(value, (*path, key.value), lines, name)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _note_lines(value, (*path, index), lines, name)


def _sentence(error: dict, name: str, lines: dict[tuple, int]) -> str:
    path = tuple(part for part in error["loc"] if (*_known_prefix(error["loc"], lines), part))
    path = _known_prefix(path, lines) if error["type"] != "missing" else path
    line = lines.get(path) or lines.get(path[:-1], 1)
    where = f"Scenario '{name}', line {line}: key '{_dotted(path)}'" if path else f"Scenario '{name}':"
    if error["type"] == "extra_forbidden":
        return f"{where} is not known; {', '.join(_allowed_keys(path))} are allowed."
    if error["type"] == "missing":
        return f"{where} is missing; it is needed."
    if error["type"] == _OWN_CHECK:
        return f"{where}: {error['ctx']['error']}."
    return f"{where} is {_shown(error['input'])}; {_rule(error)}."


def _known_prefix(path: tuple, lines: dict[tuple, int]) -> tuple:
    # Pydantic adds the name of a union's member to the path; the file knows no such key.
    known: tuple = ()
    for part in path:
        if (*known, part) in lines:
            known = (*known, part)
    return known


def _allowed_keys(path: tuple) -> list[str]:
    section: type[BaseModel] | None = Scenario
    for part in path[:-1]:
        if isinstance(part, int) or section is None:
            continue
        section = _section_of(section.model_fields[part].annotation)
    return list(section.model_fields) if section else []


def _section_of(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        found = _section_of(inner)
        if found is not None:
            return found
    return None


def _rule(error: dict) -> str:
    ctx = error.get("ctx", {})
    if "expected" in ctx:
        return f"{ctx['expected']} is allowed"
    message = error["msg"].replace("Input should be", "it should be").replace("Value error, ", "")
    return message[0].lower() + message[1:]


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _dotted(path: tuple) -> str:
    return ".".join(str(part) for part in path)
