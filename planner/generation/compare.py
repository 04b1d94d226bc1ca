"""A scenario with generating models goes in, a comparison of placements comes out."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from planner.compare import Missing, answer_each, cut_short, named, search_json
from planner.executors.cluster import Machines
from planner.generation.figures import PlacementFigures, simulate_placement
from planner.generation.inputs import TokenInputs, build_token_inputs
from planner.generation.known_errors import NOT_MODELLED, NOT_VALIDATED
from planner.generation.problem import check_roles
from planner.generation.search import begin_here, search_engines
from planner.scenario.schema import PlacementSection, Scenario
from planner.search import SearchResult, run_search
from planner.search.preparation import prepare_everywhere
from simulator import (
    Figures,
    Group,
    InputError,
    Placement,
    SimulationResult,
    measure,
    simulate,
    words,
)
from simulator.generation import STATUS, GenerationResult
from simulator.generation.preparation import GENERATING
from simulator.headway import OnProgress

if TYPE_CHECKING:
    import pandas as pd

# With fewer, a placement is scored in the time of its way to another machine and back.
LEAST_REQUESTS = 50_000


@dataclass(frozen=True, eq=False)
class TokenOutcome:
    """One placement, simulated.

    Attributes:
        name, placement: all its groups. search: how it was found; None for placements by hand.
        result, figures: of the generating models.
        fixed_result, fixed_figures: of the models with fixed latencies; None without any.
    """

    name: str
    placement: Placement
    search: SearchResult | None
    result: GenerationResult
    figures: PlacementFigures
    fixed_result: SimulationResult | None = None
    fixed_figures: Figures | None = None

    @property
    def remark(self) -> str | None:
        """Why the figures are not those of a finished and validated plan, in sentences; None if they are."""
        said = [said] if (said := cut_short(self.search)) else []
        said += [NOT_VALIDATED] if any(group.role for group in self.placement.groups) else []
        return " ".join(said) or None

    @property
    def slo_attainment(self) -> float | None:
        """Share of all requests, of both kinds of models, that meet their deadlines."""
        total = self.figures.total
        met, requests = total.attainment.get("all", 0.0) * total.requests, total.requests
        if self.fixed_figures is not None and self.fixed_figures.total.requests:
            fixed = self.fixed_figures.total
            met, requests = met + fixed.slo_attainment * fixed.requests, requests + fixed.requests
        return met / requests if requests else None

    @property
    def groups_in_words(self) -> str:
        """`2 x tp 1: a, b; 1 x decode tp 2: c`; groups with stages say pp too."""
        same: dict[str, int] = {}
        for group in self.placement.groups:
            stages = f"pp {group.pp}, " if group.pp > 1 else ""
            role = f"{group.role} " if group.role else ""
            text = f"{role}{stages}tp {group.tp}: {', '.join(group.models)}"
            same[text] = same.get(text, 0) + 1
        return "; ".join(f"{count} x {text}" for text, count in same.items())

    def request_frames(self) -> Iterator[pd.DataFrame]:
        """One row a request: of the generating models, then of the others, with the same columns."""
        # Here, because only tables of requests need it.
        import pandas as pd

        result, workload = self.result, self.result.workload
        generating = pd.DataFrame({
            "placement": self.name,
            "arrival_s": workload.arrival_s,
            "model": np.array(workload.models)[workload.model],
            "input_tokens": workload.input_tokens,
            "output_tokens": workload.output_tokens,
            "engine": pd.Series(result.engine, dtype="Int64").mask(result.engine < 0),
            **_handed_on(result),
            "scheduled_s": result.scheduled_s,
            "first_token_s": result.first_token_s,
            "last_token_s": result.last_token_s,
            "preemptions": result.preemptions,
            "status": np.array(STATUS)[result.status],
        })  # fmt: skip
        yield generating
        if self.fixed_result is not None:
            for frame in self.fixed_result.request_frames():
                yield frame.rename(columns={"finish_s": "last_token_s"}).reindex(columns=generating.columns)

    def to_json(self) -> dict:
        """Figures, the groups, and how they were found."""
        groups = [{"pp": g.pp, "tp": g.tp, "models": list(g.models)} | ({"role": g.role} if g.role else {})
                  for g in self.placement.groups]  # fmt: skip
        document = {"name": self.name, "slo_attainment": self.slo_attainment, "groups": groups}
        document["generation"] = self.figures.to_json()
        if self.fixed_figures is not None:
            document["fixed"] = self.fixed_figures.to_json()
        if self.remark is not None:
            document["remark"] = self.remark
        if self.search is not None:
            document["search"] = search_json(self.search)
        return document


@dataclass(frozen=True, eq=False)
class TokenComparison:
    """The placements of a scenario on the same requests; `complete` is False where the work was stopped."""

    scenario: Scenario
    inputs: TokenInputs
    outcomes: tuple[TokenOutcome, ...]
    complete: bool = True
    missing: tuple[Missing, ...] = ()

    def to_json(self) -> dict:
        """The document that `simulate --json` prints."""
        entries = {o.name: o.to_json() for o in self.outcomes}
        for outcome in self.outcomes:
            if sentence := never_run(outcome, self.inputs):
                entries[outcome.name]["notes"] = [sentence]
        entries |= {m.name: {"name": m.name, "slo_attainment": None, "reason": m.reason} for m in self.missing}
        order = {section.name: place for place, section in enumerate(self.scenario.placements)}
        placements = [entries[name] for name in sorted(entries, key=lambda name: order.get(name, len(order)))]
        return {
            "scenario": self.scenario.name,
            "complete": self.complete,
            "placements": placements,
            "not_modelled": NOT_MODELLED,
        }


def _handed_on(result: GenerationResult) -> dict[str, pd.Series]:
    """Columns of requests that another engine decodes, where there are engines for that."""
    import pandas as pd

    if result.handoff is None:
        return {}
    engine = pd.Series(result.handoff.engine, dtype="Int64")
    return {
        "decode_engine": engine.mask(engine < 0),
        "cache_arrived_s": pd.Series(result.handoff.arrived_s),
        "decode_scheduled_s": pd.Series(result.handoff.joined_s),
    }


def never_run(outcome: TokenOutcome, inputs: TokenInputs) -> str | None:
    """That some requests are longer than every cache of their model's engines, a sentence; None if none is."""
    result, workload = outcome.result, outcome.result.workload
    rows = np.flatnonzero(result.status == STATUS.index("too_long"))
    if not rows.size:
        return None
    tokens = workload.input_tokens + workload.output_tokens
    longest = int(rows[tokens[rows].argmax()])
    model = workload.models[int(workload.model[longest])]
    blocks = max(engine.kv_blocks for engine in outcome.figures.engines if engine.model == model)
    return (
        f"{words.plural(rows.size, 'request')} can never run: the longest, to {model}, has "
        f"{words.count(int(tokens[longest]))} tokens with its output, and the largest cache of its engines holds "
        f"{words.count(blocks * inputs.problem.section.block_size)}."
    )


