"""Sentences of the pages Profile, Placement, Trace and Search are computed again from their numbers."""

import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.controls.source_table import scale_note
from app.figures import profile as profile_figures
from app.figures import trace
from app.figures.search import build_score_figure, describe_score
from app.look import words
from app.panels import arrivals
from app.panels.arrivals import burst_sentence, replayed_sentence
from app.panels.placement_edit import _change_of_models, _title, why_no_group
from app.panels.profile import best_plans, calibration_sentence, verdict_sentence
from app.panels.profile_sources import comparison_sentence
from app.panels.replay import result_sentence, step_sentence, why_not_drawn
from planner.by_hand.editing import EditContext
from planner.parallelise.cost import Calibration
from planner.parallelise.evidence import Check
from planner.search.result import SearchResult, Step
from simulator import Cluster, Group, Model, Placement, Workload
from simulator.traces.bursts import Burst
from tests.cases import profile

MODELS = tuple(Model(f"m{i}", profile(0.4, 4.0, configurations=((1, 1), (4, 1), (2, 2))), 1.6) for i in range(4))


def plain(text):
    return text.replace("\u00a0", " ").replace("\u202f", " ")


# Trace


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 400), min_size=1, max_size=40), st.sampled_from((0.0, 1e-3, 1.0)))
def test_what_is_replayed_is_told_by_what_so_many_requests_can_tell(times_s, stretch):
    arrival_s = stretch * np.sort(np.array(times_s))
    text = plain(replayed_sentence(Workload(arrival_s, np.zeros(arrival_s.size, dtype=int), 1)))
    n, span_s, gaps_s = arrival_s.size, arrival_s[-1] - arrival_s[0], np.diff(arrival_s)
    assert text.startswith(f"{n} request{'s are' if n > 1 else ' is'} replayed")
    assert ("all at once" in text) == (n > 1 and span_s == 0)
    assert ("on average" in text) == (span_s > 0) and ("CV" in text) == (span_s > 0 and n > 2)
    if span_s > 0:
        assert plain(f"{words.rate(n / span_s)} on average") in text
    if "CV" in text:
        cv = gaps_s.std() / gaps_s.mean()
        assert f"CV {plain(words.number(cv))})" in text
        assert ("steadier" in text) == (cv < 0.9) and ("burstier" in text) == (cv > 1.1)
    per_bin = np.bincount(np.floor((arrival_s - arrival_s[0]) / 60).astype(int))
    assert ("busiest" in text) == (per_bin.size > 1)
    if per_bin.size > 1:
        times = plain(words.number(per_bin.max() / per_bin.mean()))
        assert f"{times} times the mean bin in the busiest of {per_bin.size} bins of 60.0 s" in text


@given(st.lists(st.integers(0, 50), min_size=1, max_size=40))
def test_the_busiest_tenth_makes_its_share(requests):
    text = plain(trace.describe_skew([(f"s{i}", n) for i, n in enumerate(requests)]))
    if not sum(requests):
        assert text == "There are no requests"
    elif len(requests) == 1:
        assert text == "The only source makes all requests"
    else:
        tenth = max(round(len(requests) / 10), 1)
        part = sum(sorted(requests)[-tenth:]) / sum(requests)
        assert text.endswith(f"of {len(requests)} sources make{'s' if tenth == 1 else ''} {plain(words.share(part))} of"
                             " requests")  # fmt: skip
        assert text.startswith("The busiest of" if tenth == 1 else f"The busiest {tenth} of")


@given(st.lists(st.integers(1, 30), min_size=1, max_size=8), st.integers(0, 100))
def test_bursts_hold_the_share_of_requests_and_time_that_lies_in_them(requests, others):
    bursts = [Burst(2.0 * i, 1.0, n, 2.0) for i, n in enumerate(requests)]
    length_s, total = 2.0 * len(bursts) + 1, sum(requests) + others
    text = plain(burst_sentence(bursts, total, length_s))
    assert text.startswith("1 burst holds" if len(bursts) == 1 else f"{len(bursts)} bursts hold")
    assert f"{plain(words.share(sum(requests) / total))} of the requests" in text
    assert f"in {plain(words.share(len(bursts) / length_s))} of the time" in text
    assert "of the time" not in burst_sentence(bursts, total, 0.0)
    # The numbers of bursts are rounded each for itself, so they may add up to more than there are.
    assert "100 % of the requests" in plain(burst_sentence(bursts, sum(requests) - 1, length_s))


