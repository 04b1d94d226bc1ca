"""Tables that no reader knows: read where they are clear, by a mapping where they are not, refused with the nearest."""

from __future__ import annotations

import gzip
import io
import json
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
import yaml

from planner.__main__ import main
from planner.scenario.file import dump_scenario, load_scenario, parse_scenario
from planner.scenario.inputs import read_scenario_trace
from simulator.errors import InputError
from simulator.traces import Columns, TraceLimits, parse_columns, preview_table, read_trace
from simulator.traces.json_rows import series_names

LOG = '1.2.3.4 - - [10/Oct/2025:13:55:{:02d} -0700] "POST {} HTTP/1.1" 200 23 "-" "curl/8"\n'


def read(text: str | bytes, columns: str | None = None, name: str = "upload.csv", **more):
    data = text if isinstance(text, bytes) else text.encode()
    return read_trace((name, data), columns=None if columns is None else parse_columns(columns), **more)


def refused(text: str | bytes, columns: str | None = None, **more) -> str:
    with pytest.raises(InputError) as error:
        read(text, columns, **more)
    return str(error.value)


def requests_of(trace) -> list[tuple[float, str]]:
    return [(t, trace.sources[s]) for t, s in zip(trace.content.arrival_s, trace.content.source, strict=True)]


def parquet(**columns) -> bytes:
    buffer = io.BytesIO()
    pd.DataFrame(columns).to_parquet(buffer)
    return buffer.getvalue()


CLEAR = {
    "timestamp,model in s": "timestamp,model\n1700000000.5,a\n1700000002,b\n",
    "ms": "timestamp,model\n1700000000000,a\n1700000001500,b\n",
    "us": "ts,model\n1700000000000000,a\n1700000001500000,b\n",
    "ns": "ts,model\n1700000000000000001,a\n1700000001500000001,b\n",
    "unit in the name": "start_ms,model\n0,a\n1500,b\n",
    "tabs": "arrival_s\tmodel\n0\ta\n1.5\tb\n",
    "semicolons": "arrival_s;model\n0;a\n1.5;b\n",
    "bars": "arrival_s|model\n0|a\n1.5|b\n",
    "decimal commas": "arrival_s;model\n0,0;a\n1,5;b\n",
    "sep line of a spreadsheet": "sep=;\narrival_s;model\n0;a\n1,5;b\n",
    "native as JSON Lines": '{"arrival_s": 0, "model": "a"}\n{"arrival_s": 1.5, "model": "b"}\n',
    "JSON list": '[{"time": 0, "model": "a"}, {"time": 1.5, "model": "b"}]',
    "keys inside keys": '{"time": 0, "req": {"model": "a"}}\n{"time": 1.5, "req": {"model": "b"}}\n',
    "dates": "time,model\n2026-03-01T10:00:00Z,a\n2026-03-01T10:00:01.5Z,b\n",
    "dates with offsets": "time,model\n2026-03-01T10:00:00Z,a\n2026-03-01 12:00:01.5 +02:00,b\n",
    "day first": "date;model\n31.12.2025 23:59:59;a\n1.1.2026 0:00:00,5;b\n",
    "month first, half days": "time,model\n12/31/2025 11:59:59.0 PM,a\n01/01/2026 12:00:00.5 AM,b\n",
    "logging's commas": 'time;model\n2026-03-01 10:00:00,000;a\n2026-03-01 10:00:01,500;b\n',
    "byte order mark": "\ufefftimestamp,model\n0,a\n1.5,b\n",
    "CRLF": "timestamp,model\r\n0,a\r\n1.5,b\r\n",
    "quotes and line ends in cells": 'timestamp,model,prompt\n0,a,"x, ""y""\nz"\n1.5,b,"1\n2"\n',
    "blank lines first": "\n\ntimestamp,model\n0,a\n1.5,b\n",
    "rows without anything": "arrival_s;model\n0;a\n;\n1.5;b\n;\n",
    "Parquet": parquet(start_time=pd.to_datetime(["2026-03-01 10:00:00.0", "2026-03-01 10:00:01.5"]), model=["a", "b"]),
    "packed": gzip.compress(b"timestamp\tmodel\n0\ta\n1.5\tb\n"),
}  # fmt: skip


