"""Every known format is recognised by content and read with its peculiarities."""

from __future__ import annotations

import gzip
import hashlib
import io

import numpy as np
import pandas as pd
import pytest

from simulator.errors import InputError
from simulator.traces import (
    read_trace,
    write_native,
)
from simulator.workload import Workload

NATIVE = b"arrival_s,model\n0.5,search\n1,ads\n1,search\n"
LLM = "TIMESTAMP,ContextTokens,GeneratedTokens"
MINUTES = "HashOwner,HashApp,HashFunction,Trigger"


def read(text: str | bytes, name: str = "upload.bin", **more):
    return read_trace((name, text if isinstance(text, bytes) else text.encode()), **more)


def test_a_native_trace_gives_times_models_and_no_deadlines():
    trace = read(NATIVE)
    assert (trace.format, trace.kind, trace.sources, trace.notices) == ("native", "events", ("search", "ads"), ())
    assert trace.content.arrival_s.tolist() == [0.5, 1.0, 1.0]
    assert trace.content.source.tolist() == [0, 1, 0]
    assert trace.content.source.dtype == np.int32
    assert trace.content.slo_s is None
    assert trace.digest == hashlib.sha256(NATIVE).hexdigest()


def test_native_columns_stand_in_any_order_and_others_are_ignored_with_a_notice():
    trace = read("user,slo_s, MODEL ,arrival_s\nx,,a,1\ny,0.5,b,2\n")
    assert trace.sources == ("a", "b")
    np.testing.assert_array_equal(trace.content.slo_s, [np.nan, 0.5])
    assert trace.notices == ("1 other column (user) is not used.",)


@pytest.mark.parametrize(
    "data",
    [
        NATIVE,
        NATIVE.replace(b"\n", b"\r\n"),
        NATIVE.rstrip(b"\n"),
        b"\xef\xbb\xbf" + NATIVE,
        b"\n\n" + NATIVE,
        gzip.compress(NATIVE),
        b'"arrival_s","model"\n0.5,"search"\n1, ads\n1,search\n',
    ],
    ids=["LF", "CRLF", "no last line end", "byte order mark", "empty lines first", "gzip", "quotes and blanks"],
)
def test_line_ends_marks_and_packing_do_not_change_what_is_read(data):
    trace = read(data)
    assert trace.content.arrival_s.tolist() == [0.5, 1.0, 1.0]
    assert trace.sources == ("search", "ads")


def test_rows_out_of_order_are_sorted_and_ties_keep_their_order():
    trace = read("arrival_s,model\n3,a\n1,b\n1,c\n")
    assert trace.content.arrival_s.tolist() == [1, 1, 3]
    assert [trace.sources[i] for i in trace.content.source] == ["b", "c", "a"]
    assert trace.notices == ("1 row of upload.bin was out of order; the rows have been sorted.",)


def test_parquet_is_read_like_csv():
    buffer = io.BytesIO()
    table = pd.DataFrame(
        {"model": ["search", "ads", "search"], "arrival_s": [0.5, 1.0, 1.0], "slo_s": [1.0, None, 2.0]}
    )
    table.to_parquet(buffer)
    trace = read(buffer.getvalue())
    assert (trace.format, trace.sources) == ("native", ("search", "ads"))
    assert trace.content.arrival_s.tolist() == [0.5, 1.0, 1.0]
    np.testing.assert_array_equal(trace.content.slo_s, [1.0, np.nan, 2.0])


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"arrival_s": ["x"], "model": ["a"]}, "column 'arrival_s' holds"),
        ({"arrival_s": [-1.0], "model": ["a"]}, "row 1, column 'arrival_s' is -1.0"),
        ({"arrival_s": [1.0, np.nan], "model": ["a", "a"]}, "row 2, column 'arrival_s' is nan"),
        ({"arrival_s": [1.0], "model": ["a"], "slo_s": [0.0]}, "row 1, column 'slo_s' is 0.0"),
        ({"arrival_s": [1.0, 1.0], "model": ["a", None]}, "column 'model' has 1 empty value"),
        ({"arrival_s": [1.0], "model": [b"a"]}, "column 'model' holds binary"),
        ({"arrival_s": [], "model": []}, "no rows"),
    ],
)
def test_a_wrong_parquet_file_is_refused_with_column_and_row(table, words):
    buffer = io.BytesIO()
    pd.DataFrame(table).to_parquet(buffer)
    with pytest.raises(InputError, match=words):
        read(buffer.getvalue())