def compare(
    scenario: Scenario,
    on_progress: OnProgress | None = None,
    only: str | None = None,
    inputs: TokenInputs | None = None,
    executor: Executor | None = None,
) -> TokenComparison:
    """Find, simulate and measure every placement of a scenario with generating models; as planner.compare."""
    sections = [section for section in scenario.placements if only in (None, section.name)]
    if not sections:
        names = ", ".join(p.name for p in scenario.placements) or "none"
        asked = f"has no placement '{only}'; it has {names}" if only else "has no placements; list at least one"
        raise InputError(f"The scenario {asked}.")
    inputs = inputs or build_token_inputs(scenario)
    outcomes, missing, stopped = answer_each(sections, partial(place, executor=executor), evaluate, inputs, on_progress)
    return TokenComparison(scenario, inputs, tuple(outcomes), not stopped, tuple(missing))


def place(
    section: PlacementSection,
    inputs: TokenInputs,
    on_progress: OnProgress | None = None,
    start: Placement | None = None,
    executor: Executor | None = None,
) -> tuple[Placement, SearchResult | None]:
    """The placement of a section, as given or as found; raises InputError where it cannot be.

    executor: other machines (planner.executors), which score what a search tries of LEAST_REQUESTS and more.
    """
    if section.schedule is not None:
        raise InputError(f"Placement '{section.name}' is a schedule; generating models are placed by groups or search.")
    if section.groups is not None:
        placement = Placement(tuple(Group(g.pp, g.tp, tuple(g.models), g.role) for g in section.groups), section.name)
        check_roles(groups_by_kind(placement, inputs)[0], section.name)
        return placement, None
    if inputs.fixed is not None:
        raise InputError(
            f"Placement '{section.name}' is a search, and the scenario has models of both kinds; list groups there, or "
            "search with models of one kind."
        )
    report = named(section.name, on_progress)
    GENERATING.wait(report)
    machines = executor if isinstance(executor, Machines) and len(inputs.problem.workload) >= LEAST_REQUESTS else None
    if machines is not None:
        prepare_everywhere(machines, report, begin_here)
    wanted = section.searched
    if wanted.options:
        raise InputError(
            f"Placement '{section.name}': '{next(iter(wanted.options))}' is no option of a search for generating "
            "models; algorithm, time_limit_s and max_evaluations are allowed."
        )
    found = run_search(
        search_engines,
        inputs.problem,
        wanted.algorithm,
        section.name,
        wanted.time_limit_s,
        wanted.max_evaluations,
        start=start,
        executor=machines,
        on_progress=report,
    )
    return found.placement, found


