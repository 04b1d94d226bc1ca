"""Algorithm 2: model buckets, device buckets, group partitions, parallel configurations; then local improvement."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from itertools import product

import numpy as np

from planner.search.baselines import fall_back
from planner.search.block_cuts import cut_into_blocks
from planner.search.blocks import search_in_blocks
from planner.search.budget import NoImprovement, Stopped
from planner.search.filling import Filled, fill_each, fill_layout
from planner.search.options import AlpaServeOptions
from planner.search.partition import (
    allowed_shapes,
    group_partitions,
    latency_classes,
    may_share,
    released_buckets,
)
from planner.search.refine import PATIENT_EVALUATIONS, PATIENT_SHARE, Improvement, Standing
from planner.search.result import Alternative
from planner.search.run import Run
from planner.search.scoring import Scored, score_each
from planner.search.space import Layout, Space, build_traffic
from planner.search.workers import Task
from simulator.score_kernels import Traffic

# With improvement to follow, candidates are judged by so many requests from the middle of the trace.
JUDGED_REQUESTS = 4_000
SURVIVORS = 4
REFILLED_SURVIVORS = 2
# Up to so many requests the best survivors are filled anew on all of them.
REFILLED_REQUESTS = 100_000
# With improvement to follow: partitions, one round of it, buckets, which take about so many evaluations, and rounds.
BUCKET_STAGE = 3
BUCKET_EVALUATIONS = 12_000
# So many partitions go to another machine together.
FILLED_PER_TASK = 4
# On larger clusters buckets get whole nodes.
EVERY_DEVICE = 64

Found = tuple[Layout, int]
# Models of a bucket, and devices for them.
_Job = tuple[tuple[int, ...], int]


def alpaserve(run: Run, options: AlpaServeOptions) -> None:
    """Algorithm 2 of the paper, and local improvement of what it finds while anything is left of the limits.

    Every group partition in every configuration is filled by the fast heuristic; then models of different latencies
    get groups of their own. Without `refine` everything is judged on the whole traffic, as the authors do; with it,
    on a part, and only survivors on the whole, and a first round of improvement comes before the buckets. What is
    done in which order does not depend on the limits.
    """
    if not options.refine:
        fall_back(run)
        _as_published(run, options)
        return
    if run.space.is_plain and (parts := cut_into_blocks(run.space)):
        fall_back(run)
        search_in_blocks(run, options, parts, take_stage)
    standing = None
    for stage in itertools.count():
        if stage > BUCKET_STAGE and run.budget.unlimited and not run.budget.more:
            run.budget.more.append(NoImprovement(PATIENT_EVALUATIONS, PATIENT_SHARE))
        standing = take_stage(run, options, stage, standing)


def _as_published(run: Run, options: AlpaServeOptions) -> None:
    finder = _Finder(run, options)
    run.budget.enter("group partitions")
    finder.one_bucket()
    if options.bucketing != "one":
        run.budget.enter("buckets")
        finder.bucketings()


def take_stage(run: Run, options: AlpaServeOptions, stage: int, standing: Standing | None) -> Standing | None:
    """One stage of the search with improvement: models dealt out in turn, partitions with one bucket, a round of
    improvement, buckets, and rounds.

    Args:
        stage: counts from 0. standing: after the stage before; None before there is one, or where the best so far of
            the run is all that there is to go on from.
    """
    shapes = _shapes(run, options)
    if stage == 0:
        fall_back(run)
        return None
    if standing is None:
        starts = _starts(run, options, stage)
        if not starts:
            raise Stopped("done")
        return Improvement(run, shapes, starts).standing
    improvement = Improvement(run, shapes, standing)
    if stage != BUCKET_STAGE:
        run.budget.enter("improve")
        improvement.round()
    elif options.bucketing != "one":
        run.budget.enter("buckets")
        finder = _Finder(run, options)
        if found := finder.bucketings():
            improvement.join(finder.judge_survivors(found))
    return improvement.standing


def _starts(run: Run, options: AlpaServeOptions, stage: int) -> list[Scored]:
    """Where an improvement begins: at what partitions give, or, in later stages, at the best so far."""
    if stage > 1:
        assert run.incumbent.layout is not None, "later stages begin with what earlier ones found"
        return score_each(run, "the best so far", [run.incumbent.layout])
    finder = _Finder(run, options)
    run.budget.enter("group partitions")
    found = finder.one_bucket()
    run.budget.enter("judge on all traffic")
    scored = finder.judge_survivors(found)
    # Rules may leave the partitions without a place for somebody whom other groups have one for.
    if not scored and run.incumbent.layout is not None:
        return score_each(run, "the best so far", [run.incumbent.layout])
    return scored


def _shapes(run: Run, options: AlpaServeOptions) -> list[int]:
    return allowed_shapes(run.space, options.max_pp, options.max_tp, options.shapes)


class _Finder:
    """Fills group partitions for buckets of models.

    Buckets share neither groups nor models, so the requests in time of several buckets add up exactly: each bucket
    is solved once for each number of devices, and the best bucketing and device split follow by dynamic programming,
    where the authors enumerate (and prune) them.
    """

    def __init__(self, run: Run, options: AlpaServeOptions) -> None:
        self.run, self.space, self.options, self.judge_all = run, run.space, options, not options.refine
        self.shapes = _shapes(run, options)
        self.traffic = run.traffic if self.judge_all else _middle(run)
        self.latency_s = [model.profile.single_device_latency_s for model in run.space.problem.models]

    def one_bucket(self) -> list[Found]:
        """All devices for all models: every partition filled."""
        run = self.run
        found: list[tuple[Layout, int, str]] = []
        everyone = tuple(range(len(self.latency_s)))
        for _, filled in self._fill_each([(everyone, self.space.devices)]):
            layout, what = filled.layout, _groups_in_words(self.space, filled.layout)
            if self.judge_all:
                run.offer(what, layout, filled.good, [Alternative(w, run.share(good)) for _, good, w in found])
            found.append((layout, filled.good, what))
        return [(layout, good) for layout, good, _ in found]

    def bucketings(self) -> list[Found]:
        """The best of the bucketings that the options name, if there is more than one bucket; none in several zones."""
        if len(self.space.zones) > 1:
            return []
        return self.all_bucketings() if self.options.bucketing == "all" else self.released_bucketing()

    def released_bucketing(self) -> list[Found]:
        """The one clustering of the released code."""
        buckets = [tuple(bucket) for bucket in released_buckets(self.latency_s)]
        return self._combine([{i + 1: bucket} for i, bucket in enumerate(buckets)]) if len(buckets) > 1 else []

    def all_bucketings(self) -> list[Found]:
        """Every cut of the models, in order of latency, into buckets whose latencies are within the threshold."""
        classes = latency_classes(self.latency_s)
        segments: list[dict[int, tuple[int, ...]]] = []
        for i, first in enumerate(classes):
            ends: dict[int, tuple[int, ...]] = {}
            for j in range(i, len(classes)):
                if may_share(self.latency_s[first[0]], self.latency_s[classes[j][0]]):
                    ends[j + 1] = tuple(sorted(m for part in classes[i : j + 1] for m in part))
            segments.append(ends)
        return self._combine(segments) if len(classes) > 1 else []

    def judge_survivors(self, found: list[Found]) -> list[Scored]:
        """The most promising on all traffic, best first; the very best of them as partitions to fill anew."""
        run, space = self.run, self.space
        layouts = [layout for layout, _ in sorted(found, key=lambda f: -f[1])[:SURVIVORS]]
        scored = score_each(run, "the best partition", layouts)
        if run.traffic.model.size <= REFILLED_REQUESTS:
            for filled in fill_each(run, [space.empty(layout.shape) for layout in layouts[:REFILLED_SURVIVORS]]):
                run.offer(_groups_in_words(space, filled.layout), filled.layout, filled.good)
                scored.append(filled.scored)
        if run.start is not None:
            scored.append(run.start)
        return sorted(scored, key=lambda result: -result.good)

    def _combine(self, segments: list[dict[int, tuple[int, ...]]]) -> list[Found]:
        """The best chain of buckets that leads from 0 to the last end; segments[i][j] is the bucket from i to j."""
        space, steps = self.space, _device_steps(self.space)
        solved = self._solve(sorted({bucket for ends in segments for bucket in ends.values()}), steps)
        nothing: Found = (space.empty([]), 0)
        # best[i][d]: the best chain from 0 to i that uses d devices.
        best: list[dict[int, Found]] = [{0: nothing}, *({} for _ in segments)]
        for i, ends in enumerate(segments):
            for j, bucket in ends.items():
                for before, part in product([d for d in (0, *steps) if d in best[i]], steps):
                    own, total = solved.get((bucket, part)), before + part
                    if own is None or total > space.devices:
                        continue
                    good = best[i][before][1] + own[1]
                    if total not in best[j] or good > best[j][total][1]:
                        best[j][total] = (_joined(best[i][before][0], own[0]), good)
        # Fewest devices first: they win among equals.
        ends = [found for _, found in sorted(best[-1].items(), key=lambda item: item[0])]
        found = max(ends, key=lambda f: f[1], default=None)
        if found is None:
            return []
        if self.judge_all:
            self.run.offer(f"buckets: {_groups_in_words(space, found[0])}", *found)
        return [found]

    def _solve(self, buckets: list[tuple[int, ...]], steps: list[int]) -> dict[tuple[tuple[int, ...], int], Found]:
        """The best partition of each bucket for each number of devices; likely numbers first, in case time runs out."""
        load_s, devices = self.space.load_s, self.space.devices
        jobs = sorted(
            product(buckets, steps),
            key=lambda job: abs(job[1] / devices - load_s[list(job[0])].sum() / max(load_s.sum(), 1e-12)),
        )
        solved: dict[tuple[tuple[int, ...], int], Found] = {}
        began = self.run.budget.tally.evaluations
        for job, filled in self._fill_each(jobs):
            if job not in solved or filled.good > solved[job][1]:
                solved[job] = (filled.layout, filled.good)
            if not self.judge_all and self.run.budget.tally.evaluations - began > BUCKET_EVALUATIONS:
                break
        return solved

    def _partitions(self, devices: int) -> list[list[int]]:
        return group_partitions(self.space, devices, self.shapes, self.options.mixed)

    def _fill_each(self, jobs: list[_Job]) -> Iterator[tuple[_Job, Filled]]:
        """Every partition of every job's devices, filled with the job's models."""
        cuts = [(job, partition) for job in jobs for partition in self._partitions(job[1])]

        def task(job: _Job, partition: list[int]) -> Task[Filled | None]:
            allowed = np.zeros(len(self.latency_s), np.bool_)
            allowed[list(job[0])] = True
            return fill_layout, (
                self.space,
                self.space.empty(partition),
                self.run.workers.control,
                allowed,
                self.traffic,
            )

        results = self.run.workers.each((task(*cut) for cut in cuts), per_task=FILLED_PER_TASK)
        for (job, _), filled in zip(cuts, results, strict=False):
            if filled is not None:
                self.run.budget.spend(filled.evaluations)
                yield job, filled


def _middle(run: Run) -> Traffic:
    workload = run.space.problem.workload
    first = max(len(workload) - JUDGED_REQUESTS, 0) // 2
    return build_traffic(workload.rows(slice(first, first + JUDGED_REQUESTS)))


def _device_steps(space: Space) -> list[int]:
    node = space.problem.cluster.devices_per_node
    step = 1 if space.devices <= EVERY_DEVICE else node
    return list(range(step, space.devices + 1, step))


def _joined(first: Layout, second: Layout) -> Layout:
    return Layout(np.concatenate([first.shape, second.shape]), np.concatenate([first.holds, second.holds]))


def _groups_in_words(space: Space, layout: Layout) -> str:
    counts = Counter(space.shapes[int(c)] for c in layout.shape)
    return ", ".join(f"{count} groups of {pp}x{tp}" for (pp, tp), count in sorted(counts.items())) + " (pp x tp)"
