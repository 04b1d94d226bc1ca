"""The Scenario page and sharing without a browser: text, examples, files that are missing, links."""

import hashlib
import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from streamlit.testing.v1 import AppTest

from app.state.drafting import Draft, with_drafts
from app.state.first_scenario import first_scenario
from app.state.session import Session, with_values
from app.state.sharing import is_local, make_link, scenario_to_share, take_link
from planner import compare, dump_scenario, parse_scenario
from planner.compare import placement_section
from planner.generation.inputs import build_token_inputs
from planner.scenario.examples import examples
from planner.scenario.inputs import build_inputs
from planner.scenario.link import MAX_TOKEN_CHARACTERS, encode_scenario
from planner.scenario.schema import MAX_PLACEMENTS
from simulator import Group, Placement
from tests.cases import shown_key

MAIN = str(Path(__file__).parent.parent / "app" / "main.py")
TRACE = b"arrival_s,model\n" + b"".join(f"{0.05 * i:.2f},m{i % 3}\n".encode() for i in range(2000))
WITH_TRACE = """version: 1
cluster: {devices: 4}
models:
- {name: 'm{i}', profile: bert-1.3b, count: 3, slo_scale: 5}
workload:
  trace: {path: runs/mine.csv, duration_s: 60, map_models: by_name}
placements:
- name: four stages
  groups: [{pp: 4, tp: 1, models: [m0, m1, m2]}]
"""


def opened(page="scenario", **parameters):
    at = AppTest.from_file(MAIN, default_timeout=60)
    for name, value in parameters.items():
        at.query_params[name] = value
    at.run()
    if page != "plan":
        at.switch_page(f"views/{page}.py").run()
    assert not at.exception
    return at


@pytest.fixture
def page():
    return opened()


def session(at):
    return at.session_state["session"]


def errors(at):
    return [re.sub(r"\\(.)", r"\1", error.value) for error in at.error]


def text(at):
    return at.text_area(key=shown_key(at, "scenario.text"))


def attainments(at):
    return [entry.outcome.figures.total.slo_attainment for entry in session(at).answer.shown]


def test_the_text_is_the_scenario_in_force(page):
    assert parse_scenario(text(page).value) == first_scenario()
    assert any("in force, and every page answers it" in s.value for s in page.success)


def test_a_good_text_comes_into_force_and_keeps_its_comments(page):
    written = text(page).value.replace("devices: 16", "devices: 8") + "# my note\n"
    text(page).set_value(written).run()
    assert session(page).scenario.cluster.devices == 8
    assert text(page).value == written
    assert attainments(page) == [r.slo_attainment for r in compare(parse_scenario(written)).results]


def test_a_wrong_text_is_said_with_its_line_and_the_last_good_scenario_stays(page):
    before = session(page).scenario
    wrong = text(page).value.replace("devices: 16", "devises: 16")
    text(page).set_value(wrong).run()
    assert any("line 3" in s and "cluster.devises" in s and "devices" in s for s in errors(page))
    assert session(page).scenario == before and text(page).value == wrong
    page.switch_page("views/plan.py").run()
    assert not page.error and len(attainments(page)) == 2
    page.switch_page("views/scenario.py").run()
    assert text(page).value == wrong and errors(page)
    page.button(key="scenario.forget").click().run()
    assert text(page).value == dump_scenario(before) and not page.error


@pytest.mark.parametrize(
    "wrong", ["", "- a\n- b\n", "version: 1\n", "a: [", "version: 2\n", "x: &a 1\ny: *a\n", "\x00"]
)
def test_no_text_breaks_the_page(page, wrong):
    before = session(page).scenario
    text(page).set_value(wrong).run()
    assert len(errors(page)) == 1 and not page.exception
    assert session(page).scenario == before


OVER = {
    "models": ("count: 24", "count: 500", "500 models; at most 200"),
    "devices": ("devices: 16", "devices: 4000", "cluster.devices is"),
    "profile": ("bert-2.6b", "gpt-17", "gpt-17"),
    "sample": ("sample:steady", "sample:nothing", "nothing"),
}


