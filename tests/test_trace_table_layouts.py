"""Tables in random layouts come back the same; damaged ones are refused in a sentence; large ones name their row."""

from __future__ import annotations

import csv
import gzip
import io
import json
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.errors import InputError
from simulator.traces import Columns, read_trace
from tests.test_trace_tables import CLEAR, parquet


@pytest.mark.parametrize("packed", [False, True])
def test_a_bad_row_of_a_large_file_is_named_although_arrow_reads_ahead(tmp_path, packed):
    times = [f"2026-03-01T{i // 3600:02d}:{i // 60 % 60:02d}:{i % 60:02d}" for i in range(80_000)]
    rows = [f"{time},/v1/some/long/route/{i % 9}\n" for i, time in enumerate(5 * times)]
    text = "".join(("time,route\n", *rows))
    good, bad = tmp_path / "good", tmp_path / "bad"
    write = gzip.compress if packed else bytes
    good.write_bytes(write(text.encode()))
    bad.write_bytes(write((text + "x,y\n" + "".join(rows)).encode()))
    assert read_trace(good).content.arrival_s.size == 400_000
    with pytest.raises(InputError, match="line 400002, column 'time' is 'x'"):
        read_trace(bad)


MODELS = st.sampled_from(["llama", "bert-1.3b", "Größe", "a, b", 'the "best"', "x;y"])
ROWS = st.lists(
    st.tuples(st.integers(0, 10**9), MODELS, st.none() | st.integers(1, 10**6), st.integers(0, 4096)),
    min_size=2, max_size=30,
)  # fmt: skip
EPOCH_MS = 1_700_000_000_000
MARKS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|"}
UNIT_OF = {"s": 1000, "ms": 1, "us": 1e-3, "ns": 1e-6}


def written(rows, draw) -> tuple[bytes, Columns]:
    """Requests (milliseconds, model, deadline in ms, tokens) as a table in some layout, and its mapping."""
    unit = draw(st.sampled_from(["s", "ms", "us", "ns", "iso", "day_first"]))
    kind = draw(st.sampled_from(["text", "lines", "parquet"]))
    decimal = draw(st.sampled_from(["point", "comma"])) if kind == "text" else "point"
    delimiter = draw(st.sampled_from(sorted(set(MARKS) - ({"comma"} if decimal == "comma" else set()))))
    has_header = kind != "text" or draw(st.booleans())
    mark = "," if decimal == "comma" else "."

    def time(ms: int) -> str:
        at = EPOCH_MS + ms
        if unit == "s":
            return f"{at // 1000}{mark}{at % 1000:03d}"
        if unit in ("ms", "us", "ns"):
            return str(round(at / UNIT_OF[unit]) if unit == "ms" else at * {"us": 1000, "ns": 10**6}[unit])
        day = datetime.fromtimestamp(at // 1000, UTC)
        return f"{day:{'%Y-%m-%dT%H:%M:%S' if unit == 'iso' else '%d.%m.%Y %H:%M:%S'}}.{at % 1000:03d}"

    names = ["t", "m", "d", "k", "note"]
    cells = [[time(ms), model, "" if slo is None else str(slo), str(tokens), "x"] for ms, model, slo, tokens in rows]
    order = draw(st.permutations(range(5)))
    cells, names = [[row[i] for i in order] for row in cells], [names[i] for i in order]
    called = dict(zip(names, names, strict=True)) if has_header else {n: str(i + 1) for i, n in enumerate(names)}
    layout = {"delimiter": delimiter, "header": "yes" if has_header else "no", "decimal": decimal}
    columns = Columns(
        time=called["t"], unit=unit, model=called["m"], deadline=called["d"], deadline_unit="ms",
        output_tokens=called["k"],
        **(layout if kind == "text" else {}),
    )  # fmt: skip
    if kind == "lines":
        data = "".join(json.dumps(dict(zip(names, row, strict=True))) + "\n" for row in cells).encode()
    elif kind == "parquet":
        data = parquet(**{name: [row[i] for row in cells] for i, name in enumerate(names)})
    else:
        text = io.StringIO()
        writer = csv.writer(text, delimiter=MARKS[delimiter], lineterminator=draw(st.sampled_from(["\n", "\r\n"])))
        writer.writerows([names, *cells] if has_header else cells)
        data = draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + text.getvalue().encode()
    return (gzip.compress(data) if draw(st.booleans()) else data), columns


@settings(max_examples=150)
@given(ROWS, st.data())
def test_requests_written_in_any_layout_come_back_the_same(rows, data):
    table, columns = written(rows, data.draw)
    content = (trace := read_trace(("t.dat", table), columns=columns)).content
    expected = sorted(rows, key=lambda row: row[0])
    zero = expected[0][0]
    np.testing.assert_allclose(content.arrival_s, [(row[0] - zero) / 1000 for row in expected], rtol=1e-15, atol=1e-9)
    assert [trace.sources[i] for i in content.source] == [row[1] for row in expected]
    np.testing.assert_array_equal(content.slo_s, [np.nan if row[2] is None else row[2] / 1000 for row in expected])
    np.testing.assert_array_equal(content.output_tokens, [row[3] for row in expected])
    # What the file tells of its layout is not needed.
    told = replace(columns, delimiter="auto", decimal="auto", unit="auto" if columns.unit in UNIT_OF else columns.unit)
    again = read_trace(("t.dat", table), columns=told)
    np.testing.assert_array_equal(again.content.arrival_s, content.arrival_s)
    assert again.sources == trace.sources


@settings(max_examples=200)
@given(st.sampled_from([data for data in CLEAR.values() if isinstance(data, str)]), st.data())
def test_a_damaged_table_is_read_or_refused_in_a_sentence(text, data):
    damaged = bytearray(text.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(damaged)))
        damaged[at : at + data.draw(st.integers(0, 3))] = data.draw(
            st.sampled_from([b"", b'"', b",", b"\n", b"\xff", b"-", b"9e99"])
        )
    for columns in (None, Columns(), Columns(shape="wide"), Columns(time="timestamp", model="model")):
        try:
            read_trace(("t.csv", bytes(damaged)), columns=columns)
        except InputError as error:
            assert "\n" not in str(error)
