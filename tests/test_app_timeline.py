"""The page Timeline without a browser: which stretch is drawn, and what is told of one request."""

import re
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.figures.gantt import MOST_BARS, describe_request
from planner import compare
from tests.cases import shown_key

MAIN = str(Path(__file__).parent.parent / "app" / "main.py")


def opened(**address):
    at = AppTest.from_file(MAIN, default_timeout=60).run()
    for key, value in address.items():
        at.query_params[key] = value
    at.switch_page("views/timeline.py").run()
    assert not at.exception and not at.error
    return at


@pytest.fixture
def shown():
    return opened()


def result_of(at, index=0):
    return compare(at.session_state["session"].scenario).results[index]


def written(at):
    texts = [e.proto.body for e in at.get("html")] + [e.value for e in (*at.markdown, *at.caption, *at.info)]
    return re.sub(r"\\(.)", r"\1", "\n".join(texts))


def stretch(at):
    start_s = at.number_input(key=shown_key(at, "timeline.start")).value
    return start_s, start_s + at.number_input(key=shown_key(at, "timeline.length")).value


def test_it_begins_where_most_requests_wait_and_tells_of_one_that_missed(shown):
    request = shown.number_input(key=shown_key(shown, "timeline.request")).value
    result = result_of(shown)
    assert not result.in_slo[request]
    start_s, end_s = stretch(shown)
    assert start_s <= result.workload.arrival_s[request] <= end_s + 1e-3
    assert describe_request(result, request) in written(shown)


def test_a_stretch_with_too_many_executions_is_refused_and_one_that_fits_is_offered(shown):
    shown.number_input(key=shown_key(shown, "timeline.length")).set_value(600.0).run()
    assert f"at most {MOST_BARS // 1000}\u202f000 can be drawn" in written(shown)
    shown.button(key="timeline.fit").click().run()
    assert "can be drawn" not in written(shown)
    assert stretch(shown)[1] - stretch(shown)[0] < 600


def test_a_stretch_of_no_length_is_refused_in_words(shown):
    before = stretch(shown)
    shown.number_input(key=shown_key(shown, "timeline.length")).set_value(0.0).run()
    (error,) = shown.error
    assert "more than 0 s are allowed" in error.value
    assert stretch(shown) == before


@pytest.mark.parametrize("fate", ["served", "late", "rejected"])
def test_the_next_request_of_a_fate_is_found_and_shown(shown, fate):
    before = shown.number_input(key=shown_key(shown, "timeline.request")).value
    shown.button(key=f"timeline.next.{fate}").click().run()
    request = shown.number_input(key=shown_key(shown, "timeline.request")).value
    result = result_of(shown)
    status = ("served", "late", "rejected", "unplaced").index(fate)
    assert result.status[request] == status
    assert not (result.status[before + 1 : request] == status).any()
    assert describe_request(result, request) in written(shown)
    start_s, end_s = stretch(shown)
    assert start_s - 1e-3 <= result.workload.arrival_s[request] <= end_s + 1e-3


def test_a_link_shows_its_stretch_its_groups_and_its_request():
    shown = opened(start="100.0", end="101.0", groups="1", request="7")
    assert stretch(shown) == pytest.approx((100.0, 101.0))
    assert shown.multiselect(key=shown_key(shown, "timeline.groups")).value == [1]
    assert describe_request(result_of(shown), 7) in written(shown)


def test_a_link_that_fits_nothing_is_ignored():
    shown = opened(start="-5", end="x", groups="99,?", request="1e99")
    assert shown.multiselect(key=shown_key(shown, "timeline.groups")).value == [0, 1]
    assert shown.number_input(key=shown_key(shown, "timeline.request")).value < len(result_of(shown).workload)


def test_moving_and_zooming_change_the_stretch_by_its_own_length(shown):
    start_s, end_s = stretch(shown)
    shown.button(key="timeline.Later").click().run()
    assert stretch(shown)[0] == pytest.approx((start_s + end_s) / 2, abs=1e-3)
    shown.button(key="timeline.Earlier").click().run()
    shown.button(key="timeline.Closer").click().run()
    assert stretch(shown)[1] - stretch(shown)[0] == pytest.approx((end_s - start_s) / 2, abs=2e-3)


def test_the_other_placement_has_its_own_execution_of_the_same_moment_and_request(shown):
    before, chosen = stretch(shown), shown.number_input(key=shown_key(shown, "timeline.request")).value
    shown.segmented_control(key=shown_key(shown, "looked_at")).set_value("Single-device replication").run()
    assert stretch(shown) == before
    request = shown.number_input(key=shown_key(shown, "timeline.request")).value
    assert request == chosen and describe_request(result_of(shown, 1), request) in written(shown)
    assert len(shown.multiselect(key=shown_key(shown, "timeline.groups")).options) == 16


def test_the_table_holds_the_requests_that_arrived_in_the_stretch(shown):
    start_s, end_s = stretch(shown)
    arrival_s = result_of(shown).workload.arrival_s
    table = shown.dataframe[0].value
    assert len(table) == pytest.approx(np.sum((arrival_s >= start_s) & (arrival_s < end_s)), abs=2)
    assert set(table["status"]) <= {"served", "late", "rejected", "unplaced"}


def test_a_page_keeps_nothing_of_charts_that_are_gone(shown):
    """Streamlit keeps what they would call back while the tab is open, and with it the results they were made of."""
    kept = []
    for scale in (4.0, 6.0, 8.0):
        shown.slider(key=shown_key(shown, "models.slo_scale")).set_value(scale).run()
        kept.append(len(shown.session_state._state._state._new_widget_state.widget_metadata))
    assert kept[0] > 10 and kept[-1] <= kept[0]
