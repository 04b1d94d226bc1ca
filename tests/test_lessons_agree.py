"""No lesson contradicts another about the same setting, wherever the sliders stand."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from app.lessons import batching, hunt, memory, regions, theory, traffic
from app.lessons.frame import DEDICATED, SHARED
from planner.lessons.eight_models import MAP_CVS, MAP_RATES_PER_S
from planner.lessons.traffic import closed_forms_s
from planner.lessons.verdicts import MEASURES, lead
from planner.theory.two_models import LATENCY_S, serve_traffic


def on_grid(low, high, step):
    return st.integers(0, round((high - low) / step)).map(lambda i: round(low + i * step, 6))


def opposite(one, other):
    return {one, other} == {DEDICATED, SHARED}


@settings(max_examples=30, deadline=None)
@given(rate=on_grid(0.1, 4.9, 0.1))
def test_traffic_and_theory_agree_about_even_poisson_traffic(rate):
    """Without overhead sharing waits half as long by formula, so the simulated lesson never says the opposite."""
    simulated = traffic.Settings(rate, 1.0, 50.0)
    by_formula = theory.Settings(rate * LATENCY_S, 1.0, 1.0)
    there = theory.Run(*theory.latencies(by_formula.load, 1.0, 1.0), (), None, 0)
    assert theory.formula_sign(there) >= 0
    assert traffic.say(simulated, traffic.run(simulated)).hue != DEDICATED


@settings(max_examples=25, deadline=None)
@given(load=on_grid(0.05, 1.95, 0.05), alpha=on_grid(1.0, 1.3, 0.005), beta=on_grid(1.0, 1.5, 0.01))
def test_formula_and_simulation_of_the_same_overheads_agree(load, alpha, beta):
    there = theory.Run(*theory.latencies(load, alpha, beta), (), None, 0)
    simulated = lead(serve_traffic(load / LATENCY_S, 1.0, 0.5, alpha, beta), "mean latency").sign
    assert theory.formula_sign(there) * simulated >= 0


@settings(max_examples=10, deadline=None)
@given(scale=on_grid(1, 20, 0.5), alpha=on_grid(1.0, 1.5, 0.05), by=st.sampled_from(MEASURES),
       row=st.integers(0, len(MAP_CVS) - 1), column=st.integers(0, len(MAP_RATES_PER_S) - 1))  # fmt: skip
def test_a_cell_of_the_map_and_the_sliders_on_it_agree(scale, alpha, by, row, column):
    chosen = regions.Settings(MAP_RATES_PER_S[column], MAP_CVS[row], scale, alpha, by)
    cell = int(regions.map_of(by, scale, alpha)[row, column])
    found = regions.run(chosen)
    assert found.ahead.sign * cell >= 0
    # The cell that is marked says what the sentence says, and the title counts it so.
    assert found.signs[row, column] == found.ahead.sign
    assert regions.say(chosen, found).hue == {1: SHARED, -1: DEDICATED, 0: None}[int(found.signs[row, column])]


@settings(max_examples=8, deadline=None)
@given(rate=on_grid(1, 33, 1), cv=on_grid(0.5, 8, 0.5), scale=on_grid(1, 20, 0.5), alpha=on_grid(1.0, 1.5, 0.05))
def test_the_hunt_and_the_regions_agree_about_every_setting(rate, cv, scale, alpha):
    here, there = hunt.Settings(rate, cv, scale, alpha), regions.Settings(rate, cv, scale, alpha)
    one, other = hunt.run(here), regions.run(there)
    assert not opposite(hunt.say(here, one).hue, regions.say(there, other).hue)
    assert one.ahead == other.ahead and np.array_equal(one.signs, other.signs)


@settings(max_examples=15, deadline=None)
@given(rate=on_grid(0.1, 4.9, 0.1), share=on_grid(5, 95, 5))
def test_simulation_and_formula_of_uneven_poisson_traffic_never_name_opposite_winners(rate, share):
    dedicated_s, shared_s = closed_forms_s(rate, 1.0, share / 100)
    hue = traffic.say(chosen := traffic.Settings(rate, 1.0, share), traffic.run(chosen)).hue
    assert not opposite(hue, SHARED if shared_s < dedicated_s else DEDICATED if dedicated_s < shared_s else None)


@settings(max_examples=8, deadline=None)
@given(room=on_grid(1, 8, 1), scale=on_grid(1, 20, 0.5), alpha=on_grid(1.0, 1.5, 0.05),
       row=st.integers(0, len(MAP_CVS) - 1), column=st.integers(0, len(MAP_RATES_PER_S) - 1))  # fmt: skip
def test_a_cell_of_the_hunt_its_sliders_and_its_trail_agree(room, scale, alpha, row, column):
    rate, cv = MAP_RATES_PER_S[column], MAP_CVS[row]
    word = f"{rate:g}_{cv:g}_{scale:g}_{alpha:g}_{room:g}"
    found = hunt.run(hunt.Settings(rate, cv, scale, alpha, room, word))
    assert found.ahead.sign == found.signs[row, column]
    assert found.trail == ((rate, cv, found.ahead.sign),)


@settings(max_examples=6, deadline=None)
@given(gib=on_grid(7, 44, 1), rate=on_grid(1, 33, 1), cv=on_grid(0.5, 8, 0.5))
def test_the_memory_from_which_splitting_does_not_pay_and_the_verdict_there_agree(gib, rate, cv):
    chosen = memory.Settings(gib, rate, cv)
    found = memory.run(chosen)
    limit_gib = found.pays_until_gib
    if memory.say(chosen, found).hue == SHARED:
        assert limit_gib is None or gib < limit_gib
        assert limit_gib is not None or found.sign > 0
    if limit_gib is not None and gib >= limit_gib:
        assert found.sign <= 0


@settings(max_examples=6, deadline=None)
@given(at=st.integers(0, len(batching.SCALES) - 1), rate=on_grid(8, 80, 8), cv=on_grid(0.5, 6, 0.5))
def test_the_lines_of_batches_and_the_verdict_at_a_deadline_on_them_agree(at, rate, cv):
    found = batching.run(batching.Settings(batching.SCALES[at], rate, cv))
    assert np.array_equal(found.lines[at], found.here)
