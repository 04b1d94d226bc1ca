"""The cost model against known numbers: `python -m planner.parallelise.evidence` prints the table.

Every model is scaled to its latency alone on one device, batch 1, and to nothing else; the constants of the
device come from `fit`. Misses are printed like hits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from planner.evidence.validate import ErrorSummary, summarise_errors, validate
from planner.parallelise.architectures import load_architectures
from planner.parallelise.calibrate import Measurement, calibrate
from planner.parallelise.known import alone_calibration, known_numbers, paper_device
from planner.parallelise.plans import Plan, Setting, make_plans
from planner.parallelise.shipped import paper_profiles

# The bounds are known to this many GiB.
BOUND_ROUNDING_GIB = 5e-4


@dataclass(frozen=True)
class Check:
    """A modelled number beside a known one, in one unit; `error` is modelled / known - 1."""

    what: str
    modelled: float
    known: float

    @property
    def error(self) -> float:
        return self.modelled / self.known - 1


@dataclass(frozen=True)
class WeightCheck:
    """Weights of the fullest device, GiB, beside the bounds that published placements put on them."""

    what: str
    modelled: float
    lowest: float
    highest: float

    @property
    def miss(self) -> float:
        """How far it lies outside, relative to the nearer bound; negative below, 0 inside."""
        if self.modelled > self.highest + BOUND_ROUNDING_GIB:
            return self.modelled / self.highest - 1
        if self.modelled < self.lowest - BOUND_ROUNDING_GIB:
            return self.modelled / self.lowest - 1
        return 0.0


@dataclass(frozen=True)
class SavedOverhead:
    """Figure 16: overhead of a full pipeline, seconds, cut into equal layers and by the dynamic program."""

    model: str
    equal_s: float
    dynamic_s: float
    published_share: float

    @property
    def share(self) -> float:
        return 1 - self.dynamic_s / self.equal_s


def compare_recovered() -> list[Check]:
    """Sums and slowest stages of pp 4 and 8, and sums of tp 4, of the six models (AlpaServe 7.4), ms."""
    rows = []
    for name, known in known_numbers()["recovered"]["models"].items():
        plans = calibrated_plans(name, [(4, 1), (8, 1), (1, 4)])
        for key, configuration in (("pp4", (4, 1)), ("pp8", (8, 1))):
            plan = plans[configuration]
            rows.append(Check(f"{name} {key} sum", plan.latency_s() * 1e3, known[key][0]))
            rows.append(Check(f"{name} {key} slowest", plan.slowest_s() * 1e3, known[key][1]))
        rows.append(Check(f"{name} tp4 sum", plans[1, 4].latency_s() * 1e3, known["op4"]))
    return rows


def compare_scaled_grid() -> list[Check]:
    """The numbers of `compare_recovered` as the estimated entries were made: without a model, ms.

    Each model's latency alone times the ratio of BERT-1.3B in the measured grid at batch 2, which has as many
    tokens as one request of the six models.
    """
    grid = known_numbers()["measured_grid"]
    alone_ms = grid["single_ms"]["2"]
    ratios = {(row["pp"], row["tp"]): np.array(row["batches"]["2"]) / alone_ms for row in grid["rows"]}
    rows = []
    for name, known in known_numbers()["recovered"]["models"].items():
        for key, configuration in (("pp4", (4, 1)), ("pp8", (8, 1))):
            total, slowest = ratios[configuration] * known["single"]
            rows.append(Check(f"{name} {key} sum", float(total), known[key][0]))
            rows.append(Check(f"{name} {key} slowest", float(slowest), known[key][1]))
        rows.append(Check(f"{name} tp4 sum", float(ratios[1, 4][0] * known["single"]), known["op4"]))
    return rows


def compare_grid() -> list[Check]:
    """Sum and slowest stage of every row of the measured BERT-1.3B grid (AlpaServe 7.2a), ms.

    The grid has 1024 tokens and equal layers, so it is scaled to its own batch 1 latency on one device.
    """
    grid = known_numbers()["measured_grid"]
    architecture, device = load_architectures()[grid["architecture"]], paper_device()
    options = {"cut": "equal", "sequence": grid["sequence"]}
    single = Measurement(1, 1, 1, grid["single_ms"]["1"] / 1e3)
    calibration = calibrate(architecture, device, [single], **options).calibration
    setting = Setting(architecture, device, (1, 2, 16), calibration, **options)
    plans, _ = make_plans(setting, [(row["pp"], row["tp"]) for row in grid["rows"]])
    rows = []
    for row in grid["rows"]:
        plan, where = plans[row["pp"], row["tp"]], f"pp{row['pp']} tp{row['tp']}"
        known = {1: (sum(row["stages_ms"]), max(row["stages_ms"]))}
        known |= {int(batch): pair for batch, pair in row["batches"].items()}
        for batch, (total, slowest) in known.items():
            rows.append(Check(f"{where} batch {batch} sum", plan.latency_s(batch) * 1e3, total))
            if plan.pp > 1:
                rows.append(Check(f"{where} batch {batch} slowest", plan.slowest_s(batch) * 1e3, slowest))
    return rows


def compare_pipelines() -> list[Check]:
    """Whole pipelines of BERT-2.6B and 6.7B at 1024 tokens (AlpaServe 7.2d), ms.

    Scaled to the latency on one device at batch 1; larger batches and pipelines are held back.
    """
    known = known_numbers()["pipelines"]
    rows = []
    for name, by_batch in known["models"].items():
        architecture, options = load_architectures()[name], {"cut": "equal", "sequence": known["sequence"]}
        single = Measurement(1, 1, 1, by_batch["1"][0] / 1e3)
        calibration = calibrate(architecture, paper_device(), [single], **options).calibration
        batches = tuple(map(int, by_batch))
        plans, _ = make_plans(
            Setting(architecture, paper_device(), batches, calibration, **options), [(pp, 1) for pp in known["pp"]]
        )
        for batch, latencies_ms in by_batch.items():
            for pp, latency_ms in zip(known["pp"], latencies_ms, strict=True):
                if int(batch) in plans[pp, 1].stages:
                    modelled_ms = plans[pp, 1].latency_s(int(batch)) * 1e3
                    rows.append(Check(f"{name} pp{pp} batch {batch}", modelled_ms, latency_ms))
    return rows


def check_weights() -> list[WeightCheck]:
    """Weights of the fullest stage of six configurations of the six models (AlpaServe 7.3)."""
    bounds = known_numbers()["weight_bounds"]
    configurations = [tuple(pair) for pair in bounds["configurations"]]
    rows = []
    for name, limits in bounds["models"].items():
        plans = calibrated_plans(name, configurations)
        for (pp, tp), (lowest, highest) in zip(configurations, limits, strict=True):
            rows.append(WeightCheck(f"{name} pp{pp} tp{tp}", max(plans[pp, tp].weight_gib), lowest, highest))
    return rows


def compare_cuts() -> list[SavedOverhead]:
    """What the dynamic program saves over equal layers (figure 16): pp * slowest stage - latency alone."""
    known = known_numbers()["equal_layers"]
    pp, rows = known["stages"], []
    for name, published in known["saved"].items():
        alone_s = known_numbers()["recovered"]["models"][name]["single"] / 1e3
        overhead = {}
        for cut in ("equal", "dynamic"):
            plan = calibrated_plans(name, [(pp, 1)], cut)[pp, 1]
            overhead[cut] = pp * plan.slowest_s() - alone_s
        rows.append(SavedOverhead(name, overhead["equal"], overhead["dynamic"], published))
    return rows


def replay_published() -> list[ErrorSummary]:
    """Errors of the published runs, replayed with modelled instead of recovered profiles."""
    return summarise_errors(validate(catalogue=paper_profiles(batches=(1,))))


def calibrated_plans(
    name: str, configurations: Sequence[tuple[int, int]], cut: str = "dynamic"
) -> dict[tuple[int, int], Plan]:
    """Plans of a model of the paper on its devices at batch 1, by (pp, tp); cut as in `Setting`."""
    setting = Setting(load_architectures()[name], paper_device(), (1,), alone_calibration(name), cut)
    return make_plans(setting, configurations)[0]


def summary(rows: Sequence[Check]) -> tuple[float, float]:
    """Mean and largest absolute error, as shares of the known numbers."""
    errors = np.abs([row.error for row in rows])
    return float(errors.mean()), float(errors.max())


def evidence_lines() -> Iterator[str]:
    """The whole table, line by line, as Markdown."""
    yield from latency_lines()
    yield from weight_lines()
    yield from cut_lines()
    yield from replay_lines()


def latency_lines() -> Iterator[str]:
    """Latencies against known ones."""
    yield from _comparison_lines("Recovered latencies of the six models (7.4), ms", compare_recovered)
    mean, largest = summary(compare_scaled_grid())
    yield (
        "For comparison, the same numbers as the ratios of the measured BERT-1.3B grid times each model's latency: "
        f"mean error {100 * mean:.1f} %, largest {100 * largest:.1f} %."
    )
    yield ""
    yield from _comparison_lines("Measured BERT-1.3B grid at 1024 tokens (7.2a), ms", compare_grid)
    yield from _comparison_lines("Measured pipelines at 1024 tokens (7.2d), ms", compare_pipelines)


def weight_lines() -> Iterator[str]:
    """Weights against the bounds."""
    checks = check_weights()
    inside = sum(check.miss == 0 for check in checks)
    yield f"### Weights of the fullest device (7.3), GiB: {inside} of {len(checks)} inside the bounds"
    yield ""
    yield "| what | modelled | bounds | outside by |"
    yield "|---|---|---|---|"
    for check in checks:
        outside = f"{100 * check.miss:+.1f} %" if check.miss else ""
        yield f"| {check.what} | {check.modelled:.3f} | {check.lowest:g} - {check.highest:g} | {outside} |"
    yield ""


def cut_lines() -> Iterator[str]:
    """What the dynamic program saves."""
    yield "### Overhead of 8 stages, equal layers against the dynamic program (figure 16)"
    yield ""
    yield "| model | equal layers, ms | dynamic program, ms | saved | published |"
    yield "|---|---|---|---|---|"
    for row in compare_cuts():
        yield (
            f"| {row.model} | {row.equal_s * 1e3:.1f} | {row.dynamic_s * 1e3:.1f} "
            f"| {100 * row.share:.1f} % | {100 * row.published_share:.1f} % |"
        )
    yield ""


def replay_lines() -> Iterator[str]:
    """Published runs with modelled profiles."""
    yield "### Published runs replayed with modelled profiles, errors of the SLO attainment in points"
    yield ""
    yield "| runs | preset | count | mean | largest | bias |"
    yield "|---|---|---|---|---|---|"
    for row in replay_published():
        yield (
            f"| {row.runs} | {row.preset} | {row.count} | {100 * row.mean_abs:.2f} "
            f"| {100 * row.max_abs:.2f} | {100 * row.bias:+.2f} |"
        )
    yield ""


def _comparison_lines(title: str, compare: Callable[[], list[Check]]) -> Iterator[str]:
    rows = compare()
    mean, largest = summary(rows)
    yield f"### {title}: mean error {100 * mean:.1f} %, largest {100 * largest:.1f} %"
    yield ""
    yield "| what | modelled | known | error |"
    yield "|---|---|---|---|"
    for row in rows:
        yield f"| {row.what} | {row.modelled:.1f} | {row.known:.1f} | {100 * row.error:+.1f} % |"
    yield ""


if __name__ == "__main__":
    for line in evidence_lines():
        print(line)
