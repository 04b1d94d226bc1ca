"""What is said of the part of a trace that is planned for is what the scenario takes of it."""

from app.look import words
from app.panels.facts import part_sentence
from app.state.first_scenario import first_scenario
from app.state.session import with_values
from planner.scenario.inputs import build_inputs


def said_of(scenario):
    inputs = build_inputs(scenario)
    return part_sentence(inputs, scenario), inputs


def test_a_part_of_the_trace_and_models_that_share_it_are_said():
    scenario = with_values(first_scenario(), "workload.trace", start_s=60.0, duration_s=600.0)
    said, inputs = said_of(scenario)
    assert f"{words.span(600.0)} of the trace's {words.span(inputs.trace.end_s)}, from {words.span(60.0)} on" in said
    assert f"{len(inputs.trace.sources)} sources share {len(inputs.problem.models)} models. Both are" in said
    alone, _ = said_of(with_values(first_scenario(), "workload.trace", start_s=0.0, duration_s=None))
    assert "trace's" not in alone and "models. That is set" in alone


def test_nothing_is_said_where_all_is_planned_for_and_every_source_has_its_model():
    whole = with_values(first_scenario(), "workload.trace", start_s=0.0, duration_s=None)
    sources = len(build_inputs(whole).trace.sources)
    model = whole.models[0].model_dump()
    assert said_of(with_values(whole, "", models=[model | {"count": sources}]))[0] == ""


def test_made_arrivals_have_no_part():
    gamma = {"gamma": {"total_rate_per_s": 5.0, "cv": 2.0, "duration_s": 20.0}}
    assert said_of(with_values(first_scenario(), "", workload=gamma))[0] == ""
