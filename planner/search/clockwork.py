"""Clockwork++: selective replication planned anew for every window of time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from planner.search.filling import fill_layout
from planner.search.options import ClockworkOptions
from planner.search.partition import equal_groups
from planner.search.run import Run
from planner.search.scoring import attainment
from planner.search.space import Layout, Space, build_traffic
from simulator import InputError, Schedule, Workload, words

MAX_WINDOWS = 20_000
# Weights over PCIe 3.0 x16, about 12 GiB/s: the price that the note about honest swapping assumes.
PCIE_S_PER_GIB = 1 / 12


def clockwork(run: Run, options: ClockworkOptions) -> None:
    """A schedule of single-device placements, one a window (OSDI'23 section 6, Clockwork++).

    A window ends with the first request that arrives more than window_s after its start. With foresight each window
    is planned for its own requests, as the authors do (an optimistic upper bound of Clockwork); without, for those of
    the window before. Whether backlog stays and what loading costs are serving rules; the notes give the score with
    the authors' free swapping and with backlog and loading time. Until the last window is planned the answer is
    partial: the last placement serves all that comes later.
    """
    space, workload = run.space, run.space.problem.workload
    single = space.empty(equal_groups(space, space.shape_index(1, 1)))
    bounds = window_bounds(workload, options.window_s)
    run.budget.enter("plan the windows")
    planned = bounds if options.foresight else [bounds[0], *bounds[:-1]]
    parts = (workload.rows(slice(a, b)) for a, b in zip(planned[:-1], planned[1:], strict=True))
    epochs: list[tuple[float, Layout]] = []
    good = 0
    tasks = ((fill_layout, (space, single, run.workers.control, None, build_traffic(part))) for part in parts)
    run.partial = f"0 of {len(bounds) - 1} windows were planned"
    for at, filled in zip(bounds[:-1], run.workers.each(tasks), strict=True):
        if filled is None:
            continue
        run.budget.spend(filled.evaluations)
        layout = _keep_in_place(space, epochs[-1][1], filled.layout) if epochs else filled.layout
        start_s = float(np.nextafter(workload.arrival_s[at - 1] + space.rules.client_delay_s, np.inf)) if at else 0.0
        epochs.append((start_s, layout))
        good += filled.good
        if run.incumbent.is_beaten_by(run.share(good)):
            what = f"window {len(epochs)}, from {words.clock(start_s, 0)} on"
            run.incumbent.replace(what, _schedule(space, epochs), run.share(good))
        run.partial = f"{len(epochs)} of {len(bounds) - 1} windows were planned"
    run.partial = None
    _note_both_ways(run, _schedule(space, epochs))


def window_bounds(workload: Workload, window_s: float) -> list[int]:
    """Where windows begin, as rows of the workload, and its length at the end; InputError for too many windows."""
    bounds, n = [0], len(workload)
    while bounds[-1] < n:
        start_s = float(workload.arrival_s[max(bounds[-1] - 1, 0)])
        bounds.append(min(int(np.searchsorted(workload.arrival_s, start_s + window_s, side="right")) + 1, n))
        if len(bounds) > MAX_WINDOWS + 1:
            raise InputError(f"window_s is {window_s:g}, which makes more than {words.count(MAX_WINDOWS)} windows.")
    return bounds if n else [0, 0]


def _schedule(space: Space, epochs: list[tuple[float, Layout]]) -> Schedule:
    return Schedule(tuple((start_s, space.placement(layout)) for start_s, layout in epochs))


def _keep_in_place(space: Space, before: Layout, after: Layout) -> Layout:
    """The same groups on devices that hold most of their weights already, where changes cost anything."""
    serving = space.problem.serving
    if serving.forget_backlog and not serving.load_s_per_gib:
        return after
    if len(space.zones) > 1:
        # Where a group stands says what it may hold.
        return after
    weight_gib = space.catalogue.weight_gib[space.catalogue.first_row + after.shape[0], 0]
    kept_gib = (before.holds * np.where(np.isfinite(weight_gib), weight_gib, 0.0)) @ after.holds.T
    # Imported here: half a second that few need.
    from scipy.optimize import linear_sum_assignment

    _, group = linear_sum_assignment(kept_gib, maximize=True)
    return Layout(after.shape[group], after.holds[group])


def _note_both_ways(run: Run, schedule: Schedule) -> None:
    problem = run.space.problem
    free = replace(problem.serving, forget_backlog=True, load_s_per_gib=0.0)
    load_s_per_gib = problem.serving.load_s_per_gib or PCIE_S_PER_GIB
    honest = replace(problem.serving, forget_backlog=False, load_s_per_gib=load_s_per_gib)
    arguments = (problem, schedule, problem.workload, run.workers.control)
    results = run.workers.each((attainment, (*arguments, serving)) for serving in (free, honest))
    scores = [score for score in results if score is not None]
    run.notes.append(
        f"{len(schedule.epochs)} windows: {words.share(scores[0])} of requests in time if swapping is free and "
        f"forgets backlog, "
        f"{words.share(scores[1])} if backlog stays and loading takes {words.duration(load_s_per_gib)} per GiB."
    )
