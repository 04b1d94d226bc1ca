"""The sentences of the lessons are computed again from the runs that they speak of; no two lessons disagree."""

import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.lessons import burst, regions, theory, traffic
from app.lessons.phrases import ranges
from app.look import words
from planner.lessons.burst import ANSWERED, list_events, running_means
from planner.lessons.eight_models import MAP_CVS, MAP_RATES_PER_S
from planner.lessons.theory import latencies
from planner.lessons.traffic import busiest_loads, closed_forms_s
from planner.lessons.verdicts import lead
from planner.theory.queueing import largest_alpha
from planner.theory.two_models import LATENCY_S, serve_burst, serve_traffic
from simulator.intervals import batch_means_half_width

SLIDERS = {"rate": st.floats(0.5, 4.9), "cv": st.sampled_from([0.25, 1.0, 2.0, 4.0]), "share": st.floats(0.05, 0.95)}


@settings(max_examples=40)
@given(count=st.integers(1, 8), hop=st.integers(0, 100), turn=st.sampled_from([(0,), (0, 1)]))
def test_the_sentence_of_a_burst_names_who_is_faster_and_by_how_much(count, hop, turn):
    both = serve_burst(count, hop / 100, turn)
    text, (dedicated, shared) = burst.burst_sentence(both), both.mean_latency_s()
    if text.startswith("Neither"):
        assert dedicated == pytest.approx(shared)
        return
    who, times = re.match(r"(Sharing|Dedicating) answers ([\d.]+) times faster", text).groups()
    slow, fast = (dedicated, shared) if who == "Sharing" else (shared, dedicated)
    assert slow > fast and float(times) == pytest.approx(slow / fast, abs=0.006)


@settings(max_examples=20)
@given(count=st.integers(1, 8), hop=st.integers(0, 100), turn=st.sampled_from([(0,), (0, 1)]))
def test_the_events_of_a_burst_end_in_its_mean_latencies(count, hop, turn):
    both = serve_burst(count, hop / 100, turn)
    events = list_events(both)
    assert [e.at for e in events] == sorted(e.at for e in events)
    assert sum(e.place == ANSWERED for e in events) == 2 * count
    assert running_means(events) == pytest.approx(both.mean_latency_s())
    assert running_means(events[:1]) == (None, None)


def test_the_burst_of_the_paper_has_its_sums():
    said = burst.LESSON.say(burst.Settings(), burst.run(burst.Settings())).sentences
    assert "(1 + 2 + 3 + 4) y / 4 = 2.5 y" in said and "(1.1 + 1.6 + 2.1 + 2.6) y / 4 = 1.85 y" in said


@settings(max_examples=40)
@given(**SLIDERS)
def test_the_sentence_of_traffic_claims_no_winner_that_the_run_cannot_tell(rate, cv, share):
    both = serve_traffic(rate, cv, share, duration_s=1500)
    text, (dedicated_s, shared_s) = traffic.traffic_sentence(both), both.mean_latency_s()
    assert f"On average {words.duration(dedicated_s)} with" in text and words.duration(shared_s) in text
    half_width_s = batch_means_half_width(both.dedicated.latency_s - both.shared.latency_s)
    if text.startswith("Neither"):
        assert not abs(dedicated_s - shared_s) > 2 * half_width_s
    else:
        assert text.startswith("Sharing") == (shared_s < dedicated_s)
        assert abs(dedicated_s - shared_s) > 2 * half_width_s
        slow, fast = max(dedicated_s, shared_s), min(dedicated_s, shared_s)
        if times := re.search(r"answers ([\d.]+) times", text):
            assert float(times[1]) == pytest.approx(slow / fast, abs=0.006) and float(times[1]) > 1


@settings(max_examples=40)
@given(**SLIDERS)
def test_the_simulated_waiting_is_compared_with_kingmans_formula(rate, cv, share):
    means_s = serve_traffic(rate, cv, share, duration_s=500).mean_latency_s()
    formulas_s = closed_forms_s(rate, cv, share)
    text = traffic.kingman_sentence(means_s, formulas_s)
    for name, mean_s, formula_s in zip(("dedicated devices", "the pipeline"), means_s, formulas_s, strict=True):
        waiting = r"([\d.\u202f]+\u00a0m?s)"
        told = re.search(rf"{waiting} for {name}, (above|below|like) the {waiting} of the formula", text)
        assert bool(told) == math.isfinite(formula_s)
        if told:
            waited_s = max(round(mean_s - LATENCY_S, 9), 0.0)
            assert told[1] == words.duration(waited_s) and told[3] == words.duration(formula_s - LATENCY_S)
            assert (told[2] == "above") == (waited_s > formula_s - LATENCY_S)
    assert bool(text) == any(map(math.isfinite, formulas_s))


@given(**SLIDERS)
def test_whoever_cannot_keep_up_is_named(rate, cv, share):
    text = traffic.overload_sentence(busiest_loads(rate, share), 100.0)
    assert ("dedicated device" in text) == (max(share, 1 - share) * rate * LATENCY_S >= 1)
    assert ("shared pipeline" in text) == (rate * LATENCY_S / 2 >= 1)


