"""An uploaded table: what is offered, what comes out, and that the scenario reads by the columns it names."""

import pytest
from streamlit.testing.v1 import AppTest

from app.controls.import_table import what_comes_out
from app.state.importing import as_import
from app.state.session import Session, with_values
from simulator import InputError
from simulator.traces import Columns, parse_columns, read_trace
from tests.test_app_trace import PAGE

UNKNOWN = b"when;who\n5000;a\n7500;b\n9000;b\n"
CLEAR = b"timestamp\tmodel\n5\ta\n7\tb\n9\tb\n"


def upload(at, name, data):
    uploader = next(u for u in at.get("file_uploader") if u.key.startswith("upload:trace"))
    return uploader.set_value([(name, data, "text/csv")]).run()


@pytest.fixture
def view():
    return AppTest.from_file(PAGE, default_timeout=60).run()


def test_a_clear_table_is_taken_and_its_columns_stand_in_the_scenario(view):
    upload(view, "clear.tsv", CLEAR)
    session = view.session_state["session"]
    assert not view.exception and not view.error
    assert session.scenario.workload.trace.columns == read_trace(("clear.tsv", CLEAR)).columns
    assert session.uploads.table is not None and not session.uploads.table.is_open


def test_an_unknown_table_opens_the_step_and_is_used_by_the_columns_that_are_shown(view):
    upload(view, "unknown.csv", UNKNOWN)
    session = view.session_state["session"]
    # The dialog asks for what was not understood, so no error says it beside it.
    assert session.uploads.table.is_open and not view.error and "--columns time=when" in session.complaints["traffic"]
    view.button(key="import.use").click().run()
    assert not view.exception and not session.uploads.table.is_open
    columns = session.scenario.workload.trace.columns
    assert (columns.time, columns.model, columns.unit) == ("when", "who", "s")
    assert session.uploads.read_trace(session.scenario).sources == ("a", "b")


def test_a_table_without_times_is_refused_in_one_sentence_and_in_another_once_the_step_is_closed(view):
    upload(view, "wrong.csv", b"colour,shape\nred,round\nblue,square\n")
    assert [error.value for error in view.error] == [
        "wrong.csv, line 2, column 'colour' is 'red'; a number from 0 to the year 2100 is allowed."
    ]
    view.session_state["session"].uploads.table.close()
    view.run()
    assert len(view.error) == 1 and "No column holds times" in view.error[0].value


def test_a_wrong_companion_does_not_open_the_step_of_the_file_that_is_read(view):
    uploader = next(u for u in view.get("file_uploader") if u.key.startswith("upload:trace"))
    uploader.set_value(
        [("clear.tsv", CLEAR, "text/csv"), ("wrong.csv", b"colour,shape\nred,round\n", "text/csv")]
    ).run()
    assert view.session_state["session"].uploads.table is None
    assert len(view.error) == 1 and "wrong.csv" in view.error[0].value


def test_what_is_no_table_opens_no_step(view):
    upload(view, "picture.csv", b"\x89PNG\r\n\x1a\n" + bytes(50))
    assert view.session_state["session"].uploads.table is None and view.error


def test_a_scenario_with_other_columns_reads_the_upload_again_or_asks_for_it():
    session = Session()
    files = [("unknown.csv", UNKNOWN)]
    session.uploads.table = as_import(files)
    trace = session.uploads.add_trace(files, columns=parse_columns("time=when,model=who,unit=ms"))
    path = {"path": "unknown.csv", "sha256": trace.digest}

    def scenario(columns):
        section = path | {"columns": columns}
        return with_values(session.scenario, "", workload={"trace": section})

    first = scenario({"time": "when", "model": "who", "unit": "ms"})
    assert session.uploads.read_trace(first) is trace
    assert session.uploads.read_trace(scenario(trace.columns.to_document())) is trace
    assert session.uploads.read_trace(scenario({"time": "when"})).sources == ("unknown",)
    assert session.uploads.read_trace(first).sources == ("a", "b")
    session.uploads.table = None
    with pytest.raises(InputError, match="reads unknown.csv by other columns; upload it again"):
        session.uploads.read_trace(scenario({"time": "when"}))


def test_what_comes_out_is_what_the_trace_holds():
    trace = read_trace(("unknown.csv", UNKNOWN), columns=parse_columns("time=when,model=who,unit=ms"))
    assert what_comes_out(trace) == "3 requests of 2 models in 4.00\u00a0s."
    dated = read_trace(("x.csv", b"t\n2026-03-01T10:00:00Z\n2026-03-01T10:00:02Z\n"), columns=Columns(time="t"))
    assert what_comes_out(dated) == "2 requests of 1 model in 2.00\u00a0s, from 2026-03-01 10:00:00 UTC."
