"""Serving rules of one placement on the page: set in the sidebar, compared on Compare, said by the name."""

from dataclasses import replace

from app.panels.compare_table import ranked_rows
from planner import build_inputs, compare
from tests.cases import shown_key
from tests.test_app_compare import opened, session, view, written


def test_the_page_compares_two_rules_side_by_side():
    at = opened()
    at.button(key="placement.1.copy").click().run()
    number = len(session(at).scenario.placements) - 1
    at.selectbox(key=shown_key(at, f"placement.{number}.max_batch_size")).set_value(8).run()
    assert not at.exception and not at.error
    section = session(at).scenario.placements[number]
    assert section.max_batch_size == 8 and section.name.endswith("batches of up to 8")
    (outcome,) = compare(session(at).scenario, only=section.name).outcomes
    assert outcome.result.serving == replace(build_inputs(session(at).scenario).problem.serving, max_batch_size=8)
    row = next(r for r in ranked_rows(view(at), session(at).answer) if r.name == section.name)
    assert row.figures.total.slo_attainment == outcome.slo_attainment
    assert section.name in written(at)