@pytest.mark.parametrize("data", CLEAR.values(), ids=CLEAR)
def test_a_clear_table_is_read_without_a_mapping_and_says_how(data):
    trace = read(data)
    found = requests_of(trace)
    assert [model for _, model in found] == ["a", "b"]
    assert found[1][0] - found[0][0] == pytest.approx(1.5, abs=1e-6)
    assert "is read by what its columns look like: time=" in trace.notices[0]
    # What it says is a mapping that reads the same.
    again = read(data, trace.columns.to_text())
    assert requests_of(again) == found
    assert again.digest == trace.digest


@pytest.mark.parametrize("data", CLEAR.values(), ids=CLEAR)
def test_what_is_said_of_the_mapping_is_enough_to_read_it(data):
    trace = read(data)
    said = trace.notices[0].partition("look like: ")[2].removesuffix(".")
    assert requests_of(read(data, said)) == requests_of(trace)


REQUEST_LOGS = {
    "vLLM": (
        '{"request_id": "b0", "input_toks": 23, "output_toks": 5, "arrival_time": 1787267980.25, "queued_ts": 27.5}\n'
        '{"request_id": "b1", "input_toks": 24, "output_toks": 6, "arrival_time": 1787267981.25, "queued_ts": 27.7}\n'
    ),
    "vLLM benchmark": json.dumps(
        {"date": "x", "start_times": [5.25, 6.25], "input_lens": [23, 24], "output_lens": [5, 6], "itls": [[1], [2]]}
    ),
    "GuideLLM": json.dumps({"benchmarks": [{"requests": {"errored": [], "successful": [
        {"request_id": "a", "start_time": 1700000000.25, "prompt_tokens": 23, "output_tokens": 5},
        {"request_id": "b", "start_time": 1700000001.25, "prompt_tokens": 24, "output_tokens": 6}]}}]}),
    "LLMServingSim": "input_toks,output_toks,arrival_time_ns\n23,5,0\n24,6,1000000000\n",
}  # fmt: skip


@pytest.mark.parametrize("data", REQUEST_LOGS.values(), ids=REQUEST_LOGS)
def test_request_logs_of_engines_are_read_with_their_tokens(data):
    content = read(data).content
    assert content.arrival_s[1] - content.arrival_s[0] == 1.0
    np.testing.assert_array_equal(content.input_tokens, [23, 24])
    np.testing.assert_array_equal(content.output_tokens, [5, 6])


def test_an_access_log_is_read_with_its_routes_as_models():
    trace = read(LOG.format(36, "/v1/chat?id=7") + LOG.format(38, "/v1/embed") + LOG.format(38, "/v1/chat"))
    assert requests_of(trace) == [(0.0, "/v1/chat"), (2.0, "/v1/embed"), (2.0, "/v1/chat")]
    assert trace.starts_at == datetime(2025, 10, 10, 20, 55, 36, tzinfo=UTC)
    assert "line 2 is no line of an access log" in refused(LOG.format(36, "/a") + "restarted\n")


def test_a_table_without_models_is_one_and_rows_without_a_model_are_counted():
    assert read("timestamp,latency\n0,1\n1.4,3\n5,2\n").sources == ("upload",)
    trace = read("timestamp,model\n0,a\n1,\n2,\n")
    assert requests_of(trace) == [(0.0, "a"), (1.0, "(no name)"), (2.0, "(no name)")]
    assert "2 rows of upload.csv without a model: the source '(no name)'." in trace.notices


def test_deadlines_come_in_their_unit_and_may_be_missing():
    trace = read("t;m;d\n0;a;250\n1;a;\n", "time=t,unit=s,model=m,deadline=d,deadline_unit=ms")
    np.testing.assert_array_equal(trace.content.slo_s, [0.25, np.nan])


def test_thousands_may_be_parted():
    trace = read('t,n\n"1,000.5",1\n"2,000.5",1\n', "time=t,unit=s")
    np.testing.assert_array_equal(trace.content.arrival_s, [1000.5, 2000.5])
    trace = read("t;n\n1.000,5;1\n2 000,5;1\n", "time=t,unit=s,decimal=comma")
    np.testing.assert_array_equal(trace.content.arrival_s, [1000.5, 2000.5])