@pytest.mark.parametrize("case", OVER)
def test_a_text_that_cannot_be_planned_does_not_replace_the_work(page, case):
    good, bad, said = OVER[case]
    before = session(page).scenario
    assert good in text(page).value
    wrong = text(page).value.replace(good, bad, 1) + "# mine\n"
    text(page).set_value(wrong).run()
    assert session(page).scenario == before and text(page).value == wrong
    assert len(errors(page)) == 1 and said in errors(page)[0]
    page.switch_page("views/plan.py").run()
    assert not page.error and attainments(page)
    page.switch_page("views/scenario.py").run()
    assert text(page).value == wrong
    page.button(key="scenario.forget").click().run()
    assert text(page).value == dump_scenario(before) and not page.error


def test_a_text_with_too_many_requests_does_not_replace_the_work(page):
    before = session(page).scenario
    many = {"gamma": {"total_rate_per_s": 1e6, "cv": 1, "duration_s": 1e6}}
    wrong = dump_scenario(with_values(before, "", workload=many))
    text(page).set_value(wrong).run()
    assert session(page).scenario == before and text(page).value == wrong
    assert "requests; at most" in errors(page)[0]


def test_a_link_over_a_bound_does_not_replace_the_work():
    mine = Session()
    before = mine.scenario
    over = with_values(before, "", models=[{"name": "m{i}", "profile": "bert-1.3b", "count": 500, "slo_scale": 5}])
    take_link(mine, {"s": encode_scenario(over), "look": "AlpaServe"})
    assert mine.scenario is before and mine.looked_at is None and not mine.undo
    assert "500 models; at most 200" in mine.complaints["link"]


def test_no_edit_leads_over_a_bound_and_one_back_towards_it_is_taken():
    mine = Session()
    before = mine.scenario
    row = {"name": "m{i}", "profile": "bert-1.3b", "slo_scale": 5}
    counted = lambda count: lambda s: with_values(s, "", models=[row | {"count": count}])  # noqa: E731
    assert not mine.edit("models table", counted(201)) and mine.scenario is before
    assert "201 models; at most 200" in mine.complaints["models table"]
    mine.scenario = counted(500)(before)
    assert mine.edit("models table", counted(300)) and mine.edit("models table", counted(200))


def test_a_change_elsewhere_is_in_the_text(page):
    page.switch_page("views/plan.py").run()
    page.number_input(key="cluster.devices").set_value(12).run()
    page.switch_page("views/scenario.py").run()
    assert "devices: 12" in text(page).value
    page.button(key="scenario.undo").click().run()
    assert "devices: 16" in text(page).value


@pytest.mark.parametrize("example", examples(), ids=lambda example: example.file_name)
def test_every_example_is_a_scenario_that_can_be_built_and_says_what_it_is_about(example):
    inputs = (build_token_inputs if example.scenario.generates else build_inputs)(example.scenario)
    assert 1_000 < len(inputs.problem.workload) < 200_000
    assert len(example.scenario.placements) >= 2
    assert len(example.about) > 40 and parse_scenario(example.text) == example.scenario
    for section in example.scenario.placements:
        assert section.search is None or section.search.time_limit_s is None


def test_an_example_is_loaded_with_its_comments_and_answered(page):
    page.selectbox(key="scenario.example").select_index(1).run()
    page.button(key="scenario.load").click().run()
    assert session(page).scenario == examples()[1].scenario
    assert text(page).value == examples()[1].text
    assert attainments(page) == [r.slo_attainment for r in compare(examples()[1].scenario).results]


def test_the_first_example_is_that_of_the_readme():
    readme = (Path(MAIN).parent.parent / "README.md").read_text(encoding="utf-8")
    block = re.search(r"```yaml\n(version: 1\n.*?)```", readme, re.S)[1]
    assert parse_scenario(block) == examples()[0].scenario


def upload(at, key, name, content):
    at.file_uploader(key=key).set_value([(name, content, "text/plain")]).run()
    assert not at.exception


