"""A scenario goes in, a comparison of placements comes out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import chain
from typing import Protocol, Self, TypeVar

from planner.rules import rule_notices
from planner.scenario.inputs import Inputs, build_inputs
from planner.scenario.schema import EpochSection, GroupSection, PlacementSection, Scenario
from planner.search import LOST, NoPlacement, SearchResult, configure, search
from planner.spans import node_notices
from planner.targets import misses_in_words, targets_missed
from simulator import (
    Cancelled,
    Figures,
    Group,
    InputError,
    Placement,
    Schedule,
    SimulationResult,
    measure,
    simulate,
)
from simulator.headway import OnProgress
from simulator.preparation import preparation_for


class _Ruled(Protocol):
    def under(self, section: PlacementSection) -> Self: ...


# Inputs, placements and outcomes, of models with fixed latencies or of those that generate.
Built = TypeVar("Built", bound=_Ruled)
Placed = TypeVar("Placed")
Outcome = TypeVar("Outcome")


@dataclass(frozen=True)
class Missing:
    """A placement without figures, and the sentence that says why."""

    name: str
    reason: str


@dataclass(frozen=True, eq=False)
class MeasuredPlacement:
    """One placement of a scenario and its figures; what a sweep keeps, whose requests would fill the memory.

    Attributes:
        name: of the placement.
        placement: by hand, or as found.
        search: how it was found; None for placements by hand.
        figures: its figures, without the warm-up.
    """

    name: str
    placement: Placement | Schedule
    search: SearchResult | None
    figures: Figures

    @property
    def slo_attainment(self) -> float:
        """Share of the requests that meet their deadline; NaN without requests."""
        return self.figures.total.slo_attainment

    @property
    def remark(self) -> str | None:
        """Why the figures are not those of a finished plan, a sentence; None if they are."""
        if self.search is None:
            return None
        said = [said] if (said := cut_short(self.search)) else []
        if self.search.partial is not None:
            said.append(self.search.partial)
        return " ".join(said) or None


@dataclass(frozen=True, eq=False)
class PlacementOutcome(MeasuredPlacement):
    """One placement of a scenario, simulated; `result` is the fate of every request."""

    result: SimulationResult

    @property
    def without_requests(self) -> MeasuredPlacement:
        """Its figures only."""
        return MeasuredPlacement(self.name, self.placement, self.search, self.figures)


def attained(outcome: MeasuredPlacement) -> float:
    """SLO attainment for ranking: below everything where no request counts."""
    attainment = outcome.figures.total.slo_attainment
    return -1.0 if math.isnan(attainment) else attainment


@dataclass(frozen=True, eq=False)
class Comparison:
    """The placements of a scenario on the same requests, in the scenario's order.

    `complete` is False where the work was stopped; `outcomes` then holds what was done by then. `missing` names the
    placements without figures, with the reasons.
    """

    scenario: Scenario
    inputs: Inputs
    outcomes: tuple[PlacementOutcome, ...]
    complete: bool = True
    missing: tuple[Missing, ...] = ()

    @property
    def results(self) -> tuple[SimulationResult, ...]:
        """One simulation result a placement."""
        return tuple(outcome.result for outcome in self.outcomes)

    @property
    def notices(self) -> tuple[str, ...]:
        """Sentences about what went in, and about the placements."""
        return self.inputs.notices + self.placement_notices

    @property
    def placement_notices(self) -> tuple[str, ...]:
        """Sentences about rules that placements break, and about what the simulation leaves out of them."""
        problem = self.inputs.problem
        placements = [outcome.placement for outcome in self.outcomes]
        broken = [rule_notices(placement, problem.cluster, problem.rules) for placement in placements]
        over_nodes = [node_notices(placement, problem.cluster) for placement in placements]
        return tuple(chain.from_iterable(broken + over_nodes))

    @property
    def target_notices(self) -> tuple[tuple[str, str], ...]:
        """By name of a placement with which models miss their own targets, a sentence that names them."""
        missed = [(o.name, misses_in_words(targets_missed(o.figures, self.inputs.targets))) for o in self.outcomes]
        return tuple((name, sentence) for name, sentence in missed if sentence is not None)

    def to_json(self) -> dict:
        """The document that `simulate --json` prints (README.md)."""
        return self.document(outcome_json)

    def document(self, outcome_document: Callable[[PlacementOutcome], dict]) -> dict:
        """One entry a placement in the scenario's order; one without figures has null and the reason."""
        rules = {section.name: section.serving_rules for section in self.scenario.placements if section.serving_rules}
        own = {name: {"serving": of} for name, of in rules.items()}
        entries = {o.name: outcome_document(o) | self._targets_json(o) | own.get(o.name, {}) for o in self.outcomes}
        entries |= {m.name: {"name": m.name, "slo_attainment": None, "reason": m.reason} for m in self.missing}
        order = {section.name: place for place, section in enumerate(self.scenario.placements)}
        placements = [entries[name] for name in sorted(entries, key=lambda name: order.get(name, len(order)))]
        return {
            "scenario": self.scenario.name,
            "complete": self.complete,
            "notices": list(self.notices),
            "placements": placements,
        }

    def _targets_json(self, outcome: PlacementOutcome) -> dict:
        """Who misses a target of its own; nothing where no model has one."""
        targets = self.inputs.targets
        return (
            {"targets_missed": [asdict(miss) for miss in targets_missed(outcome.figures, targets)]} if targets else {}
        )


