"""The Plan page without a browser: what is asked, what is answered, what is refused."""

import re
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.background.jobs import Lane
from app.look.style import OUR_FAULT
from app.state.first_scenario import first_scenario
from app.state.limits import MAX_DEVICES, MAX_MODELS
from app.state.session import with_values
from planner import compare, dump_scenario, parse_scenario
from tests.cases import shown_key
from tests.lookalikes import CODE, CONVERSATION, WINDOW, rows

MAIN = str(Path(__file__).parent.parent / "app" / "main.py")
HEADER_ONLY = b"arrival_s,model\n"
GOOD = b"arrival_s,model\n" + b"".join(f"{0.05 * i:.2f},m{i % 3}\n".encode() for i in range(2000))


@pytest.fixture
def plan():
    at = AppTest.from_file(MAIN, default_timeout=60).run()
    assert not at.exception
    yield at
    for job in session(at).jobs.all():
        job.stop()


def session(at):
    return at.session_state["session"]


def attainments(at):
    return [entry.outcome.figures.total.slo_attainment for entry in session(at).answer.shown]


def verdict(at):
    return next(e.proto.body for e in at.get("html") if "verdict" in e.proto.body and "status" in e.proto.body)


def upload(at, *files):
    at.file_uploader(key=f"upload:trace:{session(at).refused}").set_value(
        [(name, data, "text/csv") for name, data in files]
    ).run()
    assert not at.exception
    return at


def test_what_a_replaced_control_showed_does_not_undo_an_upload(plan):
    shown_before = plan._tree.get_widget_states()
    upload(plan, ("good.csv", GOOD))
    # The browser still has the old controls when the page is drawn again, here by a timer, and sends their state.
    plan._run(shown_before)
    assert session(plan).scenario.workload.trace.path == "good.csv"
    assert len(session(plan).undo) == 1


def errors(at):
    return [re.sub(r"\\(.)", r"\1", error.value) for error in at.error]


def test_the_first_visit_shows_two_placements_and_the_better_one_in_the_verdict(plan):
    single, groups = sorted(attainments(plan))
    assert single < groups
    assert "8-stage groups" in verdict(plan)
    assert len(plan.get("plotly_chart")) >= 4
    assert not plan.error and not plan.warning


def test_the_page_and_the_command_line_say_the_same(plan):
    plan.number_input(key="cluster.devices").set_value(12).run()
    expected = [r.slo_attainment for r in compare(parse_scenario(_downloaded(plan))).results]
    assert attainments(plan) == expected


def test_a_group_size_changes_the_attainment_and_the_name(plan):
    before = attainments(plan)
    plan.selectbox(key="placement.0.size").set_value((2, 1)).run()
    assert session(plan).scenario.placements[0].name == "2-stage groups"
    assert attainments(plan)[0] != before[0]
    assert attainments(plan)[1] == before[1]


def test_group_sizes_on_offer_are_those_that_the_cluster_can_hold(plan):
    plan.number_input(key="cluster.devices").set_value(4).run()
    offered = plan.selectbox(key="placement.0.size").options
    assert any("4 stages of 1 device" in option for option in offered)
    sizes = [re.search(r"pp (\d+), tp (\d+)", option) for option in offered]
    # The placement's own size stays listed, with its complaint, until another one is chosen.
    assert [int(s[1]) * int(s[2]) for s in sizes if s and int(s[1]) * int(s[2]) > 4] in ([], [8])


def test_undo_brings_the_earlier_numbers_back(plan):
    before = attainments(plan)
    plan.slider(key="models.slo_scale").set_value(2.0).run()
    assert attainments(plan) != before
    plan.button(key="undo").click().run()
    assert attainments(plan) == before
    assert plan.slider(key=shown_key(plan, "models.slo_scale")).value == 5.0


def test_an_uploaded_trace_is_simulated_and_named_with_its_digest(plan):
    upload(plan, ("mine.csv", GOOD))
    section = session(plan).scenario.workload.trace
    assert section.path == "mine.csv" and len(section.sha256) == 64
    assert len(session(plan).answer.inputs.problem.workload) == 2000


def test_several_files_at_once_are_one_model_each(plan):
    rows = b"TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:45:10.1,10,5\n2023-11-16 18:45:11.1,10,5\n"
    upload(plan, ("chat.csv", rows), ("code.csv", rows))
    assert session(plan).answer.inputs.trace.sources == ("chat", "code")
    assert any(caption.value.startswith("chat.csv and code.csv make this trace together") for caption in plan.caption)


def test_where_a_trace_has_more_sources_than_models_are_allowed_no_button_is_promised(plan, monkeypatch):
    monkeypatch.setattr("app.controls.traffic.MAX_MODELS", 2)
    upload(plan, ("mine.csv", GOOD))
    assert any("2 models are the most on this page, so there is none" in caption.value for caption in plan.caption)
    assert not any("each can become" in caption.value for caption in plan.caption)
    assert "traffic.per_source" not in [button.key for button in plan.button]


