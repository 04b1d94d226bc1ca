"""Where queueing theory knows the answer, the simulator gives it within the run's own interval."""

import numpy as np
import pytest

from simulator import Group, Model, Placement, Profile, ProfileEntry, Serving, Workload, serving_preset, simulate
from simulator.arrivals import gamma_workload, poisson_arrivals

IDEAL = Serving(dispatch="earliest_free", client_delay_s=0, dispatch_delay_s=0, start_delay_s=0, admission_margin_s=0,
                stage_overhead=0)  # fmt: skip
# OSDI'23 section 3: latency of BERT-6.7B in the authors' two-model example.
TWO_MODEL_LATENCY_S = 0.39624744


def endless(name, profile):
    return Model(name, profile, np.inf)


def one_stage_or_two(latency_s, alpha=1.0, beta=1.0):
    """A model alone on one device, or in two stages: alpha stretches both, beta the slower one (section 2)."""
    slow = alpha * beta * latency_s / 2
    return Profile(
        "p",
        {
            (1, 1): ProfileEntry(1, 1, (latency_s,), (1.0,)),
            (2, 1): ProfileEntry(2, 1, (slow, alpha * latency_s - slow), (0.5, 0.5)),
        },
    )


def interval(latency_s, blocks=30):
    """Mean and three standard errors, by batch means."""
    means = np.array([block.mean() for block in np.array_split(latency_s, blocks)])
    return latency_s.mean(), 3 * means.std(ddof=1) / np.sqrt(blocks)


@pytest.mark.parametrize("load", [0.3, 0.6, 0.8])
def test_one_device_is_an_m_d_1_queue(load):
    service_s = 0.4
    rate = load / service_s
    arrival_s = poisson_arrivals(rate, 400_000 / rate, seed=1)
    workload = Workload(arrival_s, np.zeros(arrival_s.size, dtype=int), 1)
    model = endless("m", one_stage_or_two(service_s))
    result = simulate([model], Placement((Group(1, 1, ("m",)),)), workload, IDEAL)
    mean, margin = interval(result.latency_s)
    expected = service_s + rate * service_s**2 / (2 * (1 - rate * service_s))
    assert abs(mean - expected) < margin
    assert margin < 0.03 * expected


def w_simple(rate, share, d):
    def queue(r):
        return r * d**2 / (2 * (1 - r * d))

    return d + share * queue(share * rate) + (1 - share) * queue((1 - share) * rate)


def w_pipeline(rate, total, slowest):
    return total + rate * slowest**2 / (2 * (1 - rate * slowest))


@pytest.mark.parametrize(("share", "alpha", "beta"), [(0.5, 1, 1), (0.2, 1, 1), (0.5, 1.1, 1), (0.5, 1, 1.2)])
def test_two_models_follow_the_formulas_for_dedicated_and_shared(share, alpha, beta):
    d, rate = 0.4, 3.0
    profile = one_stage_or_two(d, alpha, beta)
    models = [endless("a", profile), endless("b", profile)]
    arrivals = [poisson_arrivals(rate * p, 150_000, seed) for seed, p in ((1, share), (2, 1 - share))]
    times = np.concatenate(arrivals)
    which = np.repeat([0, 1], [a.size for a in arrivals])
    order = np.argsort(times, kind="stable")
    workload = Workload(times[order], which[order], 2)
    dedicated = Placement((Group(1, 1, ("a",)), Group(1, 1, ("b",))))
    shared = Placement((Group(2, 1, ("a", "b")),))
    mean, margin = interval(simulate(models, dedicated, workload, IDEAL).latency_s)
    assert abs(mean - w_simple(rate, share, d)) < margin
    mean, margin = interval(simulate(models, shared, workload, IDEAL).latency_s)
    # beta makes the first stage the slow one, so that the second never queues and the formula is exact.
    assert abs(mean - w_pipeline(rate, alpha * d, alpha * beta * d / 2)) < margin


def test_the_four_request_example_of_the_papers_introduction():
    """Section 1: mean 2.5 y on dedicated devices, (1.1 + 1.6 + 2.1 + 2.6) y / 4 in a pipeline with 10 % overhead.

    The overhead is the hop between the two stages of y / 2, which takes time but keeps no stage busy for longer:
    a stage of its own.
    """
    profile = Profile(
        "p",
        {(1, 1): ProfileEntry(1, 1, (1.0,), (1.0,)), (3, 1): ProfileEntry(3, 1, (0.5, 0.1, 0.5), (0.5, 0.0, 0.5))},
    )
    workload = Workload(np.zeros(4), np.zeros(4, dtype=int), 2)
    models = [endless("a", profile), endless("b", profile)]
    dedicated = simulate(models, Placement((Group(1, 1, ("a",)), Group(1, 1, ("b",)))), workload, IDEAL)
    np.testing.assert_allclose(dedicated.latency_s, [1.0, 2.0, 3.0, 4.0])
    shared = simulate(models, Placement((Group(3, 1, ("a", "b")),)), workload, IDEAL)
    np.testing.assert_allclose(shared.latency_s, [1.1, 1.6, 2.1, 2.6])


@pytest.mark.parametrize(
    ("case", "rates", "cv", "expected"),
    [
        ("Poisson", (1.5, 1.5), 1.0, (0.716, 0.573)),
        ("bursty", (1.5, 1.5), 3.0, (4.12, 2.20)),
        ("skewed", (0.6, 2.4), 1.0, (4.27, 0.57)),
    ],
)
def test_the_papers_two_model_example(case, rates, cv, expected):
    """Section 2, table: mean latencies of dedicated devices and of a shared two-stage pipeline, preset `published`.

    20,000 s as the authors run; the means of several seeds, because one run's mean wanders by more than 3 %.
    """
    profile = one_stage_or_two(TWO_MODEL_LATENCY_S)
    models = [endless("model-1", profile), endless("model-2", profile)]
    dedicated = Placement((Group(1, 1, ("model-1",)), Group(1, 1, ("model-2",))))
    shared = Placement((Group(2, 1, ("model-1", "model-2")),))
    means = np.empty((10, 2))
    for k in range(10):
        workload = gamma_workload(rates, cv, 20_000, seed=2 * k)
        for p, placement in enumerate((dedicated, shared)):
            means[k, p] = simulate(models, placement, workload, serving_preset("published")).latency_s.mean()
    np.testing.assert_allclose(means.mean(axis=0), expected, rtol=0.03)
