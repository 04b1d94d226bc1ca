"""Whatever is given to the reader: a trace comes out, or one sentence that says what is wrong."""

from __future__ import annotations

import gzip
import io
import zipfile

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from simulator.errors import InputError
from simulator.traces import TraceLimits, TraceOptions, build_workload, read_trace, summarise

NATIVE = "arrival_s,model\n"
LLM = "TIMESTAMP,ContextTokens,GeneratedTokens\n"
MINUTES = "HashOwner,HashApp,HashFunction,Trigger,1,2\n"
AZURE_2021 = "app,func,end_timestamp,duration\n"
MOONCAKE = '{"timestamp": 0, "input_length": 600, "output_length": 1, "hash_ids": [1, 2]}\n'
HEADERS = [
    NATIVE,
    "arrival_s,model,slo_s\n",
    LLM,
    "TIMESTAMP,NumImages,ContextTokens,GeneratedTokens\n",
    MINUTES,
    AZURE_2021,
    "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n",
    "gmt_create,predict_type,predict_status,checkpoint_model_version_id\n",
    "arrived_at,num_prefill_tokens,num_decode_tokens\n",
    MOONCAKE,
    '{"timestamp": "0", "input_length": 1, "output_length": 1, "session_id": "x"}\n',
    '{"chat_id": 1, "timestamp": 0.5, "input_length": 1, "output_length": 1}\n',
    "0,1,1,Gamma,1,1\n",
]


def refused(data: bytes | str, name: str = "upload.csv", **more) -> str:
    with pytest.raises(InputError) as error:
        read_trace((name, data if isinstance(data, bytes) else data.encode()), **more)
    return str(error.value)


def excel() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return buffer.getvalue()


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("requests.csv", NATIVE + "1,a\n")
    return buffer.getvalue()


WRONG_FILES = {
    "empty": (b"", "upload.csv is empty"),
    "only blanks": (b" \n\n ", "upload.csv is empty"),
    "only a header": (NATIVE, "has a header but no rows"),
    "only a header without line end": (NATIVE.strip(), "has a header but no rows"),
    "no header": ("0.5,a\n1,b\n", "has no header whose columns are known"),
    "no header, nearest": ("0.5,a\n1,b\n", "--columns time=1,unit=s,model=2,header=no (in a scenario"),
    "no model column": ("arrival_s,name\n1,a\n", "--columns time=arrival_s,unit=s,model=name (in a scenario"),
    "unknown columns": ("when,who\n1,a\n", "has the columns when, who, which is no known trace format"),
    "unknown columns, nearest": ("when,who\n1,a\n", "--columns time=when,unit=s,model=who (in a scenario"),
    "no times": ("name,who\nx,a\n", "No column holds times: numbers from 0 on, or dates, in every row."),
    "a column twice": ("arrival_s,model,model\n1,a,b\n", "2 columns named 'model'; one is allowed"),
    "bare carriage returns": ("arrival_s,model\r1,a\r", "bare carriage return"),
    "zip": (zipped(), "upload.csv is a ZIP archive"),
    "excel": (excel(), "upload.csv is an Excel workbook"),
    "old excel": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "upload.csv is an Excel workbook"),
    "image": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "upload.csv is an image"),
    "binary": (bytes(range(256)) * 4, "upload.csv is a binary file"),
    "utf-16": ((NATIVE + "1,a\n").encode("utf-16"), "upload.csv is UTF-16 text"),
    "utf-16 without mark": ((NATIVE + "1,a\n").encode("utf-16-le"), "upload.csv is UTF-16 text"),
    "invalid utf-8": (NATIVE.encode() + b"1,a\n2,caf\xe9\n", "line 3: byte 0xe9 is not valid UTF-8"),
    "html": ("<!DOCTYPE html><html></html>", "is a web page or XML"),
    "json that is no trace": ('{"name": "x"}\n', "is JSON but no request trace (keys of its first line: name)"),
    "json list": ('[{"name": 1}]', "is a JSON list, not JSON Lines"),
    "cut json": ('{"timestamp": 0, "inp', "its first line is no complete JSON object"),
    "cut json later": (MOONCAKE + '{"timestamp": 3', "line 2 is no complete JSON object"),
    "json without time": (MOONCAKE + '{"input_length": 3}', "line 2 has no timestamp"),
    "json text time": (MOONCAKE + '{"timestamp": "soon"}', "line 2, key 'timestamp' is 'soon'"),
    "json negative time": (MOONCAKE + '{"timestamp": -1}', "line 2, key 'timestamp' is -1"),
    "json not a number": (MOONCAKE + '{"timestamp": NaN}', "line 2, key 'timestamp' is nan"),
    "json huge number": (MOONCAKE + '{"timestamp": 1%s}' % ("0" * 400), "line 2, key 'timestamp' is 1000"),
    "json deep": (MOONCAKE + "[" * 100_000, "line 2 is no complete JSON object"),
    "cut gzip": (gzip.compress((NATIVE + "1,a\n" * 5000).encode())[:-20], "is cut off"),
    "damaged gzip": (b"\x1f\x8b\x08\x00 this is no gzip", "is damaged"),
    "binary in gzip": (gzip.compress(b"\x89PNG\r\n\x1a\n"), "is an image"),
    "damaged parquet": (b"PAR1" + bytes(100), "is a damaged Parquet file"),
    "durations": ("HashOwner,HashApp,HashFunction,Average,Count,Minimum,Maximum\na,b,c,1,2,3,4\n", "holds durations"),
    "memory": ("HashOwner,HashApp,HashFunction,SampleCount,AverageAllocatedMb\na,b,c,1,2\n", "holds memory sizes"),
}