def test_the_hour_that_is_shown_twice_goes_on_where_the_clock_falls_back():
    rows = ["02:30", "02:59", "02:05", "02:30", "03:00"]
    text = "time,model\n" + "".join(f"2026-10-25 {row}:00,a\n" for row in rows)
    trace = read(text, "time=time,model=model,zone=Europe/Berlin")
    np.testing.assert_array_equal(trace.content.arrival_s / 60, [0, 29, 35, 60, 90])
    assert trace.starts_at == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert any(
        "4 times of upload.csv stood in an hour that clocks in Europe/Berlin show twice" in n for n in trace.notices
    )


WRONG = {
    "a time that clocks skip": (
        "time,model\n2026-03-29 01:59:00,a\n2026-03-29 02:30:00,a\n", "time=time,zone=Europe/Berlin",
        "upload.csv, line 3, column 'time' is a time that clocks in Europe/Berlin skip"),
    "two epochs": ("timestamp,model\n1700000000,a\n1700000001000,b\n", None,
                   "line 3, column 'timestamp' is '1700000001000'; a time in s since 1970"),
    "0 among dates": ("timestamp,model\n1700000000,a\n0,b\n", "time=timestamp",
                      "line 3, column 'timestamp' is '0'"),
    "a word": ("timestamp,model\n1,a\n2,b\nx,c\n", None, "line 4, column 'timestamp' is 'x'; a number from 0"),
    "behind quoted line ends": ('timestamp,model\n1,"a\nb"\n2,b\nx,c\n', None, "line 5, column 'timestamp' is 'x'"),
    "an empty time": ("timestamp,model\n1,a\n,b\n", None, "line 3, column 'timestamp' is empty; a number from 0"),
    "a negative deadline": ("timestamp,d\n1,-1\n", "time=timestamp,deadline=d", "line 2, column 'd' is '-1'; a posi"),
    "half a token": ("timestamp,i\n1,1.5\n", "time=timestamp,input_tokens=i", "column 'i' is '1.5'; a whole number"),
    "a missing token": ("timestamp,i\n1,1\n2,\n", "time=timestamp,input_tokens=i", "line 3, column 'i' is empty"),
    "ragged": ("timestamp,model\n1,a\n2,b,c\n", None, "line 3 has 3 fields; 2 are needed"),
    "no such column": ("timestamp,model\n1,a\n", "time=timestmp", "no column 'timestmp'; timestamp, model are allowed. "
                       "Is 'timestamp' meant?"),
    "a header twice": ("timestamp,model,model\n1,a,b\n", "time=timestamp,model=model",
                       "2 columns named 'model'; model (1) or model (2) is allowed"),
    "damaged Parquet": (parquet(time=[1.0])[:-20], "time=time", "damaged Parquet"),
    "cut JSON document": ('[{"time": 1},\n{"time"', None, "line 2 is no complete JSON"),
    "a wrong line of JSON": ('{"time": 1}\n{"time": 2}\n7\n', "time=time", "line 3 is no complete JSON object"),
    "JSON without rows": ('{"a": {"b": "x"}}', None, "No column holds times"),
    "nothing but a header": ("time,model\n", "time=time", "has no rows"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "time=time", "is an image"),
    "a date that is none": ("time,model\n2026-02-30,a\n", "time=time,unit=iso", "column 'time' is '2026-02-30'"),
}  # fmt: skip


@pytest.mark.parametrize(("data", "columns", "words"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_said_with_its_place_and_what_is_allowed(data, columns, words):
    assert words in refused(data, columns)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("tim=ts", "'tim=ts' is not known; time, unit, zone"),
        ("time", "'time' is not known"),
        ("time=a,time=b", "'time' is given twice"),
        ("time=a,unit=weeks", "unit is 'weeks'; 'auto', 's', 'ms'"),
        ("time=a,zone=Berlin", "zone is 'Berlin'; the name of a time zone"),
        ("time=a,zone=../../etc/passwd", "zone is '../../etc/passwd'"),
        ("time=a,model=a", "The column 'a' is given twice"),
        ("time=a,shape=long", "value belongs to shape: long"),
        ("time=a,shape=wide,model=b", "every column is a model"),
        ("time=a,shape=wide,deadline=b", "intervals have none"),
    ],
)
def test_a_wrong_mapping_is_refused_in_one_sentence(text, words):
    with pytest.raises(InputError) as error:
        parse_columns(text)
    assert words in str(error.value)


