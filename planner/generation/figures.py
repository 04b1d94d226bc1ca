"""Figures of a simulated placement of generating models: in all, by model and by engine."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from planner.generation.problem import TokenProblem
from simulator import Workload
from simulator.generation import (
    EngineBins,
    EngineGroup,
    GenerationFigures,
    GenerationResult,
    measure_generation,
    meets,
    watch_engines,
)
from simulator.headway import OnProgress
from simulator.intervals import known_interval, share_half_width
from simulator.metrics import counted_arrivals_s, counted_rows

QUANTITIES = ("ttft", "tpot", "e2e", "all")
# How finely the engines are seen over time.
BINS = 240


@dataclass(frozen=True)
class EngineFigures:
    """One engine over the whole run.

    Attributes:
        engine, group, model, tp: which.
        requests, preemptions, output_tokens: of the requests that it took.
        busy: share of the time in which it computes. mean_running: requests in its batch while it computes.
        peak_cache, mean_cache: share of the group's cache in use, at most and over the time in which it computes.
        kv_blocks: blocks of the cache if the engine had it alone.
        role: "prefill" or "decode" where it has only that part of the work; a request counts at both of its engines.
        What is measured while it computes is None where it never does.
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
    role: str | None = None


@dataclass(frozen=True)
class PlacementFigures:
    """Figures of a placement: `total`, and one for each model that has requests.

    Attributes:
        half_widths: of the 95 % intervals of the total attainment, by the names in `total.attainment`; NaN where
            requests are too few.
        over_time: of every engine between the first and the last counted arrival.
        devices: that hold generating models. usd_per_million_tokens: of output, paying these devices from the first
            arrival to the last token; None without a price.
    """

    total: GenerationFigures
    models: dict[str, GenerationFigures]
    engines: tuple[EngineFigures, ...]
    devices: int
    usd_per_million_tokens: float | None
    half_widths: dict[str, float]
    over_time: EngineBins

    def interval(self, quantity: str = "all") -> tuple[float, float] | None:
        """Both ends of the 95 % interval of an attainment; None where it is not known."""
        ends = known_interval(self.total.attainment.get(quantity), self.half_widths.get(quantity))
        return ends if ends is not None and math.isfinite(ends[0]) else None

    def to_json(self) -> dict:
        """A document; what is not known is null."""
        return {
            **_figures_json(self.total),
            "intervals": {name: self.interval(name) for name in self.total.attainment},
            "devices": self.devices,
            "usd_per_million_output_tokens": self.usd_per_million_tokens,
            "models": [{"name": name, **_figures_json(figures)} for name, figures in self.models.items()],
            "engines": [asdict(engine) for engine in self.engines],
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


def simulate_placement(
    problem: TokenProblem,
    groups: Sequence[EngineGroup],
    warmup_s: float = 0.0,
    on_progress: OnProgress | None = None,
) -> tuple[GenerationResult, PlacementFigures]:
    """What happens to every request, and the figures of that.

    Requests at both ends of the warm-up are left out of the figures; engines are seen over the whole run.
    """
    arrived = Workload(problem.workload.arrival_s, problem.workload.model, len(problem.workload.models))
    span_s = counted_arrivals_s(arrived, warmup_s)
    result, bins = watch_engines(
        groups, problem.workload, problem.section.dispatch, BINS, span_s, on_progress, problem.ttft_limits_s,
        problem.kv_bandwidth_bytes_per_s,
    )  # fmt: skip
    workload = result.workload
    rows = np.arange(len(workload))[counted_rows(arrived, warmup_s)]
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
    half_widths = {name: share_half_width(kept[name][rows]) for name in total.attainment}
    engines = _engine_figures(groups, result, bins)
    return result, PlacementFigures(total, models, engines, devices, cost, half_widths, bins)


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
    groups: Sequence[EngineGroup], result: GenerationResult, bins: EngineBins
) -> tuple[EngineFigures, ...]:
    span_s = float(np.nanmax(result.last_token_s, initial=result.workload.arrival_s[-1]))
    span_s -= float(result.workload.arrival_s[0])
    whole = bins.whole
    figures = []
    members = [(g, group, engine) for g, group in enumerate(groups) for engine in group.engines]
    output, decoded = result.workload.output_tokens, np.zeros(len(result.workload), bool)
    if result.handoff is not None:
        decoded = result.handoff.engine >= 0
    for number, (g, group, engine) in enumerate(members):
        own, later = result.engine == number, decoded & (result.last_engine == number)
        tokens = output[own & ~decoded].sum() + (own & decoded).sum() + (output[later] - 1).sum()
        computes = whole["busy"][number] > 0
        while_computing = (
            float(whole[name][number]) if computes else None for name in ("running", "peak_cache", "cache")
        )
        figures.append(
            EngineFigures(
                number, g, engine.model, engine.profile.tp, int((own | later).sum()), int(whole["preemptions"][number]),
                int(tokens), group.pool_units // group.block_units(engine),
                float(whole["busy"][number]) / span_s if span_s else None, *while_computing, role=group.role,
            )
        )  # fmt: skip
    return tuple(figures)


def _figures_json(figures: GenerationFigures) -> dict:
    document = asdict(figures)
    return {"slo_attainment": figures.attainment.get("all"), **document}