def test_azure_llm_2023_has_seven_digits_crlf_and_no_last_line_end():
    trace = read(f"{LLM}\r\n2023-11-16 18:45:10.1342190,2893,33\r\n2023-11-16 18:45:10.1349975,118,25", "code.csv")
    assert (trace.format, trace.sources) == ("azure_llm_2023", ("code",))
    np.testing.assert_allclose(trace.content.arrival_s, [0, 0.0007785], atol=1e-12)
    assert trace.starts_at.isoformat() == "2023-11-16T18:45:10.134219+00:00"


def test_azure_llm_2024_has_offsets_and_mixed_fractions():
    rows = [
        "2024-05-10 00:00:00.009930+00:00,2162,5",
        "2024-05-10 00:00:01+00:00,1,1",
        "2024-05-10 02:00:02.5+02:00,1,1",
    ]
    trace = read("\n".join([LLM, *rows]))
    assert trace.format == "azure_llm_2024"
    np.testing.assert_allclose(trace.content.arrival_s, [0, 0.99007, 2.49007], atol=1e-9)


def test_azure_multimodal_has_a_column_more():
    trace = read(
        "TIMESTAMP,NumImages,ContextTokens,GeneratedTokens\n2025-01-01 00:00:00,1,2,3\n2025-01-01 00:00:02,0,2,3\n"
    )
    assert trace.format == "azure_llm_2025"
    assert trace.content.arrival_s.tolist() == [0, 2]


@pytest.mark.parametrize(
    "header",
    [
        "HashOwner,HashApp,HashFunction,Trigger,1,2,3",
        "HashOwner,HashApp,HashFunction,Trigger,480,481,482",
        "HashOwner,HashApp,HashFunction,Trigger,1_minute,2_minute,3_minute",
        "HashOwner,HashApp,HashFunction,Trigger,minute_1,minute_2,minute_3",
    ],
)
def test_minute_counts_are_read_with_every_kind_of_label(header):
    trace = read(f"{header}\no,a,f,http,1,0,2\no,a,g,timer,0,0,7\n")
    assert (trace.format, trace.kind, trace.sources) == ("azure_functions_2019", "counts", ("o/a/f", "o/a/g"))
    assert trace.content.counts.tolist() == [[1, 0, 2], [0, 0, 7]]
    assert trace.content.counts.dtype == np.int32
    assert trace.content.bin_s == 60
    assert trace.clock_start_s == (479 * 60 if "480" in header else 0)


def test_minute_counts_are_read_with_hashes_in_another_order_and_no_trigger():
    trace = read("HashFunction,HashOwner,HashApp,2_minute,1_minute\nf,o,a,5,6\n")
    assert trace.sources == ("o/a/f",)
    assert trace.content.counts.tolist() == [[6, 5]]


def test_a_function_is_named_by_owner_app_and_function_and_its_rows_are_added_up():
    trace = read(f"{MINUTES},1,2\no,a,f,http,1,1\no,b,f,http,2,2\no,a,f,queue,10,0\n")
    assert trace.sources == ("o/a/f", "o/b/f")
    assert trace.content.counts.tolist() == [[11, 1], [2, 2]]
    assert trace.notices == ("upload.bin names a function again in 1 row; the counts have been added up.",)


def test_long_hashes_are_shortened_unless_two_would_look_alike():
    one, other = "a" * 64, "a" * 63 + "b"
    trace = read(f"{MINUTES},1\n{one},{one},{one},http,1\n{'c' * 64},{one},{one},http,1\n")
    assert trace.sources == ("aaaaaaaa/aaaaaaaa/aaaaaaaa", "cccccccc/aaaaaaaa/aaaaaaaa")
    trace = read(f"{MINUTES},1\n{one},x,x,http,1\n{other},x,x,http,1\n")
    assert trace.sources == (f"{one}/x/x", f"{other}/x/x")


def test_days_follow_each_other_and_a_missing_day_is_silent():
    def day(number, text):
        return (f"invocations_per_function_md.anon.d{number:02}.csv", f"{MINUTES},1,2\n{text}\n".encode())

    trace = read_trace([day(3, "o,a,g,http,7,8"), day(1, "o,a,f,http,1,2")])
    assert trace.sources == ("o/a/g", "o/a/f")
    assert trace.content.counts.shape == (2, 2 * 1440 + 2)
    assert trace.content.counts[1, :2].tolist() == [1, 2]
    assert trace.content.counts[0, -2:].tolist() == [7, 8]
    assert trace.content.counts.sum() == 18
    assert trace.notices == ("No file for 1 day in between (from day 2); nothing arrives then.",)


