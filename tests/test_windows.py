"""Stretches and moments of a run that are worth a look."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator import Group, Model, Placement, Serving, Workload, simulate, stage_spans
from simulator.loads import list_waits
from simulator.metric_kernels import ROUNDING_S
from simulator.moment import moment
from simulator.windows import busiest_window_s, most_waiting_at_s
from tests.cases import profile, random_case

NO_DELAYS = Serving(client_delay_s=0, dispatch_delay_s=0, start_delay_s=0, admission_margin_s=0, stage_overhead=0)


def run(arrival_s, slo_s=100.0):
    workload = Workload(np.array(arrival_s, dtype=float), np.zeros(len(arrival_s), dtype=int), 1)
    placement = Placement((Group(1, 1, ("m",)),))
    return simulate([Model("m", profile(1.0), slo_s)], placement, workload, NO_DELAYS)


def test_the_busiest_window_is_the_shortest_that_begins_so_many_stages():
    result = run([0, 10, 20, 20, 20, 40])
    assert busiest_window_s(stage_spans(result), 3) == (20.0, 22.0)


def test_with_fewer_executions_than_asked_for_the_whole_execution_is_the_window():
    assert busiest_window_s(stage_spans(run([0, 10])), 5) == (0.0, 11.0)


def test_only_the_wanted_rows_count():
    spans = stage_spans(run([0, 10, 10.5, 30]))
    assert busiest_window_s(spans, 2, np.array([True, False, False, True])) == (0.0, 30.0)


def test_where_nothing_ran_no_window_is_busiest():
    assert busiest_window_s(stage_spans(run([0, 1], slo_s=0.5)), 2) is None


def test_most_wait_when_the_last_of_a_burst_has_come():
    result = run([0, 5, 5.1, 5.2, 30])
    assert most_waiting_at_s(result, 0, 40) == pytest.approx(5.2)
    assert most_waiting_at_s(result, 10, 20) == 10


@settings(max_examples=60)
@given(seed=st.integers(0, 10_000))
def test_at_no_time_more_requests_wait_than_when_most_wait(seed):
    models, placement, workload = random_case(seed)
    result = simulate(models, placement, workload, NO_DELAYS)
    spans = stage_spans(result)

    def waiting(at_s):
        return sum(len(group.queue) for group in moment(result, at_s, spans).groups)

    waits = list_waits(result).from_s
    most = waiting(most_waiting_at_s(result, 0.0, float(waits.max(initial=0.0)) + 1))
    # A moment may see a wait of a rounding error, which is none.
    assert most >= max((waiting(float(at_s) + ROUNDING_S) for at_s in waits), default=0)
