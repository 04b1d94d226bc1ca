"""No lesson contradicts another about the same setting, wherever the sliders stand."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from app.lessons import hunt, regions, theory, traffic
from app.lessons.frame import DEDICATED, SHARED
from planner.lessons.eight_models import MAP_CVS, MAP_RATES_PER_S
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
    assert lead(regions.run_here(chosen), by).sign * cell >= 0


@settings(max_examples=8, deadline=None)
@given(rate=on_grid(1, 33, 1), cv=on_grid(0.5, 8, 0.5), scale=on_grid(1, 20, 0.5), alpha=on_grid(1.0, 1.5, 0.05))
def test_the_hunt_and_the_regions_agree_about_every_setting(rate, cv, scale, alpha):
    here, there = hunt.Settings(rate, cv, scale, alpha), regions.Settings(rate, cv, scale, alpha)
    one, other = hunt.run(here), regions.run(there)
    assert not opposite(hunt.say(here, one).hue, regions.say(there, other).hue)
    assert one.ahead == other.ahead and np.array_equal(one.signs, other.signs)