def test_parts_of_one_day_are_joined_by_their_minute_labels():
    parts = [("a.csv", f"{MINUTES},{m}\no,a,f,http,{m}\n".encode()) for m in (10, 12)]
    trace = read_trace(parts)
    assert trace.content.counts.tolist() == [[10, 0, 12]]
    assert trace.clock_start_s == 9 * 60


def test_azure_2021_arrivals_are_end_less_duration_keyed_by_app_and_function():
    trace = read("app,func,end_timestamp,duration\na,f,0.0774,0.078\nb,f,57.5,57.0\na,f,3.0,3.0\na,g,2,1\n")
    assert trace.format == "azure_functions_2021"
    np.testing.assert_allclose(trace.content.arrival_s, [0, 0, 0.5, 1])
    assert [trace.sources[i] for i in trace.content.source] == ["a/f", "a/f", "b/f", "a/g"]
    assert "1 start of upload.bin fell before 0 by rounding" in trace.notices[0]


def test_azure_2021_refuses_a_start_before_the_clock():
    with pytest.raises(InputError, match="request 2: it ends at 5 s after 300 s"):
        read("app,func,end_timestamp,duration\na,f,1,1\na,f,5,300\n")


BURSTGPT = "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type"


def test_burstgpt_keeps_failures_and_counts_them():
    trace = read(f"{BURSTGPT}\n5,ChatGPT,472,18,490,Conversation log\n45,GPT-4,0,0,0,API log\n")
    assert (trace.format, trace.sources) == ("burstgpt", ("ChatGPT", "GPT-4"))
    assert trace.content.arrival_s.tolist() == [5, 45]
    assert trace.notices == ("1 request of upload.bin failed (no response tokens); they arrived, so they are kept.",)


def test_burstgpt_with_sessions_has_two_columns_inserted_and_a_late_clock():
    trace = read(
        "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type\r\n"
        "19440110.0,1722ac82-0a46,43,GPT-4,906,446,1352,Conversation log\r\n"
        "19440112.5,,7,ChatGPT,9,4,13,API log\r\n"
    )
    assert trace.sources == ("GPT-4", "ChatGPT")
    assert trace.content.arrival_s.tolist() == [0, 2.5]
    assert trace.clock_start_s == 19440110.0
    assert "The clock starts at 19\u202f440\u202f110 s" in trace.notices[0]