def compare(
    scenario: Scenario,
    on_progress: OnProgress | None = None,
    only: str | None = None,
    inputs: Inputs | None = None,
    executor: Executor | None = None,
) -> Comparison:
    """Find, simulate and measure every placement of a scenario.

    Args:
        scenario: from load_scenario.
        on_progress: called during the work on each placement; returning False stops. A search that is stopped still
            gives its best so far, simulated; placements after it are left out.
        only: the name of the one placement to do.
        inputs: the scenario already built, if at hand. executor: where searches work, see `search`.

    Raises:
        InputError: the scenario cannot be built, a placement does not fit, or there is none.
    """
    sections = scenario.placements
    if only is not None:
        sections = [section for section in sections if section.name == only]
        if not sections:
            names = ", ".join(p.name for p in scenario.placements) or "none"
            raise InputError(f"The scenario has no placement '{only}'; it has {names}.")
    if not sections:
        raise InputError("The scenario has no placements; list at least one under the key placements.")
    inputs = inputs or build_inputs(scenario)
    placed = partial(place, executor=executor)
    outcomes, missing, stopped = answer_each(sections, placed, evaluate, inputs, on_progress)
    return Comparison(scenario, inputs, tuple(outcomes), not stopped, tuple(missing))


def answer_each(
    sections: Sequence[PlacementSection],
    place: Callable[[PlacementSection, Built, OnProgress | None], tuple[Placed, SearchResult | None]],
    evaluate: Callable[[Placed, SearchResult | None, Built, OnProgress | None], Outcome],
    inputs: Built,
    on_progress: OnProgress | None,
) -> tuple[list[Outcome], list[Missing], bool]:
    """Place and evaluate one section after the other: outcomes, what is missing and why, and whether it was stopped."""
    outcomes: list[Outcome] = []
    missing: list[Missing] = []
    stopped = False
    for section in sections:
        if stopped:
            missing.append(Missing(section.name, "The work was stopped before this placement was begun."))
            continue
        ruled = inputs.under(section)
        try:
            placement, found = place(section, ruled, on_progress)
            stopped = found is not None and found.stop_reason == "cancelled"
            outcomes.append(evaluate(placement, found, ruled, None if stopped else on_progress))
        except NoPlacement as nothing:
            missing.append(Missing(section.name, str(nothing)))
            stopped = nothing.stop_reason == "cancelled"
        except Cancelled:
            missing.append(Missing(section.name, "The work was stopped before this placement was simulated."))
            stopped = True
    return outcomes, missing, stopped