def evaluate(
    placement: Placement,
    found: SearchResult | None,
    inputs: TokenInputs,
    on_progress: OnProgress | None = None,
) -> TokenOutcome:
    """Simulate and measure a placement; raises InputError where it does not fit, Cancelled where it was stopped."""
    problem, fixed, name = inputs.problem, inputs.fixed, placement.name
    generating, others = groups_by_kind(placement, inputs)
    if placement.devices > problem.cluster.devices:
        raise InputError(
            f"Placement '{name}' uses {placement.devices} devices; the cluster has {problem.cluster.devices}."
        )
    groups = problem.engine_groups(generating, name)
    report = named(name, on_progress)
    GENERATING.wait(report)
    result, figures = simulate_placement(problem, groups, inputs.warmup_s, report)
    if fixed is None:
        return TokenOutcome(name, placement, found, result, figures)
    part = Placement(others, name)
    part.check(fixed.models, fixed.cluster)
    fixed_result = simulate(fixed.models, part, fixed.workload, fixed.serving, report)
    return TokenOutcome(name, placement, found, result, figures, fixed_result, measure(fixed_result, inputs.warmup_s))


def groups_by_kind(placement: Placement, inputs: TokenInputs) -> tuple[tuple[Group, ...], tuple[Group, ...]]:
    """The groups of generating models, and those of the others; raises InputError for a group of both."""
    own = {model.name for model in inputs.problem.models}
    others = {model.name for model in inputs.fixed.models} if inputs.fixed else set()
    parts: tuple[list[Group], list[Group]] = ([], [])
    for index, group in enumerate(placement.groups):
        where = f"Placement '{placement.name}', {words.numbered('group', index)}"
        for name in group.models:
            if name not in own | others:
                raise InputError(f"{where}: model '{name}' is not known; known are {', '.join(sorted(own | others))}.")
        generating = [name for name in group.models if name in own]
        if generating and len(generating) < len(group.models):
            fixed = next(name for name in group.models if name in others)
            raise InputError(
                f"{where} holds '{generating[0]}', which generates, and '{fixed}', which has fixed latencies; a group "
                "holds models of one kind."
            )
        if group.role is not None and not generating:
            raise InputError(f"{where} has the role {group.role}; roles are of groups of models that generate.")
        if group.models:
            parts[0 if generating else 1].append(group)
    return tuple(parts[0]), tuple(parts[1])