def test_a_mapping_as_text_reads_back_the_same():
    columns = Columns(time='a "b", c', model="m", unit="ms", delimiter="tab")
    assert parse_columns(columns.to_text()) == columns


COUNTS = "2026-03-01 10:00:00{0}{1}\n2026-03-01 10:01:00{0}{2}\n2026-03-01 10:03:00{0}{3}\n"


def test_counts_per_interval_are_counts_with_their_gaps():
    trace = read("Time,requests\n" + COUNTS.format(",", 4, 0, 7))
    assert trace.kind == "counts" and trace.sources == ("upload",) and trace.content.bin_s == 60
    np.testing.assert_array_equal(trace.content.counts, [[4, 0, 0, 7]])
    assert trace.starts_at == datetime(2026, 3, 1, 10, tzinfo=UTC)
    assert "1 interval of 60 s that the file leaves out: no request." in trace.notices


def test_wide_columns_are_series_and_the_nearest_reading_is_named():
    text = '"Time","/chat","/embed"\n' + COUNTS.format(",", "4,1", "0,", "7,2")
    assert "--columns time=Time,unit=iso,shape=wide (in a scenario" in refused(text)
    trace = read(text, "time=Time,shape=wide")
    assert trace.sources == ("/chat", "/embed")
    np.testing.assert_array_equal(trace.content.counts, [[4, 0, 0, 7], [1, 0, 0, 2]])


def test_long_rows_are_series_and_numbers_of_one_interval_add_up():
    text = "time,series,value\n0,a,1\n0,b,2\n60,a,3\n60,b,4\n60,b,5\n"
    trace = read(text, "time=time,unit=s,model=series,shape=long,value=value")
    np.testing.assert_array_equal(trace.content.counts, [[1, 3], [2, 9]])
    assert "1 row named an interval again; the numbers have been added up." in trace.notices


@pytest.mark.parametrize(("measure", "seconds"), [("per_s", 1), ("per_min", 60), ("per_h", 3600)])
def test_rates_are_told_per_second_and_taken_as_poisson(measure, seconds):
    trace = read("t,a\n0,1.5\n20,3\n40,0\n", f"time=t,unit=s,shape=wide,measure={measure}")
    np.testing.assert_allclose(trace.content.rate_per_s, np.array([1.5, 3, 0]) / seconds)
    np.testing.assert_array_equal(trace.content.duration_s, [20, 20, 20])
    np.testing.assert_array_equal(trace.content.cv, [1, 1, 0])


def test_irregular_steps_keep_every_request():
    trace = read("t,a\n0,10\n10,20\n25,30\n35,5\n500,5\n", "time=t,unit=s,shape=wide")
    content = trace.content
    assert trace.kind == "rates"
    np.testing.assert_array_equal(content.duration_s, [10, 15, 10, 12.5, 12.5])
    np.testing.assert_allclose(content.rate_per_s * content.duration_s, [10, 20, 30, 5, 5])


def test_totals_of_a_counter_are_differences_and_restart_at_zero():
    trace = read("t,a\n0,100\n15,130\n30,130\n45,8\n60,10\n", "time=t,unit=s,shape=wide,measure=total")
    np.testing.assert_array_equal(trace.content.counts, [[0, 30, 0, 8, 2]])
    assert any("it restarts 1 time." in notice for notice in trace.notices)


def test_prometheus_answers_are_series_named_by_the_labels_that_differ():
    result = [
        {"metric": {"__name__": "x", "job": "j", "route": route}, "values": [[1700000000, "1.5"], [1700000015, value]]}
        for route, value in (("/a", "2.5"), ("/b", "NaN"))
    ]
    trace = read(json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}}))
    assert trace.sources == ("/a", "/b")
    np.testing.assert_array_equal(trace.content.rate_per_s, [1.5, 2.5, 1.5, 0])
    assert series_names([{"job": "a", "route": "x"}, {"job": "b", "route": "x"}]) == ["a", "b"]
    assert series_names([{}, {}]) == ["requests (1)", "requests (2)"]


