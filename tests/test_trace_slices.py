"""The slices of real traces give the figures of the table in their README."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.errors import InputError
from simulator.traces import read_trace, summarise
from tests.conftest import REAL_TRACES as TRACES

if not TRACES.is_dir():
    reason = "slices of the real traces (../shared/traces) are not here; test_trace_lookalikes.py reads files like them"
    pytest.skip(reason, allow_module_level=True)

# path, format, requests, rate, CV, peak to mean, distinct sources; tolerances are half the table's last digit.
EVENTS = [
    ("azure_llm_2023/AzureLLMInferenceTrace_code.csv", "azure_llm_2023", 3719, 2.125, 12.58, 3.58, 1),
    ("azure_llm_2023/AzureLLMInferenceTrace_conv.csv", "azure_llm_2023", 9612, 5.499, 1.11, 1.51, 1),
    ("mooncake_fast25/conversation_trace.jsonl", "mooncake", 5719, 3.183, 2.92, 1.26, 1),
    (
        "azure_functions_2021/AzureFunctionsInvocationTraceForTwoWeeksJan2021.txt",
        "azure_functions_2021",
        620,
        0.172,
        1.90,
        5.13,
        44,
    ),
    ("ragpulse/0_trace.jsonl", "ragpulse", 3609, 0.0139, 3.12, 11.95, 1),
    # 13,217 rows less the 9 that name no model, which changes the peak from 18.83.
    ("alibaba_gentd26/lora_request_trace.csv", "gentd26", 13208, 0.0115, 11.94, 18.84, 75),
]
COUNTS = [
    ("azure_functions_2019/invocations_500f_min480-719.csv", 1505228, 104.5, 1.19, 500, 14400, 28740),
    ("azure_functions_2019/invocations_10f_fullday.csv", 13037064, 150.9, 1.08, 10, 86400, 0),
    ("azure_functions_2019/invitro_variant/105_inv.csv", 71884, 0.832, 56.3, 105, 86400, 0),
]
RATES = {
    "m-small": {5: 340.7, 38: 264.9, 17: 29.3},
    "m-mid": {60: 354.1, 36: 128.2, 73: 92.0},
    "m-large": {61: 27.5, 148: 18.7, 142: 8.4},
}


@pytest.mark.parametrize(("path", "name", "requests", "rate", "cv", "peak", "distinct"), EVENTS)
def test_a_slice_of_events_gives_the_figures_of_the_table(path, name, requests, rate, cv, peak, distinct):
    trace = read_trace(TRACES / path)
    summary = summarise(trace)
    assert (trace.format, summary.requests, len(summary.sources)) == (name, requests, distinct)
    assert summary.rate_per_s == pytest.approx(rate, rel=0.005)
    assert summary.cv == pytest.approx(cv, abs=0.0051)
    assert summary.peak_to_mean == pytest.approx(peak, abs=0.0051)


@pytest.mark.parametrize(("path", "requests", "rate", "peak", "distinct", "span", "clock"), COUNTS)
def test_a_slice_of_counts_gives_the_figures_of_the_table(path, requests, rate, peak, distinct, span, clock):
    trace = read_trace(TRACES / path)
    summary = summarise(trace)
    assert (trace.format, trace.kind, summary.cv) == ("azure_functions_2019", "counts", None)
    assert (summary.requests, len(summary.sources), summary.span_s) == (requests, distinct, span)
    assert trace.clock_start_s == clock
    assert summary.rate_per_s == pytest.approx(rate, rel=0.0005)
    assert summary.peak_to_mean == pytest.approx(peak, abs=0.05)


@pytest.mark.parametrize(
    ("path", "total_cv", "median_cv"),
    [(COUNTS[0][0], 0.12, 3.0), (COUNTS[1][0], 0.02, None), (COUNTS[2][0], 2.19, 7.7)],
)
def test_the_counts_vary_from_minute_to_minute_as_the_table_says(path, total_cv, median_cv):
    counts = read_trace(TRACES / path).content.counts
    total = counts.sum(axis=0)
    assert total.std() / total.mean() == pytest.approx(total_cv, abs=0.006)
    if median_cv is not None:
        called = counts[counts.any(axis=1)]
        assert np.median(called.std(axis=1) / called.mean(axis=1)) == pytest.approx(median_cv, abs=0.06)


def test_shares_and_silent_functions_are_those_of_the_table():
    summary = summarise(read_trace(TRACES / COUNTS[0][0]))
    assert summary.sources[0][1] / summary.requests == pytest.approx(0.638, abs=0.0005)
    assert sum(requests == 0 for _, requests in summary.sources) == 54
    top = [requests / 13217 for _, requests in summarise(read_trace(TRACES / EVENTS[5][0])).sources[:5]]
    assert top == pytest.approx([0.281, 0.139, 0.096, 0.081, 0.058], abs=0.0005)
    functions = summarise(read_trace(TRACES / EVENTS[3][0]))
    assert functions.sources[0][1] / 620 == pytest.approx(0.155, abs=0.0005)


def test_rate_profiles_of_several_clients_give_the_mean_rates_of_the_table():
    for model, clients in RATES.items():
        paths = [TRACES / "servegen_rates" / model / f"chunk-{client}-trace.csv" for client in clients]
        trace = read_trace(paths)
        summary = summarise(trace)
        assert (trace.format, trace.kind, summary.cv, summary.span_s) == ("servegen", "rates", None, 172800)
        assert trace.clock_start_s == 86400
        rates = {name: requests / summary.span_s for name, requests in summary.sources}
        for client, rate in clients.items():
            assert rates[f"chunk-{client}-trace"] == pytest.approx(rate, abs=0.05)


def test_code_and_conversation_keep_their_common_clock():
    paths = [TRACES / "azure_llm_2023" / f"AzureLLMInferenceTrace_{name}.csv" for name in ("code", "conv")]
    trace = read_trace(paths)
    first = [float(trace.content.arrival_s[trace.content.source == i][0]) for i in (0, 1)]
    # 18:45:10.1342190 and 18:45:00.3463170.
    assert first == pytest.approx([9.787902, 0.0], abs=1e-9)
    assert trace.sources == ("AzureLLMInferenceTrace_code", "AzureLLMInferenceTrace_conv")
    assert trace.starts_at.isoformat() == "2023-11-16T18:45:00.346317+00:00"


def test_what_is_odd_about_a_slice_is_said():
    notices = {path: " ".join(read_trace(TRACES / path).notices) for path, *_ in EVENTS}
    assert "ticks of 3 s" in notices[EVENTS[2][0]]
    assert "2 passes" in notices[EVENTS[4][0]]
    assert "9 rows" in notices[EVENTS[5][0]]
    assert "231 FAILED, 9 PENDING" in notices[EVENTS[5][0]]


def test_a_durations_file_is_refused_with_the_name_of_what_is_needed():
    with pytest.raises(InputError, match="durations_500f.csv holds durations.*invocations_per_function"):
        read_trace(TRACES / "azure_functions_2019" / "durations_500f.csv")