def mooncake(times, length=1000, block=512, **more):
    blocks = list(range(-(-length // block)))
    rows = [{"timestamp": t, "input_length": length, "output_length": 1, "hash_ids": blocks, **more} for t in times]
    return "\n".join(pd.io.json.ujson_dumps(row) for row in rows) + "\n"


def test_mooncake_counts_milliseconds_and_its_ticks_are_pointed_out():
    trace = read(mooncake(np.repeat(np.arange(20) * 3000, 5).tolist()), "chat.jsonl")
    assert (trace.format, trace.sources) == ("mooncake", ("chat",))
    assert trace.end_s == 57
    assert "ticks of 3 s" in trace.notices[0]
    assert "dequantise" in trace.notices[0]


def test_qwen_counts_seconds_and_is_known_by_its_chat_or_its_small_blocks():
    with_chat = read(mooncake([0, 61.114], chat_id=159, parent_chat_id=55, type="text", turn=2))
    small_blocks = read(mooncake([0, 61.114], block=16))
    for trace in (with_chat, small_blocks):
        assert trace.format == "qwen"
        assert trace.content.arrival_s.tolist() == [0, 61.114]


def test_a_given_format_decides_between_formats_that_look_alike_but_not_others():
    assert read(mooncake([0, 5]), format="qwen").end_s == 5
    with pytest.raises(InputError, match="read as mooncake, but it looks like native"):
        read(NATIVE, format="mooncake")
    with pytest.raises(InputError, match="trace format is 'csv'; auto, native"):
        read(NATIVE, format="csv")


def test_ragpulse_has_text_times_two_passes_and_an_empty_last_line():
    rows = [
        f'{{"timestamp": "{t}", "input_length": 1, "output_length": 1, "hash_ids": {{}}, "session_id": "s"}}'
        for t in (82, 300000, 93, 400000)
    ]
    trace = read("\n".join(rows) + "\n\n")
    assert trace.format == "ragpulse"
    assert trace.content.arrival_s.tolist() == [82, 93, 300000, 400000]
    assert trace.notices == (
        "upload.bin holds 2 passes over the same clock, one after the other; they have been laid over each other.",
    )


def test_gentd26_leaves_out_rows_without_a_model_and_counts_what_failed():
    header = "gmt_create,predict_type,predict_status,exec_time_seconds,groupId,checkpoint_model_version_id,num_lora"
    rows = [
        "2024-11-15 16:57:50,TXT_2_IMG,SUCCEED,32.0,G0,M1,0",
        "2024-11-15 16:57:51,TXT_2_IMG,PENDING,0.0,G0,,0",
        "2024-11-15 16:57:52,TXT_2_IMG,FAILED,0.0,G0,M0,0",
        "2024-11-15 16:57:52,TXT_2_IMG,SUCCEED,0.0,G0,M1,0",
    ]
    trace = read("\n".join([header, *rows]))
    assert (trace.format, trace.sources) == ("gentd26", ("M1", "M0"))
    assert trace.content.arrival_s.tolist() == [0, 2, 2]
    assert trace.content.source.tolist() == [0, 1, 0]
    assert trace.notices[0] == "1 row of upload.bin without a model left out."
    assert "1 PENDING, 1 FAILED" in trace.notices[1]


def test_servegen_has_no_header_crlf_and_quiet_windows():
    trace = read("1200,2,1.5,Gamma,0.4,0.1\r\n600,0,0,,0,0\r\n4200,1,3,Weibull,1,1", "chunk-5-trace.csv")
    content = trace.content
    assert (trace.format, trace.kind, trace.sources) == ("servegen", "rates", ("chunk-5-trace",))
    assert content.start_s.tolist() == [0, 600, 3600]
    assert content.rate_per_s.tolist() == [0, 2, 1]
    assert content.cv.tolist() == [0, 1.5, 3]
    assert trace.clock_start_s == 600


def test_vidur_counts_seconds_from_zero():
    trace = read("arrived_at,num_prefill_tokens,num_decode_tokens\n0.0,374,44\n4.314579,396,109\n")
    assert (trace.format, trace.content.arrival_s.tolist()) == ("vidur", [0.0, 4.314579])


def test_files_of_single_models_become_one_source_each_and_named_models_are_joined():
    vidur = b"arrived_at,num_prefill_tokens,num_decode_tokens\n0.25,1,1\n2,1,1\n"
    trace = read_trace([("search.csv", vidur), ("ads.csv.gz", gzip.compress(vidur)), ("more.csv", NATIVE)])
    assert trace.sources == ("search", "ads")
    assert trace.format == "vidur + native"
    assert len(trace.content.arrival_s) == 7
    assert np.bincount(trace.content.source).tolist() == [4, 3]


def test_files_with_and_without_deadlines_go_together():
    trace = read_trace([("a.csv", NATIVE), ("b.csv", b"arrival_s,model,slo_s\n0,x,3\n")])
    np.testing.assert_array_equal(trace.content.slo_s, [3, np.nan, np.nan, np.nan])


def test_files_of_different_kinds_are_refused_together():
    with pytest.raises(InputError, match="different things .counts per minute, requests."):
        read_trace([("a.csv", NATIVE), ("b.csv", f"{MINUTES},1\no,a,f,http,1\n".encode())])


def test_the_digest_depends_on_every_file_and_their_order():
    a, b = ("a.csv", NATIVE), ("b.csv", NATIVE + b"2,ads\n")
    assert len({read_trace(files).digest for files in ([a], [b], [a, b], [b, a])}) == 4


def test_a_path_and_an_open_file_give_the_same_trace(tmp_path):
    path = tmp_path / "x.csv"
    path.write_bytes(NATIVE)
    by_path, by_file = read_trace(path), read_trace(("x.csv", io.BytesIO(NATIVE)))
    assert by_path.digest == by_file.digest
    np.testing.assert_array_equal(by_path.content.arrival_s, by_file.content.arrival_s)


def test_native_traces_survive_writing_and_reading_to_the_last_digit(tmp_path):
    random = np.random.default_rng(0)
    arrival_s = np.sort(random.random(500) * 1e4)
    slo_s = np.where(random.random(500) < 0.5, np.nan, random.random(500) + 0.1)
    names = ["plain", 'with "quotes", and commas', "ünïcode"]
    workload = Workload(arrival_s, random.integers(0, 3, 500), 3, slo_s)
    write_native(workload, names, tmp_path / "out.csv")
    trace = read_trace(tmp_path / "out.csv")
    np.testing.assert_array_equal(trace.content.arrival_s, arrival_s)
    np.testing.assert_array_equal(trace.content.slo_s, slo_s)
    assert [trace.sources[i] for i in trace.content.source] == [names[i] for i in workload.model]


def test_the_arrays_of_a_trace_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        read(NATIVE).content.arrival_s[0] = 9
