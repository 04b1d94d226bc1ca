"""The reasons for a difference are measured: each sentence is computed again from the raw runs."""

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.look import words
from app.panels.reasons import describe_reasons
from planner.causes import (
    Cause,
    evenly_spaced,
    holding_devices,
    main_cause,
    mean_overhead,
    met_with_even_arrivals,
    met_with_every_replica,
    met_without_overhead,
    models_without_room,
    placement_of,
)
from planner.explain import explain_difference, hopeless_requests, idle_devices, model_bursts
from simulator import Cluster, Group, InputError, Model, Placement, Schedule, Serving, Workload, simulate
from simulator.placement import group_weight_gib
from tests.cases import CONFIGURATIONS, profile, random_case, random_placement

NO_DELAYS = Serving(client_delay_s=0, dispatch_delay_s=0, start_delay_s=0, admission_margin_s=0, stage_overhead=0)


def two_runs(seed, repeat=1, serving=None):
    """Two random placements with the same requests; `repeat` makes enough of them for an interval."""
    models, first, workload = random_case(seed)
    random = np.random.default_rng(seed + 1)
    second = random_placement(random, [m.name for m in models], "other")
    span_s = workload.span_s + 1.0
    arrival_s = np.concatenate([workload.arrival_s + k * span_s for k in range(repeat)])
    slo_s = None if workload.slo_s is None else np.tile(workload.slo_s, repeat)
    workload = Workload(arrival_s, np.tile(workload.model, repeat), workload.num_models, slo_s)
    return tuple(simulate(models, p, workload, serving or Serving()) for p in (first, second))


def lost_requests(reasons, first, second):
    better, worse = (second, first) if reasons.swapped else (first, second)
    return np.flatnonzero(better.in_slo & ~worse.in_slo), better, worse


def plain_replay(worse, kind):
    """What `planner.causes` replays, built anew from the definitions."""
    groups, models, serving, workload = (
        [p.group for p in worse.groups],
        list(worse.models),
        worse.serving,
        worse.workload,
    )
    if kind == "replicas":
        groups = [Group(g.pp, g.tp, tuple(m.name for m in models)) for g in groups]
    if kind == "overhead":
        serving = replace(serving, stage_overhead=0.0)
        models = [replace(m, profile=_even(m.profile)) for m in models]
    order = np.arange(len(workload))
    if kind == "uneven arrivals":
        at, seen = [], [0] * len(models)
        for m in workload.model:
            share = (seen[m] + 0.5) / int((workload.model == m).sum())
            at.append(workload.arrival_s[0] + share * workload.span_s)
            seen[m] += 1
        order = np.array(sorted(order, key=lambda i: (at[i], i)))
        slo_s = None if workload.slo_s is None else workload.slo_s[order]
        workload = Workload(np.array(at)[order], workload.model[order], workload.num_models, slo_s)
    met = simulate(models, Placement(tuple(groups)), workload, serving).in_slo
    return {int(i) for i, ok in zip(order, met, strict=True) if ok}


def _even(old):
    entries = {}
    for (pp, tp), entry in old.entries.items():
        stage_s = old.single_device_latency_s / (pp * tp)
        slowest_s = max(entry.stage_latency_s)
        if slowest_s > stage_s:
            stage_s = min(stage_s, sum(entry.stage_latency_s) / pp)
            entry = replace(entry, stage_latency_s=(stage_s,) * pp)
        entries[pp, tp] = entry
    return replace(old, entries=entries)


def same_share(text, count, of):
    return text == words.share(count / of)


SHARE = r"([<>]?[\d.]+\u00a0%)"