@pytest.mark.parametrize("name", traffic.CASES)
def test_the_cases_of_the_paper_are_within_three_per_cent_of_their_replay(name):
    table = traffic.paper(burst_theme()).table
    ours = table.loc[table.case == name, "authors' constants, ours (s)"].item().split(" to ")
    np.testing.assert_allclose([float(v) for v in ours], traffic.PUBLISHED[name][1], rtol=0.03)


def burst_theme():
    from app.look.theme import LIGHT

    return LIGHT


@settings(max_examples=25, deadline=None)
@given(rate=st.integers(1, 33), cv=st.sampled_from([0.5, 1.0, 3.0, 6.0]), scale=st.sampled_from([1.0, 2.0, 5.0, 15.0]),
       alpha=st.sampled_from([1.0, 1.1, 1.3]), by=st.sampled_from(regions.MEASURES))  # fmt: skip
def test_the_verdict_of_a_region_is_that_of_its_run(rate, cv, scale, alpha, by):
    chosen = regions.Settings(float(rate), cv, scale, alpha, by)
    both = regions.run_here(chosen)
    ahead = lead(both, by)
    text = regions.lead_sentence(chosen, both, ahead)
    if by == regions.MET:
        first, second = both.slo_attainment()
        assert words.share(first) in text and words.share(second) in text
    else:
        second, first = both.mean_latency_s()
        assert words.duration(first) in text and words.duration(second) in text
    if text.startswith("Neither"):
        assert not abs(ahead.gain) > 2 * ahead.half_width
    else:
        assert text.startswith("Pipelines") == (second > first)
    assert ("cannot keep up" in regions.why_sentence(chosen)) == (rate * 0.2375 / 8 * alpha >= 1)


def test_a_cell_of_the_map_never_says_the_opposite_of_the_sliders():
    """The map is simulated with fewer requests, so it may be unsure where the sliders are not, but not contrary."""
    for scale, alpha in ((5.0, 1.1), (2.0, 1.3)):
        signs = regions.map_of(regions.MET, scale, alpha)
        for i in range(0, len(MAP_CVS), 2):
            for j in range(0, len(MAP_RATES_PER_S), 3):
                chosen = regions.Settings(MAP_RATES_PER_S[j], MAP_CVS[i], scale, alpha)
                assert lead(regions.run_here(chosen), chosen.by).sign * signs[i, j] >= 0


@pytest.mark.parametrize("load", [0.2, 0.7, 1.2, 1.8])
@pytest.mark.parametrize("alpha", [1.0, 1.05, 1.1, 1.2])
def test_theory_and_simulation_of_the_same_setting_never_name_opposite_winners(load, alpha):
    chosen = theory.Settings(load, alpha, 1.0)
    run = theory.run(chosen)
    assert theory.formula_sign(run) * run.simulated_sign >= 0
    both = serve_traffic(load / LATENCY_S, 1.0, 0.5, alpha)
    assert theory.formula_sign(run) * lead(both, "mean latency").sign >= 0
    text = theory.formula_sentence(run)
    assert theory.TRAFFIC in text and theory.TRAFFIC in theory.crossing_sentence(chosen, run)
    assert ("sharing is" in text) == (run.shared < run.dedicated)


@settings(max_examples=30)
@given(alpha=st.floats(1.0, 1.3), beta=st.floats(1.0, 1.5))
def test_the_sentence_of_the_crossings_holds_on_both_sides(alpha, beta):
    chosen = theory.Settings(1.0, alpha, beta)
    found = theory.Run(*latencies(1.0, alpha, beta), tuple(theory.crossings(alpha, beta)), None, 0)
    text = theory.crossing_sentence(chosen, found)
    wins = [latencies(load, alpha, beta)[1] < latencies(load, alpha, beta)[0] for load in np.linspace(0.02, 1.98, 99)]
    if "at every load" in text:
        assert all(wins) if "sharing wins at every" in text else not any(wins)
    else:
        for at in map(float, re.findall(r"loads? (\d\.\d{3})| and (\d\.\d{3})", text)[0][:1]):
            below, above = (latencies(v, alpha, beta) for v in (at - 0.002, at + 0.002))
            assert (below[1] < below[0]) != (above[1] < above[0])


@given(st.lists(st.booleans(), max_size=9))
def test_stretches_name_the_marked_values_and_no_other(marked):
    named = set()
    for stretch in re.split(r", | and ", ranges(range(1, len(marked) + 1), marked)):
        if stretch:
            ends = [int(end) for end in stretch.split(" to ")]
            named |= set(range(ends[0], ends[-1] + 1))
    assert named == {i + 1 for i, mark in enumerate(marked) if mark}


def test_no_overhead_is_borne_without_load_nor_at_full_load():
    limits = np.array([largest_alpha(load) for load in (0.001, 1.0, 1.999)])
    assert limits[0] == pytest.approx(1, abs=1e-3) and limits[2] == pytest.approx(1, abs=1e-3) and limits[1] > 1.05