def test_a_file_is_loaded_and_a_wrong_one_is_said_and_shown(page):
    upload(page, "upload:scenario", "mine.yaml", examples()[0].text.encode())
    assert session(page).scenario == examples()[0].scenario
    upload(page, "upload:scenario", "picture.png", b"\x89PNG\xff\xfe")
    assert any("'picture.png' is not text in UTF-8" in s for s in errors(page))
    assert session(page).scenario == examples()[0].scenario


def test_a_scenario_waits_for_its_trace_and_then_gives_the_numbers_of_the_command_line(page, tmp_path):
    text(page).set_value(WITH_TRACE).run()
    assert any("needs the trace runs/mine.csv" in s for s in errors(page))
    assert len(attainments(page)) == 2
    upload(page, "upload:missing-trace", "mine.csv", TRACE)
    assert not page.error
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "mine.csv").write_bytes(TRACE)
    expected = compare(parse_scenario(WITH_TRACE).in_folder(tmp_path))
    assert attainments(page) == [r.slo_attainment for r in expected.results]
    assert session(page).scenario.workload.trace.duration_s == 60


def test_another_trace_than_the_one_the_scenario_was_made_with_is_refused(page):
    digest = hashlib.sha256(TRACE).hexdigest()
    text(page).set_value(WITH_TRACE.replace("duration_s: 60", f"duration_s: 60, sha256: {digest}")).run()
    upload(page, "upload:missing-trace", "mine.csv", TRACE.replace(b"0.05", b"0.06"))
    assert any("is another file" in s and digest[:12] in s for s in errors(page))
    upload(page, "upload:missing-trace", "other-name.csv", TRACE)
    assert not page.error and len(attainments(page)) == 1


def test_a_scenario_waits_for_its_profiles(page):
    profiles = b'{"tiny": {"device": "v100", "entries": [{"pp": 1, "tp": 1, "stage_latency_s": [0.1], '
    profiles += b'"stage_weight_gib": [1.0], "source": "measured"}]}}'
    asked = WITH_TRACE.replace("bert-1.3b", "tiny").replace("pp: 4", "pp: 1")
    asked = asked.replace("cluster:", "profiles: mine.json\ncluster:")
    asked = re.sub(r"  trace: .*", "  poisson: {total_rate_per_s: 5, duration_s: 100}", asked)
    text(page).set_value(asked).run()
    assert any("needs the profiles file mine.json" in s for s in errors(page))
    upload(page, "upload:missing-profiles", "mine.json", profiles)
    assert not page.error and len(attainments(page)) == 1


def test_a_link_shows_the_same_numbers_and_the_same_view():
    first = opened("plan")
    first.number_input(key="cluster.devices").set_value(12).run()
    session(first).looked_at = "Single-device replication"
    link = make_link(session(first), "https://planner.example/placement", {"edit_group": "1", "s": "old"})
    parameters = {name: values[0] for name, values in parse_qs(urlsplit(link).query).items()}
    second = opened("placement", **parameters)
    assert session(second).scenario == session(first).scenario
    assert attainments(second) == attainments(first)
    assert session(second).looked_at == "Single-device replication"
    assert second.selectbox(key="edit_group").value == 1


def test_a_link_is_taken_once_and_later_edits_stay():
    at = opened("plan", s=encode_scenario(examples()[0].scenario))
    assert session(at).scenario == examples()[0].scenario
    at.number_input(key="cluster.devices").set_value(4).run()
    at.run()
    assert session(at).scenario.cluster.devices == 4


@pytest.mark.parametrize("token", ["", "nonsense", "s1.AAAA", "s1." + "A" * MAX_TOKEN_CHARACTERS])
def test_a_damaged_link_is_said_and_the_first_scenario_stays(token):
    at = opened("plan", s=token)
    assert session(at).scenario == first_scenario()
    assert len(attainments(at)) == 2
    assert len(errors(at)) == 1 and "link" in errors(at)[0].lower()