def place(
    section: PlacementSection,
    inputs: Inputs,
    on_progress: OnProgress | None = None,
    start: Placement | None = None,
    executor: Executor | None = None,
) -> tuple[Placement | Schedule, SearchResult | None]:
    """The placement of a section: as given, after checking that it fits, or as found by its search.

    `inputs`: under the rules of the section (`Inputs.under`), as for `evaluate`. `start`, `executor`: where a search
    begins, and where it works, see `search`. Raises InputError if it does not fit or the search cannot begin,
    NoPlacement if the search ended with nothing in hand. Otherwise a search that is stopped gives its best so far.
    """
    problem = inputs.problem
    if section.search is None:
        placement = _by_hand(section)
        placement.check(problem.models, problem.cluster)
        return placement, None
    wanted = section.search
    configure(wanted.algorithm, wanted.options)
    found = search(
        problem,
        wanted.algorithm,
        seed=wanted.seed,
        time_limit_s=wanted.time_limit_s,
        on_progress=named(section.name, on_progress),
        start=start,
        executor=executor,
        **({} if wanted.max_evaluations is None else {"max_evaluations": wanted.max_evaluations}),
        **wanted.options,
    )
    return replace(found.placement, name=section.name), found


def evaluate(
    placement: Placement | Schedule,
    found: SearchResult | None,
    inputs: Inputs,
    on_progress: OnProgress | None = None,
) -> PlacementOutcome:
    """Simulate and measure a placement. Raises Cancelled if `on_progress` returned False."""
    problem, name = inputs.problem, placement.name
    report = named(name, on_progress)
    preparation_for(problem.serving).wait(report)
    result = simulate(problem.models, placement, problem.workload, problem.serving, report)
    return PlacementOutcome(name, placement, found, measure(result, inputs.warmup_s), result)


def named(name: str, on_progress: OnProgress | None) -> OnProgress | None:
    """Tells what the work on one placement tells, with the placement's name."""
    if on_progress is None:
        return None
    return lambda headway: on_progress(replace(headway, name=name, phase=headway.phase or "simulating"))


def outcome_json(outcome: MeasuredPlacement) -> dict:
    """One placement's figures; for a searched one also how it was found."""
    document = outcome.figures.to_json()
    if outcome.remark is not None:
        document["remark"] = outcome.remark
    if outcome.search is not None:
        document["search"] = search_json(outcome.search)
    return document


def cut_short(found: SearchResult | None) -> str | None:
    """That a search was ended before its own end by Stop, or with its cluster, a sentence; None where it was not."""
    why = {"cancelled": "was stopped", LOST: "lost its cluster"}.get(found.stop_reason) if found is not None else None
    return f"Its search {why}; this is the best it had found by then." if why else None


def search_json(found: SearchResult) -> dict:
    """What a search took, why it stopped, and how much better is possible at most."""
    document = {
        "algorithm": found.algorithm,
        "seconds": found.seconds,
        "evaluations": found.evaluations,
        "stop_reason": found.stop_reason,
        "notes": list(found.notes),
        "partial": found.partial is not None,
    }
    if found.bound is not None:
        document |= {"bound": found.bound.attainment, "bound_reason": found.bound.reason}
    if found.held_out is not None:
        held_out = asdict(found.held_out)
        half_width = held_out["half_width"]
        document["held_out"] = held_out | {"half_width": None if math.isnan(half_width) else half_width}
    return document


def filled(section: PlacementSection, placement: Placement | Schedule) -> PlacementSection:
    """A section with its search filled in as found; name and serving rules stay."""
    return placement_section(placement).model_copy(update={"name": section.name, **section.serving_rules})


def placement_section(placement: Placement | Schedule) -> PlacementSection:
    """A placement as a section of a scenario, filled in."""
    if isinstance(placement, Schedule):
        epochs = [EpochSection(start_s=start_s, groups=_groups(p)) for start_s, p in placement.epochs]
        return PlacementSection(name=placement.name, schedule=epochs)
    return PlacementSection(name=placement.name, groups=_groups(placement))


def _groups(placement: Placement) -> list[GroupSection]:
    return [GroupSection(pp=g.pp, tp=g.tp, models=list(g.models), role=g.role) for g in placement.groups]


def _by_hand(section: PlacementSection) -> Placement | Schedule:
    def built(groups: list[GroupSection]) -> Placement:
        if role := next((group.role for group in groups if group.role), None):
            raise InputError(f"a group has the role {role}; roles are of groups of models that generate.")
        return Placement(tuple(Group(g.pp, g.tp, tuple(g.models)) for g in groups), section.name)

    try:
        if section.schedule is not None:
            return Schedule(tuple((e.start_s, built(e.groups)) for e in section.schedule), section.name)
        return built(section.groups or [])
    except InputError as error:
        raise InputError(f"Placement '{section.name}': {error}") from None
