"""What is read is what the file says: units, models and silences, and a sentence wherever something was decided."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from simulator import InputError
from simulator.traces import TraceOptions, build_workload, read_trace
from simulator.traces.clock import instant_at

EPOCH_S = 1_700_000_000
UNITS = {"seconds": 1, "milliseconds": 10**3, "microseconds": 10**6, "nanoseconds": 10**9}
OFFSETS_S = [0.0, 0.5, 30.0]


def read(text: str, name: str = "upload.bin", **more):
    return read_trace((name, text.encode()), **more)


def json_lines(rows) -> str:
    return "".join(json.dumps({"input_length": 900, "output_length": 5} | row) + "\n" for row in rows)


def mooncake(times, **more) -> str:
    return json_lines({"timestamp": t, "hash_ids": [0, i]} | more for i, t in enumerate(times))


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize(
    "text",
    [
        lambda times: "arrival_s,model\n" + "".join(f"{t},a\n" for t in times),
        lambda times: "arrived_at,num_prefill_tokens,num_decode_tokens\n" + "".join(f"{t},1,1\n" for t in times),
        lambda times: (
            "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
            + "".join(f"{t},GPT-4,1,1,2,API log\n" for t in times)
        ),
        lambda times: mooncake(times),
        lambda times: mooncake(times, chat_id=1),
        lambda times: json_lines({"timestamp": str(t), "hash_ids": {}} for t in times),
    ],
    ids=["native", "vidur", "burstgpt", "mooncake", "qwen", "ragpulse"],
)
def test_instants_since_1970_are_read_in_the_unit_their_size_tells(text, unit):
    times = [EPOCH_S * UNITS[unit] + round(offset * UNITS[unit]) for offset in OFFSETS_S]
    expected = np.array(times) / UNITS[unit] - EPOCH_S
    trace = read(text(times))
    assert trace.content.arrival_s == pytest.approx(expected, abs=1e-6)
    assert trace.clock_start_s == EPOCH_S
    usual = "milliseconds" if trace.format == "mooncake" else "seconds"
    said = [notice for notice in trace.notices if f"are {unit} since 1970" in notice]
    assert len(said) == (unit != usual)


def test_parquet_instants_and_windows_of_rates_are_told_by_their_size_too():
    buffer = io.BytesIO()
    pq.write_table(pa.table({"arrival_s": [1.7e12, 1.7e12 + 500], "model": ["a", "a"]}), buffer)
    assert read_trace(("t.parquet", buffer.getvalue())).content.arrival_s.tolist() == [0, 0.5]
    rates = read(f"{EPOCH_S}000,2,1,Gamma,1,1\n{EPOCH_S + 600}000,1,1,Gamma,1,1\n")
    assert rates.content.duration_s.tolist() == [600, 600]
    assert "milliseconds since 1970" in rates.notices[0]


def test_ends_in_milliseconds_leave_the_unit_of_durations_open_and_are_refused():
    with pytest.raises(InputError, match="unit of 'duration' is unknown"):
        read(f"app,func,end_timestamp,duration\na,f,{EPOCH_S}000,2\n")


def test_one_instant_among_times_from_a_start_is_refused_with_its_request():
    with pytest.raises(InputError, match="request 2 is at 1.7e[+]18 s; times from 0 to 1e[+]15 s are allowed"):
        read("arrival_s,model\n1,a\n1.7e18,a\n")


def test_sessions_do_not_make_mooncake_ragpulse():
    trace = read(mooncake([0, 500, 3000], session_id="x"))
    assert trace.format == "mooncake"
    assert trace.content.arrival_s.tolist() == [0, 0.5, 3]
    assert trace.notices == ()


def test_lines_that_do_not_tell_their_unit_are_said_to_be_a_guess_and_can_be_told_otherwise():
    text = json_lines({"timestamp": t, "session_id": "x"} for t in (0, 500, 3000))
    guessed = read(text)
    assert guessed.format == "mooncake"
    assert "tells the unit of its times; they are read as milliseconds" in guessed.notices[0]
    assert "The format qwen reads them as seconds" in guessed.notices[0]
    for name in ("qwen", "ragpulse"):
        told = read(text, format=name)
        assert told.content.arrival_s.tolist() == [0, 500, 3000]
        assert told.notices == ()


def test_short_prompts_do_not_decide_the_size_of_a_block():
    # One block holds up to 16 tokens in either format; only the third line tells.
    rows = [{"timestamp": t, "input_length": n, "hash_ids": [0] * k} for t, n, k in ((0, 9, 1), (1, 5, 1), (2, 40, 3))]
    assert read(json_lines(rows)).format == "qwen"
    rows[2]["hash_ids"] = [0]
    assert read(json_lines(rows)).format == "mooncake"


@pytest.mark.parametrize(
    "text",
    [
        json_lines({"timestamp": i, "hash_ids": [0, i], "model": m} for i, m in enumerate("abab")),
        "arrived_at,num_prefill_tokens,num_decode_tokens,model\n0,1,1,a\n1,1,1,b\n2,1,1,a\n3,1,1,b\n",
        "TIMESTAMP,ContextTokens,GeneratedTokens,Model\n"
        + "".join(f"2023-11-16 18:45:1{i},1,1,{m}\n" for i, m in enumerate("abab")),
    ],
    ids=["json", "vidur", "azure llm"],
)
def test_models_that_a_file_names_are_its_sources_whatever_its_format(text):
    trace = read(text)
    assert trace.sources == ("a", "b")
    assert trace.content.source.tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize(
    ("models", "words"),
    [
        (["a", None], "line 2, key 'model' is None; text is needed on every line"),
        (["a", ...], "line 2, key 'model' is missing"),
        ([..., "a"], "line 2 names a model, but the first line does not"),
        ([7, 7], "line 1, key 'model' is 7"),
    ],
)
def test_lines_with_and_without_a_model_are_refused(models, words):
    rows = [{"timestamp": i, "model": m} if m is not ... else {"timestamp": i} for i, m in enumerate(models)]
    with pytest.raises(InputError, match=words):
        read(json_lines(rows))


@pytest.mark.parametrize(
    "text",
    [
        "arrival_s,model,size\n0,a,1\n",
        "arrived_at,num_prefill_tokens,num_decode_tokens,size\n0,1,1,1\n",
        "app,func,end_timestamp,duration,size\na,f,1,1,1\n",
        "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type,Size\n1,a,1,1,2,x,3\n",
        json_lines([{"timestamp": 0, "hash_ids": [0, 1], "size": 1}]),
    ],
)
def test_a_column_that_is_not_read_and_not_of_the_format_is_named(text):
    assert any("1 other column (size) is not used" in notice for notice in read(text).notices)


def test_a_window_before_the_first_request_says_where_that_is():
    trace = read("arrival_s,model\n" + "".join(f"{1800 + 10 * i},a\n" for i in range(100)))
    with pytest.raises(InputError, match="first request of the trace is at 1\u202f800 s and it ends at 2\u202f790 s"):
        build_workload(trace, ["m"], TraceOptions(duration_s=600))
    _, notices = build_workload(trace, ["m"], TraceOptions(duration_s=2400))
    assert any("silent for its first 1\u202f800 of 2\u202f400 s" in notice for notice in notices)
    _, notices = build_workload(trace, ["m"], TraceOptions(start_s=1800, duration_s=600))
    assert notices == ()


def test_counts_and_rates_say_where_their_traffic_begins():
    counts = read("HashFunction,1,2,3,4\nf,0,0,0,9\n")
    rates = read("0,0,0,,0,0\n600,2,1,Gamma,1,1\n")
    for trace, first_s in ((counts, 180), (rates, 600)):
        with pytest.raises(InputError, match=f"first request of the trace is at {first_s} s"):
            build_workload(trace, ["m"], TraceOptions(duration_s=60, resample="gamma"))
    late = read("HashFunction,480,481\nf,1,9\n")
    assert "The first column is minute 480" in late.notices[0]


def test_a_silence_that_makes_the_mean_meaningless_is_said():
    times = [*range(50), *range(10_000, 10_050)]
    trace = read("arrival_s,model\n" + "".join(f"{t},a\n" for t in times))
    assert any("Nothing arrives from 49 to 10\u202f000 s" in notice for notice in trace.notices)


def test_dates_beside_times_from_a_start_are_said_to_be_joined_by_guess():
    trace = read_trace([
        ("dates.csv", b"TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:45:10,1,1\n"),
        ("own.csv", b"arrival_s,model\n5,a\n"),
    ])  # fmt: skip
    assert any("dates.csv has dates and own.csv counts from a start of its own" in notice for notice in trace.notices)


def test_a_name_without_end_is_refused_and_takes_no_memory_on_the_way():
    rows = 200_000
    names = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array(["x" * 100_000]))
    buffer = io.BytesIO()
    # Written out this column would have 20 GB.
    pq.write_table(pa.table({"arrival_s": np.arange(rows) / 10, "model": names}), buffer, store_schema=False)
    with pytest.raises(InputError, match="with 100\u202f000 characters .*at most 500 are allowed"):
        read_trace(("t.parquet", buffer.getvalue()))


@pytest.mark.parametrize(
    ("text", "at"),
    [("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:45:10.5,1,1\n",
      datetime(2023, 11, 16, 18, 45, 12, tzinfo=UTC)),
     (f"arrival_s,model\n{EPOCH_S},a\n", datetime.fromtimestamp(EPOCH_S + 1.5, UTC)),
     ("arrival_s,model\n5,a\n", None)],
)  # fmt: skip
def test_a_time_of_a_trace_is_an_instant_where_its_clock_has_a_date(text, at):
    trace = read(text, "t.csv")
    assert instant_at(trace, 1.5) == at
    assert instant_at(trace, 1e15) is None
