"""What is recorded of one group, and the life of one request, beside the plain twin."""

import numpy as np
import pytest

from simulator.generation import record_engines, request_life, simulate_generation
from tests.generation_cases import one_engine, random_case, tokens
from tests.generation_twin import twin_generation


@pytest.mark.parametrize("seed", range(6))
def test_one_group_recorded_is_its_part_of_all_and_changes_nothing(seed):
    groups, workload, dispatch = random_case(seed)
    whole = record_engines(groups, workload, dispatch)
    first = 0
    for number, group in enumerate(groups):
        part = record_engines(groups, workload, dispatch, group=number)
        mine = whole.segments[whole.segments.engine.between(first, first + len(group.engines) - 1)]
        np.testing.assert_array_equal(part.segments, mine)
        engine = simulate_generation(groups, workload, dispatch).engine[whole.events["request"]]
        events = whole.events[(engine >= first) & (engine < first + len(group.engines))]
        np.testing.assert_array_equal(part.events.drop(columns="segment"), events.drop(columns="segment"))
        # An iteration that computes prompts says so beside every one of its chunks.
        chunks = part.events[part.events.kind == "prefill"]
        begins = part.segments.begin_s.to_numpy()[chunks.segment]
        np.testing.assert_array_equal(begins, chunks.at_s)
        first += len(group.engines)


def plain_life(request):
    """(kind, begin, end, tokens) of a request of the twin; iterations that decode are put together."""
    steps, since_s, decoded, wait = [], request.arrival_s, 0, ("waits", 0)
    for kind, begin_s, end_s, number in [*request.steps, ("over", request.last_token_s, None, 0)]:
        if kind == "decode":
            decoded += number
        elif decoded:
            steps.append(("decodes", since_s, begin_s, decoded))
            decoded = 0
        if kind == "preempted":
            since_s, wait = begin_s, ("waits again", number)
        if kind == "prefill":
            if wait is not None:
                steps.append((wait[0], since_s, begin_s, wait[1]))
            steps.append(("prompt", begin_s, end_s, number))
            since_s, wait = end_s, None
    return [step for step in steps if step[2] > step[1] + 1e-12]


@pytest.mark.parametrize("seed", range(8))
def test_the_life_of_every_request_is_that_of_the_twin(seed):
    groups, workload, dispatch = random_case(seed, n=150)
    result, requests = simulate_generation(groups, workload, dispatch), twin_generation(groups, workload, dispatch)[0]
    series = record_engines(groups, workload, dispatch)
    for request in requests:
        life = [step for step in request_life(result, series, request.number) if step.end_s > step.begin_s + 1e-12]
        expected = plain_life(request) if request.engine >= 0 else []
        assert [(step.kind, step.tokens) for step in life] == [(kind, n) for kind, _, _, n in expected]
        np.testing.assert_allclose([step[1:3] for step in life] or [()], [step[1:3] for step in expected] or [()],
                                   rtol=0, atol=1e-9)  # fmt: skip


def test_a_life_with_a_preemption_in_numbers():
    """Two requests of 32 tokens in 5 blocks of 16: the second gives way at the first's third block, and begins anew."""
    groups, workload = [one_engine(kv_blocks=5)], tokens([0, 0], [32, 32], [20, 20])
    result = simulate_generation(groups, workload)
    first, second = (request_life(result, record_engines(groups, workload), r) for r in (0, 1))
    assert [(step.kind, step.tokens) for step in first] == [("prompt", 32), ("decodes", 19)]
    assert [step.kind for step in second] == ["prompt", "waits again", "prompt", "decodes"]
    assert second[1].tokens == 32 and second[2].tokens == 33 and second[3].tokens == 18
    assert result.preemptions.tolist() == [0, 1]