WRONG_VALUES = {
    "text": (NATIVE + "1,a\nsoon,b\n", "line 3, column 'arrival_s' is 'soon'; a number from 0"),
    "negative": (NATIVE + "1,a\n-0.5,b\n", "line 3, column 'arrival_s' is '-0.5'"),
    "nan": (NATIVE + "1,a\nNaN,b\n", "line 3, column 'arrival_s' is 'NaN'"),
    "infinite": (NATIVE + "1,a\ninf,b\n", "line 3, column 'arrival_s' is 'inf'"),
    "overflow": (NATIVE + "1,a\n1e999,b\n", "line 3, column 'arrival_s' is '1e999'"),
    "underscore": (NATIVE + "1_0,a\n", "line 2, column 'arrival_s' is '1_0'"),
    "no time": (NATIVE + "1,a\n,b\n", "line 3, column 'arrival_s' is empty"),
    "no model": (NATIVE + "1,a\n2,\n", "request 2 names no model"),
    "too few fields": (NATIVE + "1,a\n\n2\n", "line 4 has 1 field; 2 are needed"),
    "too many fields": (NATIVE + "1,a\n2,b,c\n", "line 3 has 3 fields; 2 are needed"),
    "deadline 0": ("arrival_s,model,slo_s\n1,a,\n1,a,0\n", "line 3, column 'slo_s' is '0'; a positive number"),
    "no instant": (
        LLM + "2023-11-16 18:45:10.1342190,1,1\nyesterday,1,1\n",
        "line 3, column 'timestamp' is 'yesterday'",
    ),
    "now": (LLM + "now,1,1\n", "line 2, column 'timestamp' is 'now'"),
    "month 13": (LLM + "2023-13-16 18:45:10,1,1\n", "line 2, column 'timestamp' is '2023-13-16 18:45:10'"),
    "year 1": (LLM + "0001-01-01 00:00:00,1,1\n", "line 2, column 'timestamp' is '0001-01-01 00:00:00'"),
    "count text": (MINUTES + "a,b,c,http,1,many\n", "line 2, column '2' is 'many'; a whole number"),
    "count negative": (MINUTES + "a,b,c,http,1,-2\n", "line 2, column '2' is '-2'"),
    "count fraction": (MINUTES + "a,b,c,http,1.5,2\n", "line 2, column '1' is '1.5'"),
    "count too high": (MINUTES + "a,b,c,http,3000000000,2\n", "line 2, column '1' is '3000000000'"),
    "counts add up too high": (
        MINUTES + "a,b,c,http,2000000000,2\n" * 2,
        "add up to more than 2\u202f147\u202f483\u202f647",
    ),
    "minute twice": ("HashFunction,minute_1,1_minute\nf,1,2\n", "two columns for minute 1"),
    "negative duration": (AZURE_2021 + "a,f,1,-1\n", "line 2, column 'duration' is '-1'"),
    "negative rate": ("0,1,1,Gamma,1,1\n600,-1,1,Gamma,1,1\n", "line 2, column 'rate_per_s' is '-1'"),
    "window twice": ("0,1,1,Gamma,1,1\n0,1,1,Gamma,1,1\n", "two windows that start at 0 s"),
}


@pytest.mark.parametrize(("data", "words"), WRONG_FILES.values(), ids=WRONG_FILES)
def test_a_file_that_is_no_trace_is_refused_in_one_sentence(data, words):
    assert words in refused(data)


@pytest.mark.parametrize(("data", "words"), WRONG_VALUES.values(), ids=WRONG_VALUES)
def test_a_value_that_is_not_allowed_is_named_with_line_and_column(data, words):
    message = refused(data)
    assert message.startswith("upload.csv")
    assert words in message


