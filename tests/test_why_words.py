"""The sentences of the lesson are computed again from the runs that they speak of."""

import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.look import words
from app.panels.why import Settings, busiest_loads, closed_forms_s
from app.panels.why_words import (
    attainment_title,
    burst_sentence,
    kingman_sentence,
    overload_sentence,
    ranges,
    traffic_sentence,
)
from planner.theory.queueing import largest_alpha
from planner.theory.two_models import LATENCY_S, serve_burst, serve_traffic
from simulator.intervals import batch_means_half_width

SLIDERS = {
    "rate": st.floats(0.5, 4.9), "cv": st.sampled_from([0.25, 1.0, 2.0, 4.0]), "share": st.floats(0.05, 0.95),
    "alpha": st.floats(1.0, 1.6),
}  # fmt: skip


@settings(max_examples=40)
@given(count=st.integers(1, 8), hop=st.integers(0, 60), turn=st.sampled_from([(0,), (0, 1)]))
def test_the_sentence_of_a_burst_names_who_is_faster_and_by_how_much(count, hop, turn):
    both = serve_burst(count, hop / 100, turn)
    text, (dedicated, shared) = burst_sentence(both), both.mean_latency_s()
    if text.startswith("Neither"):
        assert dedicated == pytest.approx(shared)
        return
    who, times = re.match(r"(Sharing|Dedicating) answers ([\d.]+) times faster", text).groups()
    slow, fast = (dedicated, shared) if who == "Sharing" else (shared, dedicated)
    assert slow > fast and float(times) == pytest.approx(slow / fast, abs=0.006)


@settings(max_examples=40)
@given(**SLIDERS)
def test_the_sentence_of_traffic_claims_no_winner_that_the_run_cannot_tell(rate, cv, share, alpha):
    both = serve_traffic(rate, cv, share, alpha, duration_s=1500)
    text, (dedicated_s, shared_s) = traffic_sentence(both), both.mean_latency_s()
    assert f"On average {words.duration(dedicated_s)} with" in text and words.duration(shared_s) in text
    half_width_s = batch_means_half_width(both.dedicated.latency_s - both.shared.latency_s)
    if text.startswith("Neither"):
        assert abs(dedicated_s - shared_s) <= half_width_s
    else:
        sharing = text.startswith("Sharing")
        assert sharing == (shared_s < dedicated_s)
        assert not abs(dedicated_s - shared_s) <= half_width_s
        slow, fast = max(dedicated_s, shared_s), min(dedicated_s, shared_s)
        if times := re.search(r"answers ([\d.]+) times", text):
            assert float(times[1]) == pytest.approx(slow / fast, abs=0.006) and float(times[1]) > 1


@settings(max_examples=40)
@given(**SLIDERS)
def test_the_simulated_waiting_is_compared_with_kingmans_formula(rate, cv, share, alpha):
    chosen = Settings(rate, cv, share, alpha)
    means_s = serve_traffic(rate, cv, share, alpha, duration_s=500).mean_latency_s()
    formulas_s = closed_forms_s(chosen)
    text = kingman_sentence(means_s, formulas_s, alpha)
    for name, mean_s, formula_s, alone_s in zip(
        ("dedicated devices", "the pipeline"), means_s, formulas_s, (LATENCY_S, alpha * LATENCY_S), strict=True
    ):
        waiting = r"([\d.\u202f]+\u00a0m?s)"
        told = re.search(rf"{waiting} for {name}, (above|below|like) the {waiting} of the formula", text)
        assert bool(told) == math.isfinite(formula_s)
        if told:
            waited_s = max(round(mean_s - alone_s, 9), 0.0)
            assert told[1] == words.duration(waited_s) and told[3] == words.duration(formula_s - alone_s)
            assert (told[2] == "above") == (waited_s > formula_s - alone_s)
    assert bool(text) == any(map(math.isfinite, formulas_s))


@given(**SLIDERS)
def test_whoever_cannot_keep_up_is_named(rate, cv, share, alpha):
    loads = busiest_loads(Settings(rate, cv, share, alpha))
    text = overload_sentence(loads, 100.0)
    assert ("dedicated device" in text) == (max(share, 1 - share) * rate * LATENCY_S >= 1)
    assert ("shared pipeline" in text) == (rate * alpha * LATENCY_S / 2 >= 1)


@given(st.lists(st.booleans(), max_size=9))
def test_stretches_name_the_marked_values_and_no_other(marked):
    named = set()
    for stretch in re.split(r", | and ", ranges(range(1, len(marked) + 1), marked)):
        if stretch:
            ends = [int(end) for end in stretch.split(" to ")]
            named |= set(range(ends[0], ends[-1] + 1))
    assert named == {i + 1 for i, mark in enumerate(marked) if mark}


def test_a_title_without_a_win_claims_none():
    assert attainment_title([False, False], [1, 2], "Pipelines win", "with room for {}", "nowhere") == (
        "Pipelines win nowhere"
    )
    assert attainment_title([True, False], [1, 2], "Pipelines win", "with room for {}", "") == (
        "Pipelines win with room for 1"
    )


def test_no_overhead_is_borne_without_load_nor_at_full_load():
    limits = np.array([largest_alpha(load) for load in (0.001, 1.0, 1.999)])
    assert limits[0] == pytest.approx(1, abs=1e-3) and limits[2] == pytest.approx(1, abs=1e-3) and limits[1] > 1.05