def test_several_files_of_counts_are_one_series_each():
    files = [("a.csv", b"time,count\n0,1\n60,2\n"), ("b.csv", b"time,count\n60,5\n120,6\n")]
    trace = read_trace(files)
    assert trace.sources == ("a", "b")
    np.testing.assert_array_equal(trace.content.counts, [[1, 2, 0], [0, 5, 6]])
    with pytest.raises(InputError, match="hold different things"):
        read_trace([files[0], ("c.csv", b"arrival_s,model\n1,a\n")])


def test_a_table_of_too_many_rows_models_or_columns_is_refused():
    rows = "timestamp\tmodel\n" + "".join(f"{i}\tm{i}\n" for i in range(20))
    assert "more than 10 rows" in refused(rows, limits=TraceLimits(max_rows=10))
    assert "more than 10 models" in refused(rows, limits=TraceLimits(max_sources=10))
    assert "at most 5\u202f000 are allowed" in refused(";".join(f"c{i}" for i in range(5001)) + "\n", "time=c1")


def test_a_scenario_keeps_the_mapping_and_reads_by_it(tmp_path):
    (tmp_path / "log.csv").write_text("when;who\n5000;a\n7500;b\n")
    (tmp_path / "s.yaml").write_text(
        "version: 1\ncluster: {devices: 2}\nmodels: [{name: a, profile: bert-1.3b, slo_s: 1}]\n"
        "workload: {trace: {path: log.csv, columns: {time: when, model: who, unit: ms}}}\n"
    )
    scenario = load_scenario(tmp_path / "s.yaml")
    np.testing.assert_array_equal(read_scenario_trace(scenario).content.arrival_s, [5.0, 7.5])
    text = dump_scenario(scenario)
    assert yaml.safe_load(text)["workload"]["trace"]["columns"] == {"time": "when", "model": "who", "unit": "ms"}
    assert parse_scenario(text).workload.trace.columns == scenario.workload.trace.columns
    for wrong, words in (
        ("{time: when, modle: who}", "modle"),
        ("{time: when, unit: weeks}", "unit' is 'weeks'; 'auto', 's'"),
        ("{time: when, model: when}", "'when' is given twice"),
    ):
        with pytest.raises(InputError) as error:
            parse_scenario(text.replace(text[text.index("columns:") :].rstrip(), f"columns: {wrong}"))
        assert words in str(error.value)


def test_the_command_says_how_a_table_was_read(tmp_path, capsys):
    (tmp_path / "log.csv").write_text("when;who\n5000;a\n7500;b\n")
    assert main(["trace", str(tmp_path / "log.csv")]) == 2
    nearest = capsys.readouterr().err.partition("--columns ")[2].split()[0]
    assert main(["trace", str(tmp_path / "log.csv"), "--json", "--columns", nearest + ",zone=Asia/Tokyo"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["requests"] == 2 and found["columns"]["time"] == "when" and found["columns"]["zone"] == "Asia/Tokyo"
    assert main(["trace", str(tmp_path / "log.csv"), "--columns", "tim=when"]) == 2
    assert "'tim=when' is not known" in capsys.readouterr().err


def test_a_preview_shows_the_rows_and_what_comes_out_or_what_is_wrong():
    preview = preview_table(("x.csv", b"when,who\n1,a\n2,a\n3,b\n"))
    assert preview.names == ("when", "who") and preview.rows[0] == ("1", "a")
    assert preview.guess.confidence == "likely" and preview.columns.time == "when"
    assert preview.trace.sources == ("a", "b") and preview.problem is None
    wrong = preview_table(("x.csv", b"when,who\n1,a\n2,a\n3,b\n"), Columns(time="who"))
    assert wrong.rows == preview.rows and wrong.trace is None
    assert wrong.problem.startswith("x.csv, line 2, column 'who' is 'a'")
    assert preview_table(("x.csv", b"")).problem.startswith("x.csv is empty")