@settings(max_examples=120)
@given(seed=st.integers(0, 100_000), repeat=st.sampled_from([1, 40]))
def test_every_sentence_of_the_reasons_holds_of_the_raw_runs(seed, repeat):
    first, second = two_runs(seed, repeat)
    cluster = Cluster(devices=32, memory_gib=max(0.5, *map(_fullest_gib, (first, second))))
    reasons = explain_difference(first, second, cluster=cluster)
    lost, better, worse = lost_requests(reasons, first, second)
    text, n = describe_reasons(reasons), lost.size
    assert better.in_slo.sum() >= worse.in_slo.sum()
    if not n:
        assert text.startswith("No request meets") and (better.in_slo == worse.in_slo).all()
        return
    assert text.startswith(words.plural(n, "request"))
    assert f"{words.count(int((worse.in_slo & ~better.in_slo).sum()))} only with" in text
    if "no difference that this run can tell" in text:
        assert abs(better.slo_attainment - worse.slo_attainment) <= reasons.difference.half_width
        assert "Main reason" not in text
        return
    saved = {
        kind: len(plain_replay(worse, kind) & set(lost.tolist()))
        for kind in ("replicas", "overhead", "uneven arrivals")
    }
    slow = int(hopeless_requests(worse)[lost].sum())
    if found := re.search(rf"With every model on every group.*?{SHARE}", text):
        assert same_share(found[1], saved["replicas"], n)
    if found := re.search(rf"would have met {SHARE} of them", text):
        assert found[1] in {words.share(saved[k] / n) for k in ("replicas", "overhead")}
    for kind, phrase in (("replicas", "every model on every group"), ("overhead", "no overhead of cutting"),
                         ("uneven arrivals", "evenly spaced requests")):  # fmt: skip
        if found := re.search(rf"{SHARE} with {phrase}", text):
            assert same_share(found[1], saved[kind], n)
    _check_order(text, reasons, better, worse, lost)
    for found in re.finditer(rf"[Ff]or {SHARE} of them even an idle group", text):
        assert same_share(found[1], slow, n)
    main = reasons.main_cause
    measured = {**saved, "too slow alone": slow}
    if main is None:
        assert "Main reason" not in text
        assert all(2 * c.requests < n or not c.requests for c in reasons.causes if c.is_difference)
    else:
        assert measured[main.kind] == main.requests and 2 * main.requests >= n
        assert all(main.requests >= measured[c.kind] for c in reasons.causes if c.is_difference)
    _check_room(text, reasons, lost, worse, cluster)
    if found := re.search(rf"When they came, {SHARE} of its devices had nothing to do; {SHARE} when any", text):
        reach_s = worse.workload.arrival_s + worse.serving.client_delay_s + worse.serving.dispatch_delay_s
        idle = idle_devices(worse, reach_s)
        assert found[1] == words.share(float(idle[lost].mean())) and found[2] == words.share(float(idle.mean()))
    if found := re.search(rf"{SHARE} of them came in bursts of their model, {SHARE} of all", text):
        in_burst, _ = model_bursts(worse.workload.arrival_s, worse.workload.model, worse.workload.num_models)
        assert in_burst[lost].mean() > in_burst.mean()
        assert found[1] == words.share(in_burst[lost].mean()) and found[2] == words.share(in_burst.mean())


KINDS = {"every model on every group": "replicas", "no overhead of cutting": "overhead",
         "evenly spaced requests": "uneven arrivals"}  # fmt: skip


def _check_order(text, reasons, better, worse, lost):
    """The main reason is the largest of what sets the two apart; what is called shared is no difference of the runs."""
    apart, _, shared = text.partition("What does not set the two apart")
    said = {KINDS[kind]: part for part, kind in re.findall(rf"{SHARE} with ({'|'.join(KINDS)})", shared)}
    model = worse.workload.model[lost]
    more = {
        "replicas": holding_devices(worse)[model].mean() < holding_devices(better)[model].mean(),
        "overhead": mean_overhead(worse, lost) > mean_overhead(better, lost),
        "uneven arrivals": False,
    }
    assert not any(more[kind] for kind in said)
    assert ("evenly spaced requests (that is the traffic, which both get)" in shared) == ("uneven arrivals" in said)
    main = reasons.main_cause
    for part, kind in re.findall(rf"{SHARE} with ({'|'.join(KINDS)})", apart):
        assert more[KINDS[kind]]
        if main is not None:
            assert float(part.strip("<>").split("\u00a0")[0]) <= 100 * main.requests / lost.size + 0.06


def _check_room(text, reasons, lost, worse, cluster):
    """Memory is named only where one more replica of the model fits nowhere, by `Placement.check`."""
    held = {name for placed in worse.groups for name in placed.group.models}
    names = [worse.models[m].name for m in worse.workload.model[lost]]
    unplaced = sum(name not in held for name in names)
    assert ("hold" in text.split("Of the former")[0]) <= bool(unplaced)
    without = set(models_without_room(worse, cluster))
    for name in {m.name for m in worse.models} - held:
        assert (name in without) == (not any(_fits(p, worse.models, cluster) for p in _with_one_more(worse, name)))
    assert reasons.no_room == sum(name in without for name in names)
    if "no memory left" in text or "Main reason: memory" in text:
        assert reasons.no_room == unplaced > 0
    if "although there is memory left" in text:
        assert reasons.no_room == 0 < unplaced


def _with_one_more(worse, name):
    groups = [placed.group for placed in worse.groups]
    for g, group in enumerate(groups):
        yield Placement((*groups[:g], Group(group.pp, group.tp, (*group.models, name)), *groups[g + 1 :]))
    for pp, tp in CONFIGURATIONS:
        yield Placement((*groups, Group(pp, tp, (name,))))


