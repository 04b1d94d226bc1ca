"""Edits of the basket: each takes a scenario and gives another one."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import yaml

from app.state.answer import AnyAnswered
from app.state.compute import QUICK_ALGORITHMS
from app.state.first_scenario import group_size_name, uniform_section
from app.state.session import with_values
from planner import Problem, dump_scenario, parse_scenario
from planner.compare import placement_section
from planner.generation import search as generation
from planner.scenario.schema import PlacementSection, Scenario, SearchSection
from planner.scenario.serving_rules import name_with_rules
from planner.search import ALGORITHMS
from simulator import InputError
from simulator.schema import MAX_NAME

BY_HAND = "by hand"
SEARCH_LIMIT_S = 20.0
# What a visitor writes is the list of groups; the rest of the scenario stands around it while it is read.
_TEXT_HEAD = "placements:\n- name: placement\n  groups:\n"
_HEAD_LINES = _TEXT_HEAD.count("\n")


def kinds(generates: bool = False) -> dict[str, str]:
    """The kinds of placement one may add, each with a sentence about it; the plain ones first.

    generates: whether the scenario has models that generate, which other searches place.
    """
    by_hand = {BY_HAND: "Groups as text, beginning with the placement one looks at."}
    if generates:
        return generation.DESCRIPTIONS | by_hand
    described = {name: algorithm.description for name, algorithm in ALGORITHMS.items()}
    first = {name: described.pop(name) for name in ("alpaserve", "uniform", "selective_replication", "dedicated")}
    return first | by_hand | described


def kind_title(kind: str, generates: bool = False) -> str:
    """What a kind is called."""
    if kind == BY_HAND:
        return "By hand"
    return generation.TITLES[kind] if generates else ALGORITHMS[kind].title


def is_uniform(section: PlacementSection) -> bool:
    """Whether the placement has one group size for all that may be chosen."""
    algorithm = ALGORITHMS.get(section.searched.algorithm)
    names = {option.name for option in algorithm.options} if algorithm else set()
    return {"pp", "tp"} <= names


def group_sizes(problem: Problem) -> dict[tuple[int, int], int]:
    """The (pp, tp) that fit the cluster, smallest first, and how many of the models each can hold."""
    held: Counter[tuple[int, int]] = Counter()
    for model in problem.models:
        for size, entry in model.profile.entries.items():
            if entry.devices <= problem.cluster.devices and entry.max_weight_gib <= problem.cluster.memory_gib:
                held[size] += 1
    return {size: held[size] for size in sorted(held, key=lambda size: (size[0] * size[1], -size[0]))}


def added(scenario: Scenario, kind: str, problem: Problem | None, start: AnyAnswered | None) -> Scenario:
    """One placement more, with a name of its own; by hand it begins as `start`."""
    if kind == BY_HAND:
        if start is None:
            raise InputError("A placement by hand begins with another one; add one of another kind first.")
        section = placement_section(start.outcome.placement).model_copy(
            update={"name": f"{start.section.name}, by hand"}
        )
    elif kind == "uniform":
        section = uniform_section(*_unused_size(scenario, problem))
    else:
        limit = {} if kind in QUICK_ALGORITHMS else {"time_limit_s": SEARCH_LIMIT_S}
        section = PlacementSection(
            name=kind_title(kind, scenario.generates), search=SearchSection.model_validate({"algorithm": kind, **limit})
        )
    return added_section(scenario, section)


def added_section(scenario: Scenario, section: PlacementSection) -> Scenario:
    """This placement more, with a number behind its name where that is taken."""
    named = section.model_copy(update={"name": _free_name(section.name, scenario)})
    return _with_sections(scenario, [*scenario.placements, named])


def removed(scenario: Scenario, index: int) -> Scenario:
    """One placement less."""
    return _with_sections(scenario, [s for i, s in enumerate(scenario.placements) if i != index])


def with_name(scenario: Scenario, index: int, name: str) -> Scenario:
    """A placement called otherwise."""
    return _with_one(scenario, index, name=name.strip())


def with_rule(scenario: Scenario, index: int, rule: str, value: Any) -> Scenario:
    """A placement with a serving rule of its own; None takes that of all. A name that says the rules follows them."""
    section = scenario.placements[index]
    changed = section.model_copy(update={rule: value})
    name = name_with_rules(section.name, section.serving_rules, changed.serving_rules)
    if len(name) > MAX_NAME:
        name = section.name
    if name != section.name:
        others = [s for i, s in enumerate(scenario.placements) if i != index]
        name = _free_name(name, scenario.model_copy(update={"placements": others}))
    return _with_one(scenario, index, name=name, **{rule: value})


def with_option(scenario: Scenario, index: int, name: str, value: Any) -> Scenario:
    """A search with an option changed; None takes it out."""
    search = scenario.placements[index].searched.model_dump() | {name: value}
    return _with_one(scenario, index, search={k: v for k, v in search.items() if v is not None})


def with_group_size(scenario: Scenario, index: int, size: tuple[int, int] | None) -> Scenario:
    """Another group size for all; a placement that is called after its size gets the new name."""
    section = scenario.placements[index]
    given = section.searched.options
    sized = {"pp": size[0], "tp": size[1]} if size else {}
    kept = {k: v for k, v in section.searched.model_dump(exclude_none=True).items() if k not in ("pp", "tp")}
    name = section.name
    if size and name == group_size_name(given.get("pp", 4), given.get("tp", 1)):
        others = [s for i, s in enumerate(scenario.placements) if i != index]
        name = _free_name(group_size_name(*size), scenario.model_copy(update={"placements": others}))
    return _with_one(scenario, index, search=kept | sized, name=name)


def groups_text(section: PlacementSection) -> str:
    """The groups of a placement as YAML, one line a group."""
    in_one_line = {"default_flow_style": True, "sort_keys": False, "width": 10**9}
    return "".join("- " + yaml.safe_dump(group.model_dump(), **in_one_line) for group in section.groups or [])


def with_groups_text(scenario: Scenario, index: int, text: str) -> Scenario:
    """A placement by hand from YAML; raises InputError that names the line of the text."""
    name = scenario.placements[index].name
    lines = "".join(f"  {line}\n" for line in text.splitlines())
    rest = dump_scenario(scenario.model_copy(update={"placements": []}))
    try:
        parsed = parse_scenario(_TEXT_HEAD + (lines if text.strip() else "  []\n") + rest, "placement")
    except InputError as error:
        last = max(len(text.splitlines()), 1)
        sentence = re.sub(r"line (\d+)", lambda found: f"line {min(int(found[1]) - _HEAD_LINES, last)}", str(error))
        sentence = sentence.replace("Scenario 'placement'", f"Placement '{name}'").replace("placements.0.", "")
        raise InputError(sentence) from None
    return _with_one(scenario, index, groups=parsed.placements[0].groups)


def _unused_size(scenario: Scenario, problem: Problem | None) -> tuple[int, int]:
    used = {
        (s.search.options.get("pp"), s.search.options.get("tp"))
        for s in scenario.placements
        if s.search is not None and s.search.algorithm == "uniform"
    }
    sizes = group_sizes(problem) if problem is not None else {}
    free = [size for size in sizes if size not in used and size[1] == 1 and size[0] > 1]
    return next((size for size in free if size[0] == 4), free[0] if free else (4, 1))


def _free_name(name: str, scenario: Scenario) -> str:
    taken = {section.name for section in scenario.placements}
    names = [name, *(f"{name} ({i})" for i in range(2, len(taken) + 3))]
    return next(candidate for candidate in names if candidate not in taken)


def _with_one(scenario: Scenario, index: int, **values: Any) -> Scenario:
    document = scenario.placements[index].model_dump() | values
    sections = [document if i == index else s.model_dump() for i, s in enumerate(scenario.placements)]
    return with_values(scenario, "", placements=sections)


def _with_sections(scenario: Scenario, sections: list[PlacementSection]) -> Scenario:
    return with_values(scenario, "", placements=[section.model_dump() for section in sections])
