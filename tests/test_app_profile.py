"""The Profile page: its numbers are those of profile_model, and a profile can be taken over."""

import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.look import words
from app.panels.profile import OWN_FILE, Made, stage_table, use_profile
from app.panels.profile_inputs import Question, read_config
from app.state.saved import is_worth_keeping
from app.state.session import Session
from planner.parallelise import (
    Measurement,
    architecture_from_hf_config,
    load_architectures,
    load_hardware,
    profile_model,
)
from simulator import InputError

PAGE = str(Path(__file__).parent.parent / "app" / "views" / "profile.py")
CONFIG = {
    "model_type": "llama", "num_hidden_layers": 4, "hidden_size": 512, "num_attention_heads": 8, "vocab_size": 1000,
    "intermediate_size": 1024, "hidden_act": "silu", "torch_dtype": "float16", "_name_or_path": "me/tiny",
}  # fmt: skip


@pytest.fixture(scope="module")
def modelled():
    return profile_model(load_architectures()["bert-1.3b"], load_hardware()["v100-16gb"], weight_memory_gib=13.0,
                         sequence=2048)  # fmt: skip


@pytest.fixture
def view():
    at = AppTest.from_file(PAGE, default_timeout=120).run()
    assert not at.exception and not at.error
    return finished(at)


def finished(at):
    at.session_state["session"].slots["profile"].job.wait(60)
    at.run()
    assert not at.exception
    return at


def said(at):
    return " ".join(e.proto.body for e in at.get("html"))


def test_the_page_says_the_latency_that_the_model_gives(view, modelled):
    assert words.duration(modelled.profile.single_device_latency_s) in said(view)
    tables = [f.value for f in view.dataframe if "throughput_per_s" in f.value.columns]
    shown = {(row.pp, row.tp): row.latency_s for row in tables[0].itertuples()}
    assert shown == {key: pytest.approx(plan.latency_s()) for key, plan in modelled.plans.items()}


def test_another_device_makes_another_profile(view):
    session = view.session_state["session"]
    # A look is nothing to keep; a file or another question is.
    assert not is_worth_keeping(session)
    session.views.profile.architectures["own"] = load_architectures()["bert-1.3b"]
    assert is_worth_keeping(session)
    del session.views.profile.architectures["own"]
    view.selectbox(key="profile.device").set_value("h100-80gb").run()
    finished(view)
    assert is_worth_keeping(session)
    fast = view.session_state["session"].slots["profile"].result
    assert fast.modelled.device.name == "h100-80gb"
    assert words.duration(fast.modelled.profile.single_device_latency_s) in said(view)


def test_a_model_that_fits_nowhere_says_so_and_the_last_profile_stays(view):
    before = view.session_state["session"].slots["profile"].result
    view.selectbox(key="profile.model").set_value("bert-104b").run()
    view.selectbox(key="profile.pp").set_value(1).run()
    view.selectbox(key="profile.tp").set_value(1).run()
    view.session_state["session"].slots["profile"].job.wait(60)
    view.run()
    assert any("bert-104b" in error.value and "larger limits" in error.value for error in view.error)
    assert view.session_state["session"].slots["profile"].result is not None and before is not None


def test_a_config_from_hugging_face_is_read_by_its_sizes():
    found = read_config("config.json", json.dumps(CONFIG).encode())
    assert found == architecture_from_hf_config(CONFIG, "tiny")
    assert (found.name, found.layers, found.hidden) == ("tiny", 4, 512)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"{", "line 1: not valid JSON"), (b"[]", "holds no keys"), (b"{}", "num_hidden_layers")],
)
def test_a_wrong_config_says_what_is_missing(content, sentence):
    with pytest.raises(InputError, match=sentence):
        read_config("config.json", content)


def test_an_uploaded_config_is_profiled_and_a_wrong_one_keeps_it(view):
    upload = view.file_uploader(key="upload:config")
    upload.set_value(("config.json", json.dumps(CONFIG).encode(), "application/json")).run()
    finished(view)
    assert "tiny takes" in said(view)
    view.file_uploader(key="upload:config").set_value(("bad.json", b"{}", "application/json")).run()
    assert any("num_hidden_layers" in error.value.replace("\\", "") for error in view.error)
    assert "tiny takes" in said(view)


def test_a_profile_that_is_used_becomes_a_model_of_the_scenario(modelled, monkeypatch):
    monkeypatch.setattr("streamlit.toast", lambda *_: None)
    question = Question(modelled.architecture, modelled.device, 2048, 8, 8, 13.0, ())
    session = Session()
    use_profile(session, Made(question, modelled, {}, None), "my bert")
    assert session.scenario.profiles == OWN_FILE
    assert session.scenario.models[-1].profile == "my bert"
    kept = session.uploads.own_profiles(session.scenario).profiles["my bert"]
    assert kept.entry(4, 1).stage_latency_s == modelled.profile.entry(4, 1).stage_latency_s
    use_profile(session, Made(question, modelled, {}, None), "my other")
    assert set(session.uploads.own_profiles(session.scenario).profiles) == {"my bert", "my other"}


def test_measured_latencies_scale_the_profile():
    from app.background.slots import Job
    from app.panels.profile import _profile

    question = Question(load_architectures()["bert-1.3b"], load_hardware()["v100-16gb"], 2048, 2, 1, 13.0,
                        (Measurement(1, 1, 1, 0.3),))  # fmt: skip
    made = _profile(question, Job("k", lambda job: None))
    assert made.modelled.profile.single_device_latency_s == pytest.approx(0.3)
    assert made.calibrated.checks[0].error == pytest.approx(0, abs=1e-6)


def test_every_stage_has_a_row_that_adds_up(modelled):
    table = stage_table(modelled, 4, 2)
    assert len(table) == 4
    assert table["latency (ms)"].sum() == pytest.approx(1000 * modelled.plans[4, 2].latency_s(), abs=0.01)
    assert (table["sharding"].str.len() > 0).all()
