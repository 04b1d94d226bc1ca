"""YAML as scenarios are written in it: plain data, each key once, shallow, small, and the line of every key.

The words are those of YAML 1.2's core schema: `no`, `1:30` and `2024-01-01` are text, `1e3` and `010` are the numbers
1000 and 10 (in YAML 1.1 they would be false, 90, a date, text and 8).
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from simulator import InputError, words

MAX_DEPTH = 20
MAX_NODES = 200_000
# YAML does not allow braces inside a plain word in a {...} list of keys, but `{name: ads-{i}, ...}` is what people
# write; a character that no keyboard has takes their place while YAML is parsed.
_INDEX, _STAND_IN = "{i}", "\ue000"
_CORE = {
    "null": (r"null|Null|NULL|~|", ["n", "N", "~", ""]),
    "bool": (r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    "int": (r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    "float": (
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
}
_TAG = "tag:yaml.org,2002:"
_PREFIX_BASES = {"0o": 8, "0x": 16}


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # pyright: ignore[reportGeneralTypeIssues] (one of two classes)
    yaml_implicit_resolvers: dict = {}


class _Dumper(yaml.SafeDumper):
    """Short lists and mappings on one line, as a person writes them; what YAML 1.1 or 1.2 would misread in quotes."""

    def represent_sequence(self, tag, sequence, flow_style=None):
        plain = all(not isinstance(item, (dict, list)) for item in sequence)
        return super().represent_sequence(tag, sequence, flow_style=plain)

    def represent_mapping(self, tag, mapping: Any, flow_style=None):
        plain = all(not isinstance(v, dict) and not _is_nested(v) for v in mapping.values())
        return super().represent_mapping(tag, mapping, flow_style=plain)


for _name, (_pattern, _first) in _CORE.items():
    for _class in (_Loader, _Dumper):
        _class.add_implicit_resolver(_TAG + _name, re.compile(f"(?:{_pattern})$"), _first)


def dump_yaml(document: dict) -> str:
    """The YAML of some plain data; parse_yaml gives the same data."""
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


def parse_yaml(text: str, where: str) -> tuple[Any, dict[tuple, int]]:
    """The data in some YAML, and the line of every key and item by its path.

    Raises InputError beginning with `where`: not YAML, nested more than MAX_DEPTH deep, more than MAX_NODES values,
    an alias, a tag, or a key that stands twice.
    """
    text = text.replace(_INDEX, _STAND_IN)
    try:
        _check_size(text, where)
        node = yaml.compose(text, Loader=_Loader)
        lines: dict[tuple, int] = {}
        return (None if node is None else _data(node, (), lines, where)), lines
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InputError(f"{where}, line {line}: not valid YAML ({_restored(error.problem or '')}).") from None
    except yaml.YAMLError as error:
        raise InputError(f"{where} is not valid YAML ({(str(error).splitlines() or ['?'])[0]}).") from None


def _check_size(text: str, where: str) -> None:
    # Event by event: nothing is built of text that is too much of anything.
    depth = nodes = 0
    for event in yaml.parse(text, Loader=_Loader):
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent):
            raise InputError(f"{where}, line {line}: YAML aliases (*) are not allowed; write it out.")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        nodes += isinstance(event, yaml.NodeEvent)
        if depth > MAX_DEPTH:
            raise InputError(f"{where}, line {line}: nested more than {MAX_DEPTH} deep, the most that is allowed.")
        if nodes > MAX_NODES:
            raise InputError(
                f"{where}, line {line}: more than {words.count(MAX_NODES)} values, the most that are allowed."
            )


def _data(node: yaml.Node, path: tuple, lines: dict[tuple, int], where: str) -> Any:
    line = node.start_mark.line + 1
    lines.setdefault(path, line)
    kind = node.tag.removeprefix(_TAG)
    if isinstance(node, yaml.SequenceNode) and kind == "seq":
        return [_data(item, (*path, number), lines, where) for number, item in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode) and kind == "map":
        return _mapping(node, path, lines, where)
    if isinstance(node, yaml.ScalarNode) and kind in (*_CORE, "str"):
        try:
            return _scalar(kind, _restored(node.value))
        except ValueError:
            raise InputError(f"{where}, line {line}: {node.value[:20]}... has too many digits.") from None
    raise InputError(f"{where}, line {line}: the tag {node.tag.replace(_TAG, '!!')} is not allowed; plain YAML is.")


def _mapping(node: yaml.MappingNode, path: tuple, lines: dict[tuple, int], where: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key_node, value in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            raise InputError(f"{where}, line {line}: a key is a list or has keys itself; a word is allowed.")
        key = _restored(key_node.value)
        if key in found:
            dotted = ".".join(map(str, (*path, key)))
            raise InputError(f"{where}, line {line}: key '{dotted:.80}' stands there twice; once is allowed.")
        lines[*path, key] = line
        found[key] = _data(value, (*path, key), lines, where)
    return found


def _scalar(kind: str, text: str) -> Any:
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() == "true"
    if kind == "int":
        return int(text[2:], _PREFIX_BASES[text[:2]]) if text[:2] in _PREFIX_BASES else int(text)
    if kind == "float":
        return float(text.replace(".inf", "inf").replace(".Inf", "inf").replace(".INF", "inf").replace(".n", "n")
                     .replace(".N", "n"))  # fmt: skip
    return text


def _restored(text: str) -> str:
    return text.replace(_STAND_IN, _INDEX)


def _is_nested(value: object) -> bool:
    return isinstance(value, list) and any(isinstance(item, (dict, list)) for item in value)
