"""How good placements are after how long, beside the authors' released search, and how that scales.

python -m benchmarks.bench_search           # the named cases and the algorithms
python -m benchmarks.bench_search scaling   # models, devices and requests; writes search_scaling.csv and .png
python -m benchmarks.bench_search large     # up to 1,000 models on 1,000 devices: the first seconds, and a minute
python -m benchmarks.bench_search schedule [S3/32] [S1/16] [SEED ...]
                                            # is a longer search ever worse, by evaluations and by the clock
python -m benchmarks.bench_search changes   # what a change of the improvement costs, with a kept run and without

Seconds are of the clock and of both processors together: on a busy machine only the latter say much.
"""

from __future__ import annotations

import math
import resource
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from planner.problem import Problem
from planner.search import SEARCHING, SearchResult, search
from planner.search.kept_kernels import LEAST_TRIALS
from planner.search.refine import CHANGES, PATIENCE, TEMPERATURE
from planner.search.refine_kernels import Moves, Walk, improve
from planner.search.scoring import score_layout
from planner.search.space import Space
from planner.search.training import build_training
from planner.search.walks import begin_walk
from simulator import Cluster, Model, Placement, Profile, serving_preset, simulate
from simulator.arrivals import gamma_workload, split_rate
from simulator.catalogue import builtin_catalogue, load_catalogue

