"""Ticks are found and spread, summaries say what a trace holds, and limits are kept."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from simulator.errors import InputError
from simulator.traces import (
    TraceLimits,
    find_tick,
    rate_over_time,
    read_trace,
    source_shares,
    spread_ticks,
    summarise,
)
from tests.test_trace_reading import MINUTES, NATIVE, read


@pytest.mark.parametrize(
    ("arrival_s", "tick_s"),
    [
        (np.repeat(np.arange(50) * 3.0, 4), 3.0),
        (np.cumsum(np.random.default_rng(0).integers(0, 9, 500)).astype(float), 1.0),
        (np.round(np.repeat(np.arange(300) * 3.05 + 0.0004, 3), 3), 3.05),
        (np.cumsum(np.random.default_rng(1).exponential(1, 500)), None),
        (np.round(np.cumsum(np.random.default_rng(2).exponential(0.1, 5000)), 6), None),
        (np.array([0.0, 1.0, 2.0]), None),
    ],
    ids=["3 s", "1 s", "3.05 s", "continuous", "microseconds", "too few"],
)
def test_the_tick_of_a_clock_is_found_or_there_is_none(arrival_s, tick_s):
    assert find_tick(arrival_s) == (pytest.approx(tick_s) if tick_s else None)


def test_spreading_keeps_requests_in_order_and_inside_their_tick():
    arrival_s = np.array([0.0, 0, 0, 3, 6, 6])
    assert spread_ticks(arrival_s, 3, "even").tolist() == [0, 1, 2, 3, 6, 7.5]
    drawn = spread_ticks(np.repeat(np.arange(100) * 3.0, 7), 3, "random", seed=1)
    assert (np.diff(drawn) >= 0).all()
    assert (drawn // 3 == np.repeat(np.arange(100), 7)).all()
    with pytest.raises(InputError, match="dequantise is 'odd'"):
        spread_ticks(arrival_s, 3, "odd")


def test_the_summary_document_has_exactly_the_keys_of_the_command_line():
    assert summarise(read(NATIVE)).to_json() == {
        "format": "native",
        "requests": 3,
        "span_s": 0.5,
        "rate_per_s": 6.0,
        "cv": 1.0,
        "peak_to_mean": 1.0,
        "sources": [{"name": "search", "requests": 2}, {"name": "ads", "requests": 1}],
    }
    assert summarise(read(f"{MINUTES},1\no,a,f,http,1\n")).to_json()["cv"] is None


def test_a_trace_over_years_is_summarised_without_memory_for_its_empty_minutes():
    summary = summarise(read("arrival_s,model\n0,a\n1,a\n1e12,a\n"))
    assert summary.peak_to_mean == pytest.approx(2 * (1e12 // 60 + 1) / 3)


def test_the_rate_over_time_adds_up_to_all_requests():
    for text in (
        NATIVE.decode(),
        f"{MINUTES},1,2,4\no,a,f,http,1,5,3\no,a,g,http,0,0,7\n",
        "0,2,1,Gamma,1,1\n600,4,1,Gamma,1,1\n1800,1,1,Gamma,1,1\n",
    ):
        trace = read(text)
        edges_s, rate = rate_over_time(trace, bins=7)
        assert (rate * np.diff(edges_s)).sum() == pytest.approx(summarise(trace).requests)
        assert edges_s[-1] == trace.end_s
        assert source_shares(trace).sum() == pytest.approx(1)


def test_rate_profiles_that_overlap_are_added_up():
    parts = [("a.csv", b"0,2,1,Gamma,1,1\n600,4,1,Gamma,1,1\n"), ("b.csv", b"300,1,1,Gamma,1,1\n600,0,0,,0,0\n")]
    trace = read_trace(parts)
    _, rate = rate_over_time(trace, bins=4)
    assert rate.tolist() == pytest.approx([2, 3, 4, 4])
    assert summarise(trace).peak_to_mean == pytest.approx(4 / 3.25)


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"max_bytes": 20}, "too large; at most 20 bytes"),
        ({"max_rows": 2}, "more than 2 rows"),
        ({"max_sources": 1}, "more than 1 models"),
    ],
)
def test_what_is_beyond_a_limit_is_refused_with_the_bound(limits, words):
    with pytest.raises(InputError, match=words):
        read(NATIVE, limits=TraceLimits(**limits))


def test_a_small_archive_that_unpacks_to_a_large_file_is_refused():
    bomb = gzip.compress(NATIVE + b"9,ads\n" * 100_000)
    assert len(bomb) < 2000
    with pytest.raises(InputError, match="unpacks to more than 2\u202f000 bytes"):
        read(bomb, limits=TraceLimits(max_bytes=2000))


def test_a_table_of_counts_beyond_the_limit_is_refused_before_it_is_made():
    with pytest.raises(
        InputError,
        match="1 function over 9\u202f000\u202f000 minutes make 9\u202f000\u202f000 counts; at most 1\u202f000",
    ):
        read(f"{MINUTES},1,9000000\no,a,f,http,1,1\n", limits=TraceLimits(max_cells=1000))


def test_limits_hold_for_all_files_together():
    with pytest.raises(InputError, match="more than 5 rows together"):
        read_trace([("a.csv", NATIVE), ("b.csv", NATIVE)], limits=TraceLimits(max_rows=5))