def test_the_bad_line_is_named_however_far_behind_it_stands():
    rows = "".join(f"{i},model-{i % 7}\n" for i in range(600_000))
    assert "line 600002, column 'arrival_s' is 'x'" in refused(NATIVE + rows + "x,a\n")


def test_invalid_utf8_far_behind_the_start_is_named_with_its_line():
    rows = "".join(f"{i},model\n" for i in range(150_000)).encode()
    assert "line 150002: byte 0xff is not valid UTF-8" in refused(NATIVE.encode() + rows + b"7,\xff\n")


def test_a_missing_file_and_a_folder_are_refused_by_name(tmp_path):
    with pytest.raises(InputError, match="missing.csv does not exist"):
        read_trace(tmp_path / "missing.csv")
    with pytest.raises(InputError, match="is a folder"):
        read_trace(tmp_path)
    with pytest.raises(InputError, match="No trace file is given"):
        read_trace([])


def test_a_file_that_is_too_large_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "large.csv"
    with path.open("wb") as file:
        file.truncate(3 << 20)
    with pytest.raises(InputError, match="large.csv is too large; at most 2 MiB are allowed"):
        read_trace(path, limits=TraceLimits(max_bytes=2 << 20))


def test_limits_must_be_positive():
    with pytest.raises(InputError, match="max_rows is 0"):
        TraceLimits(max_rows=0)


def check(data: bytes) -> None:
    """Reading gives a trace that holds what it promises, or InputError; anything else fails the test."""
    try:
        trace = read_trace(("fuzz", data), limits=TraceLimits(max_bytes=1 << 20, max_rows=10_000, max_cells=100_000))
    except InputError as error:
        assert str(error).strip()
        return
    summary = summarise(trace)
    assert summary.requests >= 0
    assert np.isfinite([summary.span_s, summary.rate_per_s, summary.peak_to_mean]).all()
    if trace.kind == "events":
        arrival_s = trace.content.arrival_s
        assert arrival_s.size == summary.requests > 0
        assert arrival_s[0] >= 0
        assert (np.diff(arrival_s) >= 0).all()
        assert trace.content.source.max() < len(trace.sources)
    try:
        build_workload(trace, ["x", "y"], TraceOptions(resample="gamma", window_s=3600))
    except InputError as error:
        assert str(error).strip()


fuzzed = settings(max_examples=150)


@fuzzed
@given(st.binary(max_size=300))
@example(b"\x1f\x8b")
@example(b"PAR1PAR1")
def test_random_bytes_give_a_trace_or_one_sentence(data):
    check(data)


@fuzzed
@given(st.sampled_from(HEADERS), st.binary(max_size=120))
@example("0,1,1,Gamma,1,1\n", b"1,1e-300,1e-300,x,1,1\n2,1e15,1e15,x,1,1")
def test_random_bytes_behind_a_valid_header_give_a_trace_or_one_sentence(header, data):
    check(header.encode() + data)


FIELD = st.one_of(
    st.floats(width=64).map(str),
    st.integers(0, 2**40).map(str),
    st.sampled_from(
        ["", "0", "1", "1e15", "2024-05-10 00:00:01", "2023-11-16 18:45:10.1342190", "a", '"', "SUCCEED", " 2 "]
    ),
)


@fuzzed
@given(st.sampled_from(HEADERS[:9] + HEADERS[12:]), st.data())
def test_random_fields_behind_a_valid_header_give_a_trace_or_one_sentence(header, data):
    width = header.count(",") + 1
    rows = data.draw(st.lists(st.lists(FIELD, min_size=width, max_size=width), max_size=6))
    check((header + "\n".join(",".join(row) for row in rows)).encode())


@fuzzed
@given(st.data())
def test_a_damaged_archive_gives_a_trace_or_one_sentence(data):
    packed = bytearray(gzip.compress((NATIVE + "1,a\n" * 50).encode(), mtime=0))
    packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 255))
    check(bytes(packed[: data.draw(st.integers(0, len(packed)))]))


@pytest.mark.parametrize("start", [NATIVE + "1,a\n2,", MOONCAKE], ids=["csv", "json"])
def test_a_line_too_long_to_be_meant_is_refused_with_its_number(start):
    message = refused(start + "x" * (40 << 20))
    assert f"line {start.count(chr(10)) + 1} is longer than 4\u202f194\u202f304 bytes" in message


def test_a_byte_order_mark_in_front_of_json_is_skipped():
    trace = read_trace(("x", b"\xef\xbb\xbf" + MOONCAKE.encode()))
    assert (trace.format, trace.end_s) == ("mooncake", 0)