def test_one_model_for_each_source_maps_by_name(plan):
    upload(plan, ("mine.csv", GOOD))
    models = len(session(plan).answer.inputs.problem.models)
    said = f"The requests of m0, m1 and m2 in your trace are dealt out to {models} models of other names."
    captions = [caption.value for caption in plan.caption]
    assert said in captions and any(said in caption and caption != said for caption in captions)
    plan.button(key="traffic.per_source").click().run()
    assert not any("dealt out to" in caption.value for caption in plan.caption)
    assert [model.name for model in session(plan).answer.inputs.problem.models] == ["m0", "m1", "m2"]
    assert session(plan).scenario.workload.trace.map_models == "by_name"


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("empty.csv", b"", "empty.csv"),
        ("header.csv", HEADER_ONLY, "header.csv"),
        ("photo.png", b"\x89PNG\r\n\x1a\n" + bytes(100), "photo.png"),
        ("trace.zip", b"PK\x03\x04" + bytes(100), "trace.zip"),
        ("words.csv", b"arrival_s,model\n1,a\nsoon,b\n", "line 3"),
        ("negative.csv", b"arrival_s,model\n-1,a\n2,b\n", "negative.csv"),
        ("nan.csv", b"arrival_s,model\nnan,a\n2,b\n", "nan.csv"),
        (
            "durations.csv",
            b"HashOwner,HashApp,HashFunction,Average,Count,Minimum,Maximum\na,b,c,1,1,1,1\n",
            "durations",
        ),
    ],
)
def test_a_wrong_upload_shows_one_sentence_and_keeps_the_result(plan, name, data, said):
    before, scenario = attainments(plan), session(plan).scenario
    upload(plan, (name, data))
    sentences = errors(plan)
    assert said in sentences[0]
    assert all(sentence.endswith(".") and "Traceback" not in sentence for sentence in sentences)
    assert attainments(plan) == before and session(plan).scenario == scenario
    assert "96" in verdict(plan)


def test_a_good_upload_after_a_wrong_one_takes_the_sentence_away(plan):
    upload(plan, ("header.csv", HEADER_ONLY))
    assert plan.error
    upload(plan, ("mine.csv", GOOD))
    assert not plan.error


def test_settings_that_cannot_be_simulated_keep_the_last_result_and_say_so(plan):
    before = verdict(plan)
    plan.number_input(key="trace.start_s").set_value(1e6).run()
    assert any("ends at" in sentence for sentence in errors(plan))
    assert plan.warning and verdict(plan) == before


def test_a_group_larger_than_the_cluster_is_said_at_its_placement(plan):
    plan.number_input(key="cluster.devices").set_value(4).run()
    assert len(errors(plan)) == 1 and "8" in errors(plan)[0]
    (_,), (refused,) = session(plan).answer.shown, session(plan).answer.waiting
    assert refused.problem and not session(plan).answer.is_earlier


@pytest.mark.parametrize(
    ("section", "values", "said"),
    [
        ("cluster", {"devices": MAX_DEVICES + 1}, f"at most {MAX_DEVICES}"),
        ("", {"models": [{"name": "m{i}", "profile": "bert-1.3b", "count": MAX_MODELS + 1, "slo_scale": 5}]}, "200"),
        ("", {"workload": {"gamma": {"total_rate_per_s": 1e6, "cv": 1, "duration_s": 1e6}}}, "5\u202f000\u202f000"),
        ("workload.trace", {"path": "/etc/passwd"}, "upload it"),
        ("workload.trace", {"path": "../secret.csv"}, "upload it"),
        ("", {"profiles": "/etc/passwd"}, "upload it"),
        ("", {"models": [{"name": "m", "profile": "gpt-17", "slo_scale": 5}]}, "gpt-17"),
    ],
)
def test_what_the_page_does_not_take_is_refused_in_a_sentence(plan, section, values, said):
    session(plan).replace("traffic", with_values(first_scenario(), section, **values))
    plan.run()
    assert not plan.exception
    assert any(said in sentence for sentence in errors(plan))
    assert "96" in verdict(plan)


def test_a_placement_by_hand_begins_with_the_one_looked_at_and_can_be_edited(plan):
    plan.selectbox(key="placements.kind").set_value("by hand").run()
    plan.button(key="placements.add").click().run()
    assert attainments(plan)[2] == attainments(plan)[0]
    plan.text_area(key="placement.2.text").set_value("- {pp: 8, tp: 1, models: [model-0, model-1]}").run()
    assert not plan.error
    assert attainments(plan)[2] < attainments(plan)[0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- {pp: 8, tp: 1, models: [model-0]}\n- {pp: 8, tq: 1}", "line 2"),
        ("- {pp: [}", "line 1"),
        ("nonsense", "line 1"),
        ("- {pp: 3, tp: 1, models: [model-0]}", "pp 3"),
        ("- {pp: 1, tp: 1, models: [nobody]}", "nobody"),
    ],
)
def test_wrong_text_by_hand_is_said_with_its_line(plan, text, said):
    plan.selectbox(key="placements.kind").set_value("by hand").run()
    plan.button(key="placements.add").click().run()
    plan.text_area(key="placement.2.text").set_value(text).run()
    (sentence,) = errors(plan)
    assert said in sentence and "by hand" in sentence
    assert {"8-stage groups", "Single-device replication"} <= {e.section.name for e in session(plan).answer.shown}


