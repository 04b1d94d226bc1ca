"""Figures of a simulated placement of generating models: in all, by model and by engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from planner.generation.problem import TokenProblem
from simulator import InputError, Workload
from simulator.generation import (
    EngineGroup,
    GenerationFigures,
    GenerationResult,
    measure_generation,
    meets,
    record_engines,
)
from simulator.metrics import counted_rows

QUANTITIES = ("ttft", "tpot", "e2e", "all")


@dataclass(frozen=True)
class EngineFigures:
    """One engine over the whole run.

    Attributes:
        engine, group, model, tp: which.
        requests, preemptions, output_tokens: of the requests that it took.
        busy: share of the time in which it computes. mean_running: requests in its batch while it computes.
        peak_cache, mean_cache: share of the group's cache in use, at most and over the time in which it computes.
        kv_blocks: blocks of the cache if the engine had it alone.
        All but counts are None where iterations were too many to record.
    """

    engine: int
    group: int
    model: str
    tp: int
    requests: int
    preemptions: int
    output_tokens: int
    kv_blocks: int
    busy: float | None
    mean_running: float | None
    peak_cache: float | None
    mean_cache: float | None


@dataclass(frozen=True)
class PlacementFigures:
    """Figures of a placement: `total`, and one for each model that has requests.

    Attributes:
        devices: that hold generating models. usd_per_million_tokens: of output, paying these devices from the first
            arrival to the last token; None without a price.
        engines_reason: why the engines' figures over time are absent, None where they are not.
    """

    total: GenerationFigures
    models: dict[str, GenerationFigures]
    engines: tuple[EngineFigures, ...]
    devices: int
    usd_per_million_tokens: float | None
    engines_reason: str | None

    def to_json(self) -> dict:
        """A document; what is not known is null."""
        return {
            **_figures_json(self.total),
            "devices": self.devices,
            "usd_per_million_output_tokens": self.usd_per_million_tokens,
            "models": [{"name": name, **_figures_json(figures)} for name, figures in self.models.items()],
            "engines": [asdict(engine) for engine in self.engines],
            "engines_reason": self.engines_reason,
        }


def deadlines_kept(problem: TokenProblem, result: GenerationResult) -> dict[str, np.ndarray]:
    """Which requests meet each deadline of their model, bool (n,), by QUANTITIES.

    A request whose model has no such deadline counts as meeting it if it is served.
    """
    kept = {name: result.served.copy() for name in QUANTITIES}
    for number, model in enumerate(problem.models):
        own = result.workload.model == number
        for name, met in meets(result, model.slo).items():
            kept[name][own] = met[own]
    return kept


def measure_placement(
    problem: TokenProblem, groups: Sequence[EngineGroup], result: GenerationResult, warmup_s: float = 0.0
) -> PlacementFigures:
    """Figures of a result; requests at both ends of the warm-up are left out, engines are seen over the whole run."""
    workload = result.workload
    span = counted_rows(Workload(workload.arrival_s, workload.model, len(workload.models)), warmup_s)
    rows = np.arange(len(workload))[span]
    kept = deadlines_kept(problem, result)
    total = _with_deadlines(measure_generation(result, rows=rows), kept, rows, _asked(problem))
    models = {}
    for number, model in enumerate(problem.models):
        own = rows[workload.model[rows] == number]
        if own.size:
            models[model.name] = measure_generation(result, model.slo, own)
    devices = sum(engine.profile.tp for group in groups for engine in group.engines[:1])
    rate, usd_per_hour = total.output_tokens_per_s, devices * problem.cluster.usd_per_device_hour
    cost = usd_per_hour / 3600 / rate * 1e6 if rate and usd_per_hour else None
    engines, reason = _engine_figures(problem, groups, result)
    return PlacementFigures(total, models, engines, devices, cost, reason)


def _asked(problem: TokenProblem) -> list[str]:
    slos = [model.slo for model in problem.models]
    asked = [name for name in QUANTITIES[:-1] if any(getattr(slo, f"{name}_s") is not None for slo in slos)]
    return [*asked, "all"]


def _with_deadlines(
    figures: GenerationFigures, kept: dict[str, np.ndarray], rows: np.ndarray, asked: list[str]
) -> GenerationFigures:
    attainment = {name: float(kept[name][rows].mean()) for name in asked} if rows.size else {}
    # Requests a second over the span that the tokens a second are over.
    goodput = None
    if figures.requests_per_s is not None:
        goodput = figures.requests_per_s * attainment["all"]
    return replace(figures, attainment=attainment, goodput_per_s=goodput)


def _engine_figures(
    problem: TokenProblem, groups: Sequence[EngineGroup], result: GenerationResult
) -> tuple[tuple[EngineFigures, ...], str | None]:
    members = [(g, group, engine) for g, group in enumerate(groups) for engine in group.engines]
    try:
        segments, reason = record_engines(groups, result.workload, problem.section.dispatch).segments, None
    except InputError as error:
        segments, reason = None, str(error)
    span_s = float(np.nanmax(result.last_token_s, initial=result.workload.arrival_s[-1]))
    span_s -= float(result.workload.arrival_s[0])
    figures = []
    for number, (g, group, engine) in enumerate(members):
        own = result.engine == number
        over_time = (None,) * 4
        if segments is not None:
            part = segments[segments.engine == number]
            over_time = _over_time(part, span_s)
        blocks = group.pool_units // group.block_units(engine)
        figures.append(
            EngineFigures(
                number, g, engine.model, engine.profile.tp, int(own.sum()), int(result.preemptions[own].sum()),
                int(result.workload.output_tokens[own].sum()), blocks, *over_time,
            )
        )  # fmt: skip
    return tuple(figures), reason


def _over_time(segments, span_s: float) -> tuple[float | None, ...]:
    """busy, mean running, peak and mean share of the cache."""
    length_s = (segments.end_s - segments.begin_s).to_numpy()
    busy_s = float(length_s.sum())
    if not busy_s:
        return 0.0, None, None, None
    mean = [float(np.average(segments[name], weights=length_s)) for name in ("running", "pool_used")]
    return busy_s / span_s if span_s else None, mean[0], float(segments.pool_used.max()), mean[1]


def _figures_json(figures: GenerationFigures) -> dict:
    document = asdict(figures)
    return {"slo_attainment": figures.attainment.get("all"), **document}