@pytest.mark.parametrize("bursts", [0, 1, 2, 3])
def test_the_caption_under_the_rate_speaks_of_the_shades_that_are_drawn(bursts, monkeypatch):
    monkeypatch.setattr(trace, "MOST_MARKED_BURSTS", 2)
    monkeypatch.setattr(arrivals, "MOST_MARKED_BURSTS", 2)
    found = [Burst(float(i), 0.5, 3, 2.0) for i in range(bursts)]
    figure = trace.build_rate_figure(np.arange(101.0), np.ones(100), bursts=found)
    shades = sum(shape.type == "rect" for shape in figure.layout.shapes)
    caption = arrivals.frame_caption(bursts)
    assert shades == min(bursts, 2) and ("shaded" in caption) == (shades > 0)
    assert (f"the {shades} bursts with the most requests" in caption) == (shades < bursts)


# Profile


def plan_of(pp, tp, latency_s, slowest_s, parts_s=(1.0, 0.5, 0.25)):
    compute_s, communication_s, imbalance_s = parts_s
    return SimpleNamespace(
        pp=pp,
        tp=tp,
        latency_s=lambda: latency_s,
        slowest_s=lambda: slowest_s,
        throughput_per_s=lambda: 1 / slowest_s,
        compute_s=lambda: compute_s,
        communication_s=lambda: communication_s,
        imbalance_s=lambda: imbalance_s,
    )


def modelled_of(*plans, left_out=None):
    return SimpleNamespace(architecture=SimpleNamespace(name="m"), device=SimpleNamespace(name="d"),
                           plans={(p.pp, p.tp): p for p in plans}, left_out=left_out or {})  # fmt: skip


_PLANS = st.dictionaries(
    st.tuples(st.sampled_from((1, 2, 4)), st.sampled_from((1, 2, 4))),
    st.tuples(st.sampled_from((0.1, 0.2, 0.3)), st.sampled_from((0.05, 0.1, 0.2))),
    min_size=1,
)  # fmt: skip


@given(_PLANS, st.sampled_from((1, 512)))
def test_the_verdict_on_a_profile_is_that_of_its_plans(numbers, tokens):
    plans = [plan_of(*key, *values) for key, values in numbers.items()]
    modelled = modelled_of(*plans, left_out={(1, 1): "its weights do not fit 13 GiB a device"})
    text = verdict_sentence(modelled, tokens)
    if (1, 1) in numbers:
        alone_s = numbers[1, 1][0]
        assert f"m takes {words.duration(alone_s)} for {words.plural(tokens, 'token')} on one d." in text
    else:
        fewest = min(pp * tp for pp, tp in numbers)
        assert (
            f"m does not fit one d: {modelled.left_out[1, 1]}. Of the groups below the smallest has {fewest} " in text
        )
    fast_s = min(latency_s for latency_s, _ in numbers.values())
    size = min(pp * tp for (pp, tp), (latency_s, _) in numbers.items() if latency_s == fast_s)
    best, fast = best_plans(modelled)
    assert (fast.latency_s(), fast.pp * fast.tp) == (fast_s, size)
    assert text.endswith(
        f"Fastest for one request: {words.duration(fast_s)} with {words.group_size(fast.pp, fast.tp)}."
    )
    a_device = max(1 / slowest_s / (pp * tp) for (pp, tp), (_, slowest_s) in numbers.items())
    assert best.throughput_per_s() / (best.pp * best.tp) == a_device


def test_a_target_is_named_as_it_was_set():
    targets = {0.99: "99", 0.9995: "99.95", 0.999: "99.9", 0.29: "29", 1.0: "100"}
    assert {target: words.goal(target) for target in targets} == {t: f"{text}\u00a0%" for t, text in targets.items()}


@pytest.mark.parametrize(("communication", "says"), [(1.0, "communication as modelled"), (0.5, "communication × 0.5")])
def test_a_factor_that_nothing_told_is_not_called_a_scaling(communication, says):
    text = calibration_sentence(Calibration(2.0, communication))
    assert "computation × 2," in text and says in text


@given(st.lists(st.tuples(st.floats(0.01, 9), st.floats(0.01, 9)), min_size=1, max_size=9))
def test_how_far_the_model_is_off_is_counted_either_way(pairs):
    rows = [Check(f"row {i}", modelled, known) for i, (modelled, known) in enumerate(pairs)]
    off = [abs(modelled - known) / known for modelled, known in pairs]
    said = comparison_sentence("x", rows).replace("\u202f", "")
    mean, most = map(float, re.findall(r"by ([\d.]+)\u00a0%", said))
    assert mean == pytest.approx(100 * np.mean(off), rel=6e-3, abs=1e-6)
    assert most == pytest.approx(100 * max(off), rel=6e-3, abs=1e-6)