def _fits(placement, models, cluster):
    try:
        placement.check(models, cluster)
    except InputError:
        return False
    return True


def _fullest_gib(run):
    by_name = {m.name: m for m in run.models}
    return max(max(group_weight_gib(p.group, by_name)) for p in run.groups)


def test_scarce_memory_is_the_reason_where_models_have_no_room():
    models = [Model(f"m{i}", profile(), 2.5) for i in range(3)]
    workload = Workload(np.arange(90.0) * 3, np.tile([0, 1, 2], 30), 3)
    few, all_held = Placement((Group(1, 1, ("m0",)),), "few"), Placement((Group(1, 1, ("m0", "m1", "m2")),), "all")
    runs = [simulate(models, p, workload, NO_DELAYS) for p in (few, all_held)]
    scarce = describe_reasons(explain_difference(*runs, cluster=Cluster(1, memory_gib=1.0)))
    assert "Main reason: memory." in scarce and "there is no memory left" in scarce
    plenty = describe_reasons(explain_difference(*runs, cluster=Cluster(1, memory_gib=3.0)))
    assert "Main reason: too few replicas." in plenty and "although there is memory left" in plenty


def test_overhead_is_the_reason_where_the_same_devices_are_only_cut():
    models = [Model(f"m{i}", profile(), 1.45) for i in range(2)]
    workload = Workload(np.arange(200.0) * 0.65, np.tile([0, 1], 100), 2)
    names = ("m0", "m1")
    whole = Placement((Group(1, 1, names), Group(1, 1, names)), "whole")
    cut = Placement((Group(2, 1, names),), "cut")
    costly = replace(NO_DELAYS, stage_overhead=0.2)
    reasons = explain_difference(*(simulate(models, p, workload, costly) for p in (cut, whole)))
    assert reasons.main_cause == Cause("overhead", reasons.paired.only_first, True)
    assert "Main reason: overhead of cutting" in describe_reasons(reasons)


def test_bursts_that_all_requests_share_are_not_named():
    # Every request is in a burst of the only model, and two of three in each are lost.
    arrival_s = np.repeat(np.arange(100.0) * 10, 4)
    models = [Model("m0", profile(), 1.5)]
    workload = Workload(arrival_s, np.zeros(400, dtype=int), 1)
    one, two = Placement((Group(1, 1, ("m0",)),), "one"), Placement((Group(1, 1, ("m0",)),) * 2, "two")
    reasons = explain_difference(*(simulate(models, p, workload, NO_DELAYS) for p in (one, two)))
    assert reasons.in_bursts == reasons.all_in_bursts
    assert "bursts" not in describe_reasons(reasons)


def test_causes_below_half_are_not_the_main_one_nor_those_that_both_share():
    causes = (Cause("uneven arrivals", 10, False), Cause("overhead", 5, True), Cause("replicas", 4, True))
    assert main_cause(causes, 10).kind == "overhead"
    assert main_cause(causes, 11) is None and main_cause((), 3) is None


def test_evenly_spaced_requests_keep_model_deadline_and_order():
    workload = Workload(np.array([0.0, 0, 0, 8]), np.array([0, 1, 0, 0]), 2, np.array([1.0, 2, 3, 4]))
    even, order = evenly_spaced(workload)
    assert even.model.tolist() == workload.model[order].tolist()
    assert even.slo_s.tolist() == workload.slo_s[order].tolist()
    assert even.arrival_s == pytest.approx([8 / 6, 4, 4, 40 / 6])


def test_schedules_are_not_replayed():
    models, schedule, workload = random_case(3, epochs=2)
    result = simulate(models, schedule, workload, Serving())
    assert isinstance(schedule, Schedule) and placement_of(result) is None
    reasons = explain_difference(result, simulate(models, schedule.epochs[0][1], workload, Serving()))
    assert [c.kind for c in reasons.causes if reasons.worse == result.name] in ([], ["too slow alone"])
    assert "accounts for half" not in describe_reasons(reasons) or reasons.worse != result.name


def test_nothing_is_gained_without_overhead_where_there_is_none():
    models = [Model("m0", profile(), 1.5)]
    workload = Workload(np.sort(np.random.default_rng(0).uniform(0, 50, 60)), np.zeros(60, dtype=int), 1)
    placement = Placement((Group(1, 1, ("m0",)), Group(2, 1, ("m0",))))
    run = simulate(models, placement, workload, NO_DELAYS)
    assert (met_without_overhead(run, placement) == run.in_slo).all()
    assert (met_with_every_replica(run, placement) == run.in_slo).all()
    assert met_with_even_arrivals(run, placement).sum() >= run.in_slo.sum()
