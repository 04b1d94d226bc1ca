"""Input and output tokens from the file to the workload: read, kept paired, refused where they cannot be."""

import gzip
import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from simulator import InputError, Workload
from simulator.traces import TraceOptions, build_workload, read_trace, write_native

NATIVE = b"arrival_s,model,input_tokens,output_tokens\n0,a,10,1\n1,b,20,2\n2,a,30,3\n3,a,40,4\n"


def _read(tmp_path, content: bytes, name: str = "t.csv"):
    path = tmp_path / name
    path.write_bytes(content)
    return read_trace([path])


@pytest.mark.parametrize(
    "content",
    [
        NATIVE,
        b"TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:45:10.1,10,1\n2023-11-16 18:45:11.1,20,2\n"
        b"2023-11-16 18:45:12.1,30,3\n2023-11-16 18:45:13.1,40,4\n",
        b"Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n5,ChatGPT,10,1,11,x\n"
        b"6,ChatGPT,20,2,22,x\n7,ChatGPT,30,3,33,x\n8,ChatGPT,40,4,44,x\n",
        b"arrived_at,num_prefill_tokens,num_decode_tokens\n0,10,1\n1,20,2\n2,30,3\n3,40,4\n",
        b"\n".join(
            b'{"timestamp": %d, "input_length": %d, "output_length": %d, "hash_ids": []}' % (1000 * i, 10 * i, i)
            for i in range(1, 5)
        ),
    ],
    ids=["native", "azure", "burstgpt", "vidur", "mooncake"],
)
def test_readers_fill_both_lengths(tmp_path, content):
    events = _read(tmp_path, content).content
    assert events.input_tokens.tolist() == [10, 20, 30, 40]
    assert events.output_tokens.tolist() == [1, 2, 3, 4]


def test_parquet_and_gzip(tmp_path):
    table = pa.table({"arrival_s": [0.0, 1.0], "model": ["a", "b"], "input_tokens": [7, 8], "output_tokens": [1, 2]})
    pq.write_table(table, tmp_path / "t.parquet")
    assert read_trace([tmp_path / "t.parquet"]).content.input_tokens.tolist() == [7, 8]
    assert _read(tmp_path, gzip.compress(NATIVE), "t.csv.gz").content.output_tokens.tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize("value", ["-1", "nan", "", "1.5", "20000000"])
def test_a_wrong_length_is_one_sentence(tmp_path, value):
    content = NATIVE.replace(b"1,b,20,2", f"1,b,{value},2".encode())
    with pytest.raises(InputError, match="line 3, column 'input_tokens' is .*whole number from 0 to 10.000.000"):
        _read(tmp_path, content)


def test_scaling_slicing_and_resampling_keep_the_pairs(tmp_path):
    random = np.random.default_rng(0)
    lines = [f"{i / 10},{'ab'[i % 2]},{i + 1},{1000 + i + 1}" for i in range(600)]
    trace = _read(tmp_path, ("arrival_s,model,input_tokens,output_tokens\n" + "\n".join(lines)).encode())
    for options in (
        TraceOptions(rate_scale=2.5),
        TraceOptions(rate_scale=0.4, time_scale=3.0),
        TraceOptions(start_s=10.0, duration_s=20.0),
        TraceOptions(resample="gamma", window_s=20.0),
        TraceOptions(dequantise="random", seed=int(random.integers(9))),
    ):
        workload, _ = build_workload(trace, ["a", "b"], options)
        assert len(workload) > 100
        assert (workload.output_tokens - workload.input_tokens == 1000).all()
        # Odd inputs are model a's.
        assert ((workload.input_tokens % 2 == 1) == (workload.model == 0)).all()
        part = workload.window(5.0, 8.0)
        assert len(part) > 0 and (part.output_tokens - part.input_tokens == 1000).all()


def test_written_and_read_again(tmp_path):
    workload = Workload([0.0, 1.5], [0, 1], 2, None, [5, 6], [7, 8])
    file = io.BytesIO()
    write_native(workload, ["x", "y"], file)
    events = _read(tmp_path, file.getvalue()).content
    assert events.input_tokens.tolist() == [5, 6] and events.output_tokens.tolist() == [7, 8]


def test_one_length_without_the_other_is_refused():
    with pytest.raises(InputError, match="no output_tokens"):
        Workload([0.0], [0], 1, None, [5], None)


def test_files_without_lengths_leave_those_of_others_as_they_are(tmp_path):
    (tmp_path / "long.csv").write_bytes(NATIVE)
    (tmp_path / "none.csv").write_bytes(b"arrival_s,model\n0.5,a\n1.5,b\n9,b\n")
    trace = read_trace([tmp_path / "long.csv", tmp_path / "none.csv"])
    assert trace.content.input_tokens.tolist() == [10, -1, 20, -1, 30, 40, -1] and not trace.content.has_tokens
    workload, _ = build_workload(trace, ["a", "b"], TraceOptions(duration_s=5.0))
    assert workload.without_tokens.tolist() == [False, True, False, True, False, False] and not workload.has_tokens
    many, _ = build_workload(trace, ["a", "b"], TraceOptions(rate_scale=3.0))
    known = ~many.without_tokens
    assert (many.input_tokens[known] == 10 * many.output_tokens[known]).all() and 0 < known.sum() < len(many)
    file = io.BytesIO()
    write_native(workload, ["a", "b"], file)
    assert b"tokens" not in file.getvalue()


def test_a_line_without_lengths_leaves_those_of_others_as_they_are(tmp_path):
    line = b'{"timestamp": %d, "input_length": %s, "output_length": 3, "hash_ids": []}\n'
    trace = _read(tmp_path, line % (0, b"7") + line % (1000, b"null") + line % (2000, b"8"), "t.jsonl")
    assert trace.content.input_tokens.tolist() == [7, -1, 8] and trace.content.output_tokens.tolist() == [3, -1, 3]
    assert "line 2 has no whole input_length" in trace.notices[0] and "without them bring no tokens" in trace.notices[0]