def test_a_duplicate_name_is_refused_and_nothing_changes(plan):
    scenario = session(plan).scenario
    plan.text_input(key="placement.0.name").set_value("Single-device replication").run()
    assert "every name may occur once" in errors(plan)[0]
    assert session(plan).scenario == scenario


def test_without_placements_the_page_says_what_to_do(plan):
    plan.button(key="placement.1.remove").click().run()
    plan.button(key="placement.0.remove").click().run()
    assert not plan.exception
    assert any("Add one" in info.value for info in plan.info)


def add(plan, kind):
    plan.selectbox(key="placements.kind").set_value(kind).run()
    plan.button(key="placements.add").click().run()


def after_jobs(plan):
    jobs = session(plan).jobs
    jobs.wait(jobs.all(), 60)
    assert not jobs.unfinished()
    return plan.run()


def test_a_long_search_runs_beside_the_page_and_its_result_appears(plan):
    add(plan, "greedy")
    assert len(session(plan).answer.shown) == 2 and len(session(plan).answer.waiting) == 1
    plan.number_input(key="placement.2.time_limit_s").set_value(1.0).run()
    after_jobs(plan)
    assert not plan.exception and session(plan).answer.is_current
    assert 0 < attainments(plan)[2] < 1


def test_a_stopped_search_gives_its_best_so_far_and_says_so(plan):
    # It searches as long as its limit allows, so that Stop never comes too late.
    add(plan, "alpaserve")
    (job,) = session(plan).jobs.all(Lane.SEARCH)
    # What is stopped before it has begun has no best so far.
    while job.progress is None and not job.is_done:
        job.wait(0.05)
    job.stop()
    after_jobs(plan)
    assert any("was stopped" in info.value for info in plan.info)
    assert len(attainments(plan)) == 3


def test_results_of_different_settings_are_never_shown_beside_each_other(plan):
    add(plan, "greedy")
    plan.button(key="placement.1.remove").click().run()
    before = verdict(plan)
    plan.button(key="placement.0.remove").click().run()
    assert verdict(plan) == before
    assert any("earlier settings" in info.value for info in plan.info)
    assert session(plan).answer.is_earlier
    session(plan).jobs.all(Lane.SEARCH)[0].stop()
    after_jobs(plan)
    assert [entry.section.name for entry in session(plan).answer.shown] == ["Greedy (Algorithm 1)"]


def test_a_search_that_nobody_wants_any_more_is_stopped(plan):
    add(plan, "greedy")
    (job,) = session(plan).jobs.all(Lane.SEARCH)
    plan.button(key="placement.2.remove").click().run()
    assert job.is_stopped and not session(plan).jobs.all(Lane.SEARCH)


def test_names_from_outside_are_never_markup(plan):
    plan.text_input(key="placement.0.name").set_value("<img src=x onerror=alert(1)>").run()
    assert not plan.exception
    bodies = " ".join(e.proto.body for e in plan.get("html"))
    assert "<img" not in bodies and "&lt;img" in bodies


def test_a_failure_of_ours_costs_a_sentence_and_not_the_page(plan, monkeypatch):
    monkeypatch.setattr("app.panels.facts.draw_trace", lambda answer: 1 / 0)
    plan.run()
    assert not plan.exception
    assert OUR_FAULT in [error.value for error in plan.error]


def test_traces_like_the_published_ones_upload_and_simulate(plan, traces):
    files = [traces / CODE, traces / CONVERSATION]
    upload(plan, *((file.name, file.read_bytes()) for file in files))
    assert len(session(plan).answer.inputs.problem.workload) == sum(map(rows, files))
    table = traces / WINDOW
    upload(plan, (table.name, table.read_bytes()))
    assert session(plan).scenario.workload.trace.resample == "gamma"
    assert not plan.error


def test_the_page_says_what_the_command_line_says_of_devices_and_nodes(plan):
    session(plan).edit("cluster", lambda s: with_values(s, "cluster", device="a100-80gb", devices_per_node=3))
    plan.run()
    said = [re.sub(r"\\(.)", r"\1", caption.value) for caption in plan.caption]
    notices = compare(session(plan).scenario).notices
    assert any("cluster.device" in notice for notice in notices) and any("nodes" in notice for notice in notices)
    for notice in notices:
        assert any(notice in caption for caption in said), notice


def _downloaded(at):
    return dump_scenario(session(at).scenario)
