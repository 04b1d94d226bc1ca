"""The page Accuracy without a browser: what it says is what the runs say."""

from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.figures.accuracy import build_published_figure, published_title, robustness_columns
from app.panels.accuracy import closed_form_table, published_table, real_sentence, real_table, setting_link
from app.panels.robustness import AREA, case_table
from planner import build_inputs
from planner.compare import compare
from planner.evidence.replays import known_replays
from planner.scenario.link import decode_scenario
from planner.what_if.robustness_words import sentence
from sample_traces import sample_paths
from simulator import words
from tests.test_app_compare import session, written

MAIN = str(Path(__file__).parent.parent / "app" / "main.py")


@pytest.fixture
def shown():
    at = AppTest.from_file(MAIN, default_timeout=120).run()
    at.switch_page("views/accuracy.py").run()
    assert not at.exception and not at.error
    return at


def test_every_published_run_is_a_point_with_its_link():
    runs = known_replays()
    assert len(runs) == 403 + 2 * 20
    simulated = [100 * abs(run.error) for run in runs if not run.is_real]
    by_rules = {p: [100 * abs(run.error) for run in runs if run.is_real and run.preset == p]
                for p in ("testbed", "published")}  # fmt: skip
    real = by_rules["testbed"]
    said = (f"403 simulated runs {np.mean(simulated):.2f} points off on average ({max(simulated):.2f} at most); "
            f"20 on real devices {np.mean(real):.2f} ({max(real):.2f} at most), "
            "with the rules of their testbed")  # fmt: skip
    assert published_title(runs) == said
    # The text beneath has the same pair, and that of the other rules.
    for gaps, before in zip(by_rules.values(), ("their testbed we", "with them we"), strict=True):
        told = f"{before} are off by {np.mean(gaps):.2f} points on average, {max(gaps):.2f} at most"
        assert told in words.typed(real_sentence())
    figure = build_published_figure(runs)
    drawn = sorted(int(i) for trace in figure.data if trace.customdata is not None for i in trace.customdata)
    assert drawn == list(range(len(runs)))
    table = published_table(runs)
    assert table["setting"].notna().mean() > 0.5
    np.testing.assert_allclose(table["error (points)"], 100 * np.array([r.error for r in runs]), atol=1e-3)


@pytest.mark.parametrize("number", [0, 100, 250, 383, 403, 430])
def test_a_link_holds_the_setting_that_gives_the_prediction(number):
    run = known_replays()[number]
    link = setting_link(run)
    if link is not None:
        assert decode_scenario(link.split("?s=")[1]) == run.scenario()
    (outcome,) = compare(run.scenario(), inputs=build_inputs(run.scenario())).outcomes
    assert outcome.slo_attainment == pytest.approx(run.predicted, abs=1e-12)


def test_the_real_runs_stand_with_the_authors_own_simulation():
    table = real_table()
    assert len(table) == 20 and not table.isna().any().any()
    row = table[(table["placement"] == "Single-device replication") & (table["deadline (×)"] == 5)].iloc[0]
    assert (row["measured (%)"], row["authors' (%)"]) == (64.9, 64.0)


def test_the_simulator_meets_the_closed_forms():
    table = closed_form_table()
    assert (table["simulated (ms)"] / table["formula (ms)"] - 1).abs().max() < 0.03


def test_the_ranking_of_my_placements_is_tried_and_said(shown):
    shown.button(key="robustness.go").click().run()
    session(shown).slots[AREA].job.wait(120)
    shown.run()
    assert not shown.exception and not shown.error
    found = session(shown).slots[AREA].result
    assert sentence(found).split(". ")[0][:60] in written(shown)
    assert sum(len(variants) for _, variants in robustness_columns(found)) == 1 + len(found.variants)
    assert len(case_table(found)) == 1 + len(found.variants)


def test_a_published_setting_replaces_the_scenario_and_undo_brings_it_back(shown):
    before = session(shown).scenario
    session(shown).replace("accuracy", known_replays()[0].scenario())
    shown.run()
    assert session(shown).scenario.cluster.devices == known_replays()[0].run.devices
    session(shown).step_back()
    assert session(shown).scenario == before


def test_a_panel_of_the_paper_is_chosen_and_its_differences_stand_there(shown):
    assert "The paper's figures, run again" in [header.value for header in shown.header]
    shown.selectbox(key="figure").set_value("13").run()
    assert not shown.exception and not shown.error
    assert session(shown).views.accuracy.figure.value == "13"


def test_an_azure_trace_that_was_uploaded_stands_in_for_the_sample(shown):
    path = sample_paths("steady")[0]
    session(shown).uploads.add_trace([(path.name, path.read_bytes())])
    shown.selectbox(key="figure").set_value("12").run()
    panel = next(box for box in shown.selectbox if box.label == "Panel")
    panel.set_value("S1, MAF1: devices").run()
    assert not shown.exception and not shown.error
    here = next(table.value for table in shown.table if "theirs" in table.value)["here"]
    assert "the given trace" in here["traffic MAF1"] and "the shipped sample" in here["traffic MAF2"]
    shown.button(key="reproduce.go").click().run()
    job = session(shown).slots["reproduce"].job
    while not job.is_done and not (job.partial and job.partial.points):
        job.wait(0.1)
    job.stop()
    job.wait(60)
    assert not job.problem and job.result.points[0].slo_attainment is not None
    (name,) = job.result.points[0].panel.scenario(8).workload.replayed.paths
    assert name == path.name
