"""Figures of a generation result: TTFT, TPOT, end to end, and what meets its deadlines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.errors import InputError
from simulator.generation.result import STATUS, GenerationResult


@dataclass(frozen=True)
class TokenSlo:
    """Deadlines in seconds; None where there is none."""

    ttft_s: float | None = None
    tpot_s: float | None = None
    e2e_s: float | None = None

    def __post_init__(self) -> None:
        for field in ("ttft_s", "tpot_s", "e2e_s"):
            value = getattr(self, field)
            if value is not None and not value > 0:
                raise InputError(f"The deadline {field} is {value}; a positive number of seconds is allowed.")


@dataclass(frozen=True)
class Spread:
    """Seconds over the requests that have the quantity."""

    mean: float
    p50: float
    p90: float
    p95: float
    p99: float


@dataclass(frozen=True)
class GenerationFigures:
    """Figures of some requests.

    Attributes:
        requests: all of them; served, too_long, unplaced, rejected: their fates. preemptions: of all.
        ttft_s, tpot_s, e2e_s: spreads over those served; None where there is none. TPOT leaves outputs of
            one token out.
        attainment: shares of *all* requests, by "ttft", "tpot", "e2e" (where there is a deadline) and "all" together;
            empty without deadlines. An output of one token meets every TPOT.
        goodput_per_s: requests that meet all deadlines a second. requests_per_s: all. output_tokens_per_s: generated.
        itl_s: mean time between tokens over all tokens.
    """

    requests: int
    served: int
    too_long: int
    unplaced: int
    rejected: int
    preemptions: int
    ttft_s: Spread | None
    tpot_s: Spread | None
    e2e_s: Spread | None
    itl_s: float | None
    attainment: dict[str, float]
    goodput_per_s: float | None
    requests_per_s: float | None
    output_tokens_per_s: float | None


def meets(result: GenerationResult, slo: TokenSlo) -> dict[str, np.ndarray]:
    """Which requests meet each deadline: bool (n,) by "ttft", "tpot", "e2e" (where given) and "all"."""
    served = result.served
    kept: dict[str, np.ndarray] = {}
    if slo.ttft_s is not None:
        kept["ttft"] = served & (result.ttft_s <= slo.ttft_s)
    if slo.tpot_s is not None:
        kept["tpot"] = served & ((result.workload.output_tokens == 1) | (result.tpot_s <= slo.tpot_s))
    if slo.e2e_s is not None:
        kept["e2e"] = served & (result.e2e_s <= slo.e2e_s)
    if kept:
        kept["all"] = np.logical_and.reduce(list(kept.values()))
    return kept


def measure_generation(
    result: GenerationResult, slo: TokenSlo | None = None, rows: np.ndarray | None = None
) -> GenerationFigures:
    """Figures of the requests `rows` (bool mask or indices; all by default).

    Rates are over the time from the first arrival to the last token of these requests, or to the last arrival if none
    was served.
    """
    rows = np.arange(len(result.workload)) if rows is None else np.arange(len(result.workload))[rows]
    served = rows[result.served[rows]]
    kept = {name: mask[rows] for name, mask in meets(result, slo or TokenSlo()).items()}
    count = np.bincount(result.status[rows], minlength=len(STATUS))
    output = result.workload.output_tokens[served]
    gaps = int((output - 1).sum())
    span_s = 0.0
    if rows.size:
        end_s = np.nanmax(result.last_token_s[served], initial=result.workload.arrival_s[rows].max())
        span_s = float(end_s - result.workload.arrival_s[rows].min())
    return GenerationFigures(
        requests=rows.size,
        served=int(count[0]),
        too_long=int(count[1]),
        unplaced=int(count[2]),
        rejected=int(count[3]),
        preemptions=int(result.preemptions[rows].sum()),
        ttft_s=spread(result.ttft_s[served]),
        tpot_s=spread(result.tpot_s[served]),
        e2e_s=spread(result.e2e_s[served]),
        itl_s=float((result.last_token_s - result.first_token_s)[served].sum() / gaps) if gaps else None,
        attainment={name: float(mask.mean()) for name, mask in kept.items()} if rows.size else {},
        goodput_per_s=float(kept["all"].sum() / span_s) if kept and span_s > 0 else None,
        requests_per_s=rows.size / span_s if span_s > 0 else None,
        output_tokens_per_s=float(output.sum() / span_s) if span_s > 0 else None,
    )


def spread(values_s: np.ndarray) -> Spread | None:
    """Mean and percentiles, NaN left out; None without values."""
    values_s = values_s[~np.isnan(values_s)]
    if not values_s.size:
        return None
    p50, p90, p95, p99 = np.percentile(values_s, (50, 90, 95, 99))
    return Spread(float(values_s.mean()), float(p50), float(p90), float(p95), float(p99))