@pytest.mark.parametrize("shapes", [((1, 1),), ((1, 1), (4, 1), (1, 2)), ((4, 1),), ((1, 4), (1, 8)), ((2, 2),)])
def test_the_title_of_scaling_quotes_only_points_that_are_drawn(shapes):
    made = profile(0.4, 4.0, configurations=shapes)
    text, figure = profile_figures.describe_scaling(made), profile_figures.build_scaling_figure(made)
    assert figure.layout.title.text.replace("<br>", " ").startswith(text[:20])
    drawn = {(trace.name, k // 3): dict(zip(trace.x, trace.y, strict=True)) for k, trace in enumerate(figure.data)}
    lines = {way: [t for t in figure.data if t.name == way] for way in profile_figures.WAYS}
    assert drawn
    assert (" on one device" in text) == any(1 in trace.x for trace in figure.data)
    for way, noun in zip(profile_figures.WAYS, ("stages", "devices that share operators"), strict=False):
        latency, throughput, _ = lines[way]
        said = latency.x.size > 0 and latency.x[-1] > 1
        assert (f" {noun}" in text) == said
        if said:
            numbers = f"{words.duration(latency.y[-1] / 1000)} and {words.rate(throughput.y[-1])}"
            assert f"{numbers} with {latency.x[-1]:.0f} {noun}" in text


@pytest.mark.parametrize("parts_s", [
    {(1, 1): (1.0, 0.0, 0.0)}, {(2, 2): (1.0, 0.5, 0.1)}, {(1, 2): (1.0, 0.0, 0.0), (2, 2): (1.0, 1.0, 1.0)},
    {(1, 1): (1.0, 0.0, 0.0), (2, 1): (1.0, 0.1, 0.2), (4, 1): (1.0, 0.3, 0.4), (1, 4): (0.3, 0.6, 0.0)},
])  # fmt: skip
def test_the_overhead_that_is_named_is_drawn(parts_s):
    plans = {key: plan_of(*key, 1.0, 1.0, parts) for key, parts in parts_s.items()}
    text, figure = profile_figures.describe_overhead(plans), profile_figures.build_overhead_figure(plans)
    cut, shared = (max((k for k in plans if k[side] == 1), default=None) for side in (1, 0))
    for key, noun in ((cut, "stages"), (shared, "shared devices")):
        if key is None or key == (1, 1):
            assert not re.search(rf"\d {noun}", text)
        else:
            (compute_s, *rest_s) = parts_s[key]
            part = words.share(sum(rest_s) / (compute_s + sum(rest_s)))
            assert f"{part} of the time with {key[0] * key[1]} {noun}" in text
    assert bool(figure.data) == (cut is not None or shared is not None)
    assert ("There is no configuration" in text) == (not figure.data)
    assert (text == "One device has no overhead") == (bool(figure.data) and {cut, shared} <= {None, (1, 1)})


@given(st.lists(st.lists(st.floats(0.01, 1), min_size=1, max_size=4), min_size=1, max_size=2))
def test_the_slowest_stage_is_that_of_each_cut(stages_s):
    plans = [(f"cut {i}", SimpleNamespace(pp=len(s), slowest_s=lambda s=s: max(s))) for i, s in enumerate(stages_s)]
    text = profile_figures.describe_cut(plans)
    for i, seconds in enumerate(stages_s):
        assert f"{words.duration(max(seconds))} with cut {i} ({words.plural(len(seconds), 'stage')})" in text


# Placement and Search


@pytest.mark.parametrize(("spare", "devices", "says"), [
    (0, 8, "all 8 are in groups"), (0, 1, "the only one is in groups"), (-3, 8, "3 more than the 8 there are"),
    (1, 8, "No model can run on 1 spare device,"), (2, 8, "2 spare devices"),
])  # fmt: skip
def test_that_no_group_can_be_added_has_its_reason(spare, devices, says):
    text = why_no_group(spare, devices)
    assert says in text and ("No device is spare" in text) == (spare <= 0)


@given(st.lists(st.sampled_from("abcd"), unique=True), st.lists(st.sampled_from("abcd"), unique=True))
def test_an_edit_of_models_names_who_came_and_who_went(held, wanted):
    text = _change_of_models(tuple(held), wanted, 2)
    came = re.search(r"added (.*?) to group 2", text)
    went = re.search(r"dropped (.*?) from group 2", text)
    names = [set(re.findall(r"\b[abcd]\b", found.group(1).replace(" and ", " "))) if found else set()
             for found in (came, went)]  # fmt: skip
    assert names == [set(wanted) - set(held), set(held) - set(wanted)]


@pytest.mark.parametrize(("pp", "tp", "held"), [(1, 1, 1), (4, 1, 2), (1, 1, 4), (2, 4, 1)])
@pytest.mark.parametrize("busy", [{}, {1: 0.25}])
def test_a_group_is_titled_by_what_it_holds_and_has_free(pp, tp, held, busy):
    bench = EditContext(MODELS, Cluster(8, 13.0, 4))
    group = Group(pp, tp, tuple(model.name for model in MODELS[:held]))
    text = plain(_title(group, 1, bench, busy))
    assert text.startswith(f"Group 1: {'1 device' if pp * tp == 1 else f'{pp} × {tp}'}, {held} model")
    entries = [m.profile.entries.get((pp, tp)) for m in MODELS[:held]]
    fits = None not in entries and (free_gib := 13.0 - sum(max(e.stage_weight_gib) for e in entries)) >= 0
    assert ("free" in text) == fits
    assert not fits or f"{plain(words.gib(free_gib))} free" in text
    assert ("busy 25.0 %" in text) == bool(busy)


@given(st.lists(st.sampled_from((0.0, 0.5, 0.500001, 0.7, 1.0)), min_size=1, max_size=5), st.data())
def test_a_step_is_told_against_the_one_before(scores, data):
    steps = [Step("greedy", f"add {i}", Placement(()), s, 0.5 * i, i) for i, s in enumerate(scores)]
    at = data.draw(st.integers(0, len(scores) - 1))
    text = step_sentence(steps, at)
    assert text.startswith(f"Step {at + 1} of {len(scores)}, greedy: add {at}. ")
    assert f"when planning: {words.share(scores[at])}" in text
    gain = 100 * (scores[at] - scores[at - 1]) if at else None
    assert ("the same as before" in text) == (gain == 0)
    assert ("hardly different" in text) == (gain is not None and 0 < abs(gain) < 0.005)
    assert ("points" in text) == (gain is not None and abs(gain) >= 0.005)
    assert ("+" in text, words.MINUS in text) == (("points" in text and gain > 0), ("points" in text and gain < 0))
    found = SearchResult("greedy", Placement(()), scores[-1], 9.0, len(scores), "done", tuple(steps))
    said = plain(result_sentence("A", found))
    assert said.startswith(f"A meets {plain(words.share(scores[-1]))} of the deadlines it was planned for")
    assert said.endswith(f"the answer after {plain(words.span(steps[-1].seconds))}.") and "by weight" not in said
    # With weights the steps are counted by them and the answer is not; both are named.
    by_weight = replace(found, score=0.25, is_weighted=True)
    both = [words.share(0.25), words.share(scores[-1])]
    for told in (result_sentence("A", by_weight), describe_score([("A", by_weight)])):
        assert "by weight" in told and all(share in told for share in both)
    assert f"by weight: {words.share(scores[at])}" in step_sentence(steps, at, True)
    (axis,) = {build_score_figure([("A", f)]).layout.yaxis.title.text.count("by weight") for f in (by_weight,)}
    assert axis == 1 and "weight" not in build_score_figure([("A", found)]).layout.yaxis.title.text


@given(st.sampled_from((0.3, 0.5, 1.0, 2.0, 7.5)))
def test_counts_of_sources_say_that_other_numbers_are_simulated(rate_scale):
    assert (f"{words.times(rate_scale)} as many are simulated" in scale_note(rate_scale)) == (rate_scale != 1)


def test_a_step_that_is_not_drawn_says_which_of_the_reasons_holds():
    problem = SimpleNamespace(models=MODELS, cluster=Cluster(8, 13.0, 4))
    assert why_not_drawn(Placement((Group(4, 1, ("m0", "m1")),)), problem) is None
    assert why_not_drawn(Placement(()), problem) == "It has no groups."
    one = why_not_drawn(Placement((Group(1, 1, ("gone", "m0")),)), problem)
    assert one == "It holds 1 model that the scenario does not have: gone."
    many = why_not_drawn(Placement((Group(1, 1, ("a", "b", "c", "d")),)), problem)
    assert many == "It holds 4 models that the scenario does not have: a, b and c among them."
    crowded = why_not_drawn(Placement((Group(4, 1, ("m0",)),) * 3), problem)
    assert crowded is not None and "12" in crowded
