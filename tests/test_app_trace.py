"""The Trace page: what the file holds beside what is replayed of it."""

import json
import math
import threading
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.panels.arrivals import burst_table
from app.state import compute
from app.state.session import Session, with_values
from simulator.traces import count_arrivals, read_trace, summarise
from simulator.traces.bursts import find_bursts
from tests.cases import shown_key

PAGE = str(Path(__file__).parent.parent / "app" / "views" / "trace.py")
ROWS = b"".join(f"{(i // 10) * 30 + 0.1 * (i % 10):.1f},m{i % 3}\n".encode() for i in range(600))
CSV = b"arrival_s,model\n" + ROWS


@pytest.fixture
def view():
    at = AppTest.from_file(PAGE, default_timeout=60).run()
    uploader = next(u for u in at.get("file_uploader") if u.key.startswith("upload:trace"))
    uploader.set_value([("mine.csv", CSV, "text/csv")]).run()
    assert not at.exception and not at.error
    return at


def said(at):
    return " ".join(e.proto.body for e in at.get("html"))


def test_the_page_says_what_the_trace_command_says(view):
    summary = summarise(read_trace([("mine.csv", CSV)]))
    assert f"{summary.requests}" in said(view)
    assert f"{summary.cv:.2f}" in said(view)
    tables = [frame.value for frame in view.dataframe if "source" in frame.value.columns]
    assert sorted(map(tuple, tables[0].to_numpy().tolist())) == sorted(summary.sources)


def test_a_window_changes_what_is_replayed_and_not_what_the_file_holds(view):
    session = view.session_state["session"]
    before = len(session.answer.inputs.problem.workload)
    view.number_input(key=shown_key(view, "trace.duration_s")).set_value(300.0).run()
    assert not view.exception
    after = len(session.answer.inputs.problem.workload)
    assert after == 100 < before == 600
    assert "600" in said(view) and "100 requests are replayed" in said(view)


def test_resampling_is_said_among_the_changes(view):
    view.selectbox(key=shown_key(view, "trace.resample")).set_value("gamma").run()
    assert "drawn anew in windows of" in said(view)


def test_a_burst_is_found_higher_or_lower(view):
    trace = read_trace([("mine.csv", CSV)])
    view.slider(key="burst_times").set_value(1.25).run()
    assert not view.exception
    expected = find_bursts(trace, 1.25)
    tables = [frame.value for frame in view.dataframe if "times the mean" in frame.value.columns]
    assert len(burst_table(expected)) == (len(tables[0]) if tables else 0)


def test_the_numbers_of_what_is_replayed_are_plain_counting():
    arrival_s = np.array([0.0, 1.0, 3.0, 59.0, 61.0, 119.0])
    facts = count_arrivals(arrival_s)
    gaps = [1, 2, 56, 2, 58]
    assert facts.requests == 6 and facts.span_s == 119
    assert facts.cv == pytest.approx(np.std(gaps) / np.mean(gaps))
    assert facts.peak_to_mean == pytest.approx(4 / 3)


@pytest.mark.parametrize(("arrival_s", "absent"), [
    ([], {"rate_per_s", "cv", "peak_to_mean"}), ([5.0], {"rate_per_s", "cv"}), ([5.0, 5.0, 5.0], {"rate_per_s", "cv"}),
    ([1.0, 2.0], {"cv"}), ([1.0, 2.0, 3.0], set()),
])  # fmt: skip
def test_what_few_requests_do_not_tell_is_absent(arrival_s, absent):
    numbers = vars(count_arrivals(np.array(arrival_s)))
    assert {name for name, value in numbers.items() if math.isnan(value)} == absent


def test_arrivals_made_here_have_no_file_to_show(view):
    view.selectbox(key=shown_key(view, "traffic.source")).set_value("gamma").run()
    assert not view.exception
    assert any("made here" in info.value for info in view.info)


def clocks(at):
    """What each chart over time says that its time 0 was."""
    metas = [json.loads(chart.proto.spec)["layout"].get("meta", {}) for chart in at.get("plotly_chart")]
    return [meta["clock"] for meta in metas if "clock" in meta]


def test_times_have_the_clock_of_the_trace_from_where_the_window_begins_unless_they_are_stretched():
    at = AppTest.from_file(PAGE, default_timeout=60).run()
    assert clocks(at) == []
    uploader = next(u for u in at.get("file_uploader") if u.key.startswith("upload:trace"))
    rows = b"".join(f"{1_700_000_000 + 3 * i},m\n".encode() for i in range(60))
    uploader.set_value([("mine.csv", b"arrival_s,model\n" + rows, "text/csv")]).run()
    at.number_input(key=shown_key(at, "trace.start_s")).set_value(60.0).run()
    assert not at.exception
    assert clocks(at) == ["2023-11-14T22:13:20.000+00:00", "2023-11-14T22:14:20.000+00:00"]
    session = at.session_state["session"]
    session.edit("trace", lambda scenario: with_values(scenario, "workload.trace", time_scale=2.0))
    at.run()
    assert clocks(at) == ["2023-11-14T22:13:20.000+00:00"]


# The rates make traffic that no test before has made.
@pytest.mark.parametrize(("page", "rate"), [(PAGE, 0.0123), (PAGE.replace("trace.py", "capacity.py"), 0.0124)])
def test_traffic_that_is_still_being_made_is_waited_for_and_never_said_to_be_missing(page, rate, monkeypatch):
    go_on = threading.Event()
    make = compute.make_workload
    monkeypatch.setattr(compute, "make_workload", lambda *given: go_on.wait(60) and make(*given))
    monkeypatch.setattr("app.state.compute.PATIENCE_S", 0.0)
    at = AppTest.from_file(page, default_timeout=60)
    session = at.session_state["session"] = Session()
    session.scenario = with_values(session.scenario, "workload.trace", rate_scale=rate)
    at.run()
    assert not at.exception and not any("Choose a sample" in info.value for info in at.info)
    assert any("What arrives" in bar.proto.text for bar in at.get("progress"))
    go_on.set()
    session.jobs.wait(session.jobs.all(), 60)
    at.run()
    assert not at.exception and not any("What arrives" in bar.proto.text for bar in at.get("progress"))
