"""Page Profile: a profile fitted to one's own log is that of the command, and the Plan page serves by it."""

import pytest
from streamlit.testing.v1 import AppTest

from app.panels.generation_estimate import errors_table as estimate_errors_table
from app.panels.generation_fit import AREA, errors_table
from app.panels.profile import OWN_FILE
from planner.generation.estimate import estimate_profiles, known_error_sentence
from planner.generation.fit_log import fit_measurements, measured_on
from planner.generation.request_log import read_measurements
from planner.generation.vllm_runs import PLENTY_BLOCKS
from planner.parallelise import load_architectures, load_hardware
from planner.scenario.examples import FOLDER
from planner.scenario.file import parse_scenario
from simulator.generation import EngineLimits
from tests.test_app_plan import MAIN, errors, session
from tests.test_generation_own_profiles import made_run, table_of

EXAMPLE = parse_scenario((FOLDER / "6-language-models.yaml").read_text(encoding="utf-8"))
PAGE = "views/profile.py"
LOG = table_of(made_run(80)).to_csv(index=False).encode()


@pytest.fixture
def at():
    at = AppTest.from_file(MAIN, default_timeout=120).run()
    session(at).replace("traffic", EXAMPLE)
    return at.switch_page(PAGE).run()


def give(at, content, name="log.csv"):
    at.file_uploader(key=f"upload:log:{session(at).refused}").set_value([(name, content, "text/csv")]).run()
    at.button(key="fit.go").click().run()
    session(at).slots[AREA].job.wait(60)
    at.run()
    assert not at.exception
    return at


def test_a_profile_fitted_on_the_page_is_that_of_the_command_and_serves(at):
    give(at, LOG)
    measured = read_measurements(LOG, "log.csv", EngineLimits(kv_blocks=PLENTY_BLOCKS))
    where = measured_on(load_architectures()["llama-3.1-8b"], "llama-3.1-8b, own", EXAMPLE.cluster.device, 1)
    fit = fit_measurements(measured, where, "log.csv")
    assert session(at).slots[AREA].result == fit
    assert fit.verdict.split(".")[0] in " ".join(e.proto.body for e in at.get("html"))
    assert any(table.value.equals(errors_table(fit)) for table in at.dataframe)
    at.button(key="fit.use").click().run()
    scenario = session(at).scenario
    assert scenario.profiles == OWN_FILE and {m.generation for m in scenario.models} == {"llama-3.1-8b, own"}
    # It can be looked at beside those that ship, and what is planned by it is found again in its own file.
    assert "llama-3.1-8b, own on RTX PRO 6000, tp 1" in at.selectbox(key="token_profile").options
    at.switch_page("views/plan.py").run()
    assert not at.exception and not errors(at)
    profiles = [m.profiles[1] for m in session(at).answer.inputs.problem.models]
    assert set(profiles) == {fit.profile}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"a,b\n1,2\n", "Request log 'log.csv' has no column for input_tokens"),
        (LOG.replace(b"\n", b"\n,", 1), "line 2: 6 columns, and the header names 5."),
        (b"\n".join(LOG.splitlines()[:5]), "log.csv has 4 requests; at least 40 are needed"),
    ],
)
def test_a_bad_log_is_one_sentence_on_the_page(at, content, sentence):
    give(at, content)
    assert len(errors(at)) == 1 and sentence in errors(at)[0]
    assert session(at).slots[AREA].result is None


def test_limits_that_cannot_be_are_said_at_once(at):
    at.number_input(key="fit.engine:max_num_batched_tokens").set_value(8).run()
    assert any("max_num_batched_tokens is 8 and max_num_seqs 256" in error for error in errors(at))


def test_an_estimate_on_the_page_is_that_of_the_command_and_serves(at):
    at.selectbox(key="profile.model").set_value("llama-3.1-8b").run()
    at.selectbox(key="profile.device").set_value("h100-80gb").run()
    name = "llama-3.1-8b, estimated"
    expected = estimate_profiles(load_architectures()["llama-3.1-8b"], load_hardware()["h100-80gb"], name)
    assert any(known_error_sentence() in caption.value for caption in at.caption)
    assert any(table.value.equals(estimate_errors_table()) for table in at.dataframe)
    at.button(key="estimate.use").click().run()
    assert not at.exception and not errors(at)
    scenario = session(at).scenario
    assert {m.generation for m in scenario.models} == {name}
    assert (scenario.cluster.device, scenario.cluster.memory_gib) == ("h100-80gb", 70.0)
    at.switch_page("views/plan.py").run()
    assert not at.exception and not errors(at)
    profiles = [m.profiles[1] for m in session(at).answer.inputs.problem.models]
    assert set(profiles) == {expected[0]}


def test_a_model_that_cannot_be_had_on_a_device_is_said_where_it_is_asked(at):
    at.selectbox(key="profile.model").set_value("llama-3.1-8b").run()
    assert any("can be had on no 1, 2, 4 or 8 of v100-16gb" in warning.value for warning in at.warning)