HERE = Path(__file__).parent
# The figures of the authors' search hold for these profiles; without them the built-in ones stand in.
REFERENCE = HERE.parent.parent / "shared" / "reference" / "profiles.json"
MIXED = ("bert-6.7b", "moe-5.3b", "bert-2.6b", "moe-2.4b", "bert-1.3b", "moe-1.3b")
RATE_PER_DEVICE = 2.0
SCALING_EVALUATIONS = 8_000
SEEDS = (0, 1, 2)
# Models, devices, requests, time limit in seconds; largest traffic last, because memory is a peak.
LARGE = ((500, 512, 150_000, 10.0), (1_000, 1_000, 300_000, 10.0), (1_000, 1_000, 300_000, 120.0))
LARGE += ((1_000, 1_000, 9_500_000, 10.0),)
LARGE_SECONDS = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0)
# What 0.3, 0.5, 1, 2, 5, 10 and 30 s are worth on S3/32 on two cores, roughly.
SCHEDULE_EVALUATIONS = (4_000, 8_000, 16_000, 32_000, 90_000, 180_000, 540_000)
SCHEDULE_S = (0.3, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
SCHEDULE_SEEDS = tuple(range(8))
# Changes are tried from what so many evaluations found, in turns of so many calls.
CHANGES_AFTER, CHANGE_TURNS, CHANGES_PER_TURN = 30_000, 10, 240


def profiles() -> Mapping[str, Profile]:
    """The profiles of the reference data, or the built-in ones."""
    return load_catalogue(REFERENCE) if REFERENCE.is_file() else builtin_catalogue()


@dataclass(frozen=True)
class Case:
    """Gamma traffic of CV 4, power law 0.5, deadlines 5 times the latency alone, as in OSDI'23 section 6."""

    name: str
    types: tuple[str, ...]
    models: int
    devices: int
    total_rate_per_s: float
    theirs: str

    def problem(self, duration_s: float, seed: int = 0) -> Problem:
        catalogue = profiles()
        models = [
            Model.with_slo_scale(f"m{i}", catalogue[self.types[i % len(self.types)]], 5.0) for i in range(self.models)
        ]
        rates = split_rate(self.total_rate_per_s, self.models, "power_law", 0.5)
        workload = gamma_workload(rates, 4.0, duration_s, seed)
        return Problem(tuple(models), Cluster(self.devices), workload, serving_preset("published"))


S3 = Case("S3/32", MIXED, 60, 32, 64.0, "one bucket 0.9106 in 1.8 s, two buckets 0.9424 in 27 s, unseen 0.9101")
S1 = Case("S1/16", ("bert-1.3b",), 32, 16, 64.0, "0.9890 in 1.0 s, unseen 0.9788")
# As large as a block of a large cluster.
BLOCK = Case("64/64", MIXED, 64, 64, 128.0, "")
PLANNED_S, UNSEEN_S, UNSEEN_SEED = 468.75, 200.0, 5000


def timed(problem: Problem, algorithm: str, **options) -> tuple[SearchResult, float, float]:
    """The result, seconds of the clock and of the processors."""
    clock_s, processor_s = time.perf_counter(), time.process_time()
    result = search(problem, algorithm, **options)
    return result, time.perf_counter() - clock_s, time.process_time() - processor_s


def named_cases() -> None:
    """Both named cases: every algorithm once, and ours within several limits."""
    for case in (S3, S1):
        problem, unseen = case.problem(PLANNED_S), case.problem(UNSEEN_S, UNSEEN_SEED).workload
        print(f"\n{case.name}, {len(problem.workload):,} requests; theirs: {case.theirs}")
        print(f"{'':58}attainment  unseen   clock  processors  evaluations")
        runs = [(name, {}) for name in ("selective_replication", "uniform", "round_robin", "dedicated", "greedy")]
        runs += [("uniform", {"pp": 8}), ("beam", {"width": 3}), ("clockwork", {})]
        runs += [("alpaserve", {"bucketing": b, "refine": False}) for b in ("one", "released")]
        runs += [("alpaserve", {"time_limit_s": s, "seed": k}) for s in (0.1, 0.5, 10.0) for k in SEEDS]
        runs += [("alpaserve", {"max_evaluations": n, "seed": k}) for n in (900, 6_000) for k in SEEDS]
        for algorithm, options in runs:
            result, clock_s, processor_s = timed(problem, algorithm, **options)
            other = simulate(problem.models, result.placement, unseen, problem.serving).slo_attainment
            words = " ".join([algorithm, *(f"{key}={value}" for key, value in options.items())])
            seconds = f"{clock_s:7.2f} s{processor_s:9.2f} s"
            print(f"{words:58}{result.score:10.4f}{other:8.4f}{seconds}{result.evaluations:13,}", flush=True)


def schedule(cases: tuple[Case, ...], seeds: tuple[int, ...]) -> None:
    """Limits of evaluations, then of seconds: attainment and unseen, and the most that a longer search lost."""
    for case in cases:
        problem, unseen = case.problem(PLANNED_S), case.problem(UNSEEN_S, UNSEEN_SEED).workload
        for key, limits in (("max_evaluations", SCHEDULE_EVALUATIONS), ("time_limit_s", SCHEDULE_S)):
            print(f"\n{case.name}, {key:18}" + "".join(f"{limit:>15,}" for limit in limits) + "   worst fall")
            for seed in seeds:
                scores, cells = [], []
                for limit in limits:
                    result, *_ = timed(problem, "alpaserve", seed=seed, **{key: limit})
                    other = simulate(problem.models, result.placement, unseen, problem.serving).slo_attainment
                    scores.append(result.score)
                    cells.append(f"{result.score:.4f}/{other:.4f}")
                falls = [high - low for i, high in enumerate(scores) for low in scores[i + 1 :]]
                print(f"seed {seed:<20}" + "".join(f"{cell:>15}" for cell in cells) + f"{max(falls):13.4f}", flush=True)


def changes() -> None:
    """Processor time for each change tried, in turns with a kept run and without; both go the same way."""
    print(f"{'':22}without kept run   with    times as fast")
    for case, duration_s in ((S3, PLANNED_S), (S1, PLANNED_S), (BLOCK, PLANNED_S / 3)):
        for preset in ("published", "testbed"):
            problem = replace(case.problem(duration_s), serving=serving_preset(preset))
            space = Space(problem)
            found, *_ = timed(problem, "alpaserve", max_evaluations=CHANGES_AFTER)
            assert isinstance(found.placement, Placement)
            begin = score_layout(space, space.layout(found.placement), np.zeros(1, np.int64))
            assert begin is not None
            walks = {calls: begin_walk(begin, 0) for calls in (CHANGES_PER_TURN // (LEAST_TRIALS - 1), 1)}
            spent_s = dict.fromkeys(walks, 0.0)
            for _ in range(CHANGE_TURNS):
                for calls, walk in walks.items():
                    began_s = time.process_time()
                    walks[calls] = _try_changes(space, walk, calls)
                    spent_s[calls] += time.process_time() - began_s
            one, other = walks.values()
            assert (one.shape == other.shape).all() and (one.holds == other.holds).all()
            without_us, with_us = (1e6 * s / CHANGE_TURNS / CHANGES_PER_TURN for s in spent_s.values())
            print(
                f"{case.name:8}{preset:14}{without_us:10.0f} us{with_us:10.0f} us{without_us / with_us:10.2f}",
                flush=True,
            )


def _try_changes(space: Space, walk: Walk, calls: int) -> Walk:
    """CHANGES_PER_TURN changes in so many calls; shorter calls than LEAST_TRIALS keep no run."""
    training = build_training(space.traffic, space.catalogue.weight)
    moves = Moves(
        np.arange(len(space.shapes)), space.zone, space.room, space.least, np.cumsum(list(CHANGES.values())), PATIENCE
    )
    heat = TEMPERATURE * math.sqrt(space.traffic.model.size - walk.best_good) / 2
    for _ in range(calls):
        walk, _ = improve(
            walk, moves, space.catalogue, space.traffic, training.requests_at, space.rules, np.zeros(1, np.int64), heat,
            CHANGES_PER_TURN // calls,
        )  # fmt: skip
    return walk


def scaling() -> pd.DataFrame:
    """AlpaServe with SCALING_EVALUATIONS over models, devices and requests."""
    rows = []
    for models in (10, 20, 40, 80, 160):
        for devices in (8, 32, 128, 256):
            rows.append(_scaling_row(models, devices, 30_000))
    for requests in (10_000, 100_000, 1_000_000, 10_000_000):
        rows.append(_scaling_row(60, 32, requests))
    table = pd.DataFrame(rows)
    table.to_csv(HERE / "search_scaling.csv", index=False, lineterminator="\n")
    return table


def _scaling_row(models: int, devices: int, requests: int) -> dict[str, float]:
    rate = RATE_PER_DEVICE * devices
    problem = Case("", MIXED, models, devices, rate, "").problem(requests / rate)
    result, clock_s, processor_s = timed(problem, "alpaserve", max_evaluations=SCALING_EVALUATIONS)
    first = result.steps[0]
    row = {
        "models": models, "devices": devices, "requests": requests,
        "first_s": first.seconds, "first_attainment": first.score, "attainment": result.score,
        "clock_s": clock_s, "processor_s": processor_s, "evaluations": result.evaluations,
    }  # fmt: skip
    print({key: round(value, 4) for key, value in row.items()}, flush=True)
    return row


def large() -> None:
    """Large clusters: attainment after so many seconds, and the most memory that the process had."""
    for models, devices, requests, limit_s in LARGE:
        rate = RATE_PER_DEVICE * devices
        problem = Case("", MIXED, models, devices, rate, "").problem(requests / rate)
        result, clock_s, processor_s = timed(problem, "alpaserve", time_limit_s=limit_s)
        at = {s: max((step.score for step in result.steps if step.seconds <= s), default=0.0) for s in LARGE_SECONDS}
        row = {
            "models": models,
            "devices": devices,
            "requests": len(problem.workload),
            "first_s": result.steps[0].seconds,
        }
        row |= {f"{s:g} s": score for s, score in at.items() if s <= limit_s} | {"attainment": result.score}
        row |= {"clock_s": clock_s, "processor_s": processor_s}
        row["memory_gib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print({key: round(value, 4) for key, value in row.items()}, flush=True)


def build_scaling_figure(table: pd.DataFrame) -> go.Figure:
    """Attainment and processor seconds over devices by models; processor seconds over requests."""
    titles = (f"attainment, {SCALING_EVALUATIONS:,} placements scored", "processor seconds", "processor seconds")
    figure = make_subplots(1, 3, subplot_titles=titles)
    by_size = table[table.requests == 30_000]
    for shade, (models, rows) in zip(np.linspace(0.25, 1, 5), by_size.groupby("models"), strict=True):
        colour = f"rgba(31, 95, 160, {shade:.2f})"
        for column, key in ((1, "attainment"), (2, "processor_s")):
            figure.add_scatter(x=rows.devices, y=rows[key], name=f"{models} models", line_color=colour,
                               showlegend=column == 1, row=1, col=column)  # fmt: skip
    by_requests = table[(table.models == 60) & (table.devices == 32)]
    figure.add_scatter(
        x=by_requests.requests, y=by_requests.processor_s, name="60 models, 32 devices", line_color="#c2571a",
        row=1, col=3,
    )  # fmt: skip
    for column, title in ((1, "devices"), (2, "devices"), (3, "requests")):
        figure.update_xaxes(type="log", title_text=title, col=column)
    figure.update_yaxes(type="log", col=2).update_yaxes(type="log", col=3)
    return figure.update_layout(template="simple_white", width=1200, height=380)


def save_picture(figure: go.Figure, path: Path) -> None:
    """Draw the figure in Chromium, as `make screenshots` does."""
    from playwright.sync_api import sync_playwright

    from tools.screenshots import CHROMIUM, CHROMIUM_ARGUMENTS

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        page = browser.new_page(viewport={"width": figure.layout.width, "height": figure.layout.height})
        page.set_content(figure.to_html(include_plotlyjs=True, config={"displayModeBar": False}))
        page.locator(".js-plotly-plot .main-svg").first.wait_for()
        page.screenshot(path=path)
        browser.close()


def main() -> None:
    SEARCHING.wait()
    asked = sys.argv[1:]
    if "scaling" in asked:
        save_picture(build_scaling_figure(scaling()), HERE / "search_scaling.png")
    elif "large" in asked:
        large()
    elif "changes" in asked:
        changes()
    elif "schedule" in asked:
        cases = tuple(case for case in (S3, S1) if case.name in asked)
        schedule(cases or (S3, S1), tuple(int(a) for a in asked if a.isdigit()) or SCHEDULE_SEEDS)
    else:
        named_cases()


if __name__ == "__main__":
    main()
