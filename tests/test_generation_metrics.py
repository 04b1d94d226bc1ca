"""Figures of token-by-token serving, counted by hand."""

import numpy as np
import pytest

from simulator import InputError
from simulator.generation import GenerationResult, TokenSlo, measure_generation, meets
from tests.generation_cases import tokens

NAN = np.nan


def result():
    """Four requests: quick; slow to start; one token; too long."""
    workload = tokens([0, 1, 2, 3], [10, 10, 10, 9999], [5, 3, 1, 1])
    first, last = np.array([0.5, 4.0, 2.5, NAN]), np.array([0.9, 4.4, 2.5, NAN])
    status, engine, preemptions = np.array([[0, 0, 0, 1], [0, 0, 0, -1], [0, 2, 0, 0]])
    return GenerationResult(workload, status, engine, first - 0.1, first, last, preemptions)


def test_times_of_each_request():
    np.testing.assert_allclose(result().ttft_s, [0.5, 3.0, 0.5, NAN])
    np.testing.assert_allclose(result().tpot_s, [0.1, 0.2, NAN, NAN])
    np.testing.assert_allclose(result().e2e_s, [0.9, 3.4, 0.5, NAN])


def test_attainment_is_over_all_requests_and_one_token_meets_every_tpot():
    slo = TokenSlo(ttft_s=1.0, tpot_s=0.15, e2e_s=4.0)
    kept = meets(result(), slo)
    assert kept["tpot"].tolist() == [True, False, True, False]
    figures = measure_generation(result(), slo)
    assert figures.attainment == {"ttft": 0.5, "tpot": 0.5, "e2e": 0.75, "all": 0.5}
    assert (figures.requests, figures.served, figures.too_long, figures.preemptions) == (4, 3, 1, 2)
    assert figures.goodput_per_s == pytest.approx(2 / 4.4)
    assert figures.output_tokens_per_s == pytest.approx(9 / 4.4)
    assert figures.itl_s == pytest.approx(0.8 / 6)
    assert figures.ttft_s.mean == pytest.approx(4.0 / 3)


def test_what_was_not_computed_is_absent():
    figures = measure_generation(result(), TokenSlo(ttft_s=1), np.array([3]))
    assert figures.ttft_s is None and figures.itl_s is None and figures.attainment["ttft"] == 0
    assert measure_generation(result()).attainment == {} and measure_generation(result()).goodput_per_s is None
    with pytest.raises(InputError, match="The deadline ttft_s is 0"):
        TokenSlo(ttft_s=0)