def test_a_link_to_an_uploaded_trace_names_its_digest_and_asks_for_the_file():
    first = opened()
    text(first).set_value(WITH_TRACE).run()
    upload(first, "upload:missing-trace", "mine.csv", TRACE)
    shared = scenario_to_share(session(first))
    assert shared.workload.trace.sha256 == hashlib.sha256(TRACE).hexdigest()
    assert shared.workload.trace.path == "mine.csv"
    second = opened("plan", s=encode_scenario(shared))
    assert any("needs the trace mine.csv" in s for s in errors(second))
    # The usual upload does as well, and does not put the window and the mapping away.
    upload(second, f"upload:trace:{session(second).refused}", "renamed.csv", TRACE)
    assert attainments(second) == attainments(first)
    assert session(second).scenario.workload.trace.duration_s == 60


def test_what_a_search_under_a_time_limit_found_is_in_the_link():
    scenario = examples()[0].scenario.model_dump()
    scenario["workload"]["gamma"]["duration_s"] = 30
    scenario["placements"] = [{"name": "found", "search": {"algorithm": "alpaserve", "time_limit_s": 1}}]
    at = opened("plan", s=encode_scenario(parse_scenario(str(scenario).replace("None", "null"))))
    for job in session(at).jobs.all():
        while not job.is_done:
            pass
    at.run()
    shared = scenario_to_share(session(at))
    assert shared.placements[0].search is None and shared.placements[0].name == "found"
    assert [r.slo_attainment for r in compare(shared).results] == attainments(at)


def test_a_scenario_too_large_for_a_link_is_offered_as_a_file():
    names = [hashlib.sha256(str(i).encode()).hexdigest() for i in range(180)]
    document = first_scenario().model_dump()
    document["models"] = [{"name": name, "profile": "bert-1.3b", "slo_scale": 5} for name in names]
    at = opened()
    text(at).set_value(dump_scenario(type(first_scenario()).model_validate(document))).run()
    at.button(key="share").click().run()
    assert not at.exception
    assert any("too large for a link" in w.value for w in at.warning)


def test_the_share_button_gives_a_link_that_decodes(page):
    page.button(key="share").click().run()
    assert not page.exception
    link = next(c.value for c in page.code if "?s=" in c.value)
    other = Session()
    take_link(other, {name: values[0] for name, values in parse_qs(urlsplit(link).query).items()})
    assert other.scenario == session(page).scenario


def test_addresses_of_this_machine_are_told_from_others():
    assert is_local("http://127.0.0.1:8501/compare") and is_local("http://localhost:8501")
    assert not is_local("https://planner.example/")


def test_edits_that_are_not_saved_are_in_the_link_and_the_note_stands_above_it(page):
    at = opened("placement")
    held = at.multiselect(key=shown_key(at, "draft.models")).value
    at.multiselect(key=shown_key(at, "draft.models")).set_value(held[:9]).run()
    draft = session(at).drafts[session(at).drafting]
    shared = scenario_to_share(session(at))
    added = [s for s in shared.placements if s.name not in {s.name for s in session(at).scenario.placements}]
    assert [s.groups[0].models for s in added] == [list(draft.now.groups[0].models)]
    at.button(key="share").click().run()
    assert not at.exception
    assert any("that are not saved are in the link" in caption.value for caption in at.caption)


def test_a_full_basket_takes_the_edits_in_place_of_what_they_began_as():
    first = first_scenario()
    full = first.model_copy(update={"placements": [
        placement_section(Placement((Group(1, 1, ("m",)),))).model_copy(update={"name": f"p{i}"})
        for i in range(MAX_PLACEMENTS)]})  # fmt: skip
    start, now = (Placement((Group(1, 1, (name,)),)) for name in "mn")
    given = with_drafts(full, [Draft("p3", (start, now), ("edit",), 1), Draft("gone", (start, now), ("edit",), 1)])
    assert [s.name for s in given.placements] == [s.name for s in full.placements]
    assert [s.groups[0].models for s in given.placements] == [["n"] if i == 3 else ["m"] for i in range(MAX_PLACEMENTS)]
