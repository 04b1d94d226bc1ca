"""The page Placement of models that generate: engines, their memory and their files, counted again here."""

import re

import pytest

from app.figures.cluster import Piece, build_memory_figure
from app.panels.generation_placement import describe_engines_held, engine_table
from planner.export import export_engines
from planner.export.layout import lay_out_engines
from planner.generation.compare import compare
from planner.scenario.file import parse_scenario
from simulator import Cluster, Group, Placement
from tests.test_app_generation import EXAMPLE, opened
from tests.test_app_plan import errors, session, verdict
from tests.test_export_engines import SCENARIO

FIXED = "  - {name: fixed, profile: bert-1.3b, slo_scale: 5}\n"
MIXED = SCENARIO.replace("  - {name: idle,", FIXED + "  - {name: idle,").replace(
    "{models: [chat one]}]}", "{models: [chat one]}, {models: [fixed]}]}"
)


def placement_page(scenario):
    at = opened(scenario)
    at.switch_page("views/placement.py").run()
    assert not at.exception and not errors(at)
    return at


def test_engines_weights_and_blocks_are_those_of_the_simulation():
    scenario = parse_scenario(SCENARIO)
    comparison = compare(scenario)
    (outcome,), problem = comparison.outcomes, comparison.inputs.problem
    at = placement_page(scenario)
    (entry,) = session(at).answer.shown
    layout = lay_out_engines(outcome.placement, problem)
    table = engine_table(layout, entry)
    held = [(g, name) for g in outcome.placement.groups for name in g.models]
    assert list(table["Model"]) == [name for _, name in held]
    for row, (group, name), engine in zip(table.to_dict("records"), held, outcome.figures.engines, strict=True):
        profile = problem.model(name).profiles[group.tp]
        assert row["Weights (GiB a device)"] == profile.weight_gib
        assert row["KV blocks"] == engine.kv_blocks // len(group.models)
        assert row["Tokens in the cache"] == 32 * row["KV blocks"]
        assert row["KV cache (GiB a device)"] == pytest.approx(
            row["Tokens in the cache"] * profile.kv_bytes_per_token / 2**30
        )
        # An engine that nobody is sent to has no such figure.
        if engine.peak_cache is not None:
            assert row["KV in use, most (%)"] == pytest.approx(100 * engine.peak_cache)
    assert list(table["Devices"]) == ["0:0", "0:1, 0:2", "0:1, 0:2", "0:3"]
    said = verdict(at).replace("\N{NO-BREAK SPACE}", " ")
    assert "own runs 4 engines of 2 models on 4 devices" in said and "No engine has idle" in said
    assert "Several models take turns on 1 group of devices" in said
    tightest = min(70 - sum(problem.model(n).profiles[g.tp].weight_gib for n in g.models)
                   for g in outcome.placement.groups)  # fmt: skip
    assert float(re.search(r"at least ([\d.]+) GiB", said)[1]) == pytest.approx(tightest, rel=0.01)


def test_files_of_the_page_are_those_of_the_command():
    at = placement_page(EXAMPLE)
    assert not at.code
    for target in ("vllm", "kubernetes", "json"):
        at.segmented_control(key="export.target").set_value(target).run()
        assert not at.exception and not errors(at)
        entry = max(session(at).answer.shown, key=lambda e: e.outcome.slo_attainment)
        files = export_engines(entry.outcome.placement, session(at).answer.inputs.problem, target)
        assert at.code[0].value.strip() == next(iter(files.values())).strip()


def test_groups_of_the_other_kind_are_counted_and_not_exported():
    at = placement_page(parse_scenario(MIXED))
    assert any(caption.value.startswith("1 more group of this placement") for caption in at.caption)
    at.segmented_control(key="export.target").set_value("json").run()
    assert not at.exception
    assert errors(at) == ["Placement 'own' holds 'fixed', which does not generate token by token; an export holds "
                          "models of one kind."]  # fmt: skip


def test_the_picture_stacks_weights_and_cache_up_to_the_memory():
    placement = Placement((Group(1, 1, ("a",)), Group(1, 2, ("a", "b"))), "p")
    weights = [[Piece("weights of a", 20, 0)], [Piece("weights of a", 10, 0), Piece("weights of b", 30, 1)]]
    figure = build_memory_figure(placement, weights, [(60, 0.5), (40, None)], Cluster(4, 80.0, 4), "title")
    heights = {trace.name: trace for trace in figure.data}
    assert sum(heights["weights"].y) == pytest.approx((20 + 2 * 40) / 80)
    assert list(heights["cache"].y) == pytest.approx([30 / 80, 30 / 80, 0, 40 / 80, 0, 40 / 80])
    tops = heights["cache"].base + heights["cache"].y
    assert max(tops) == pytest.approx(1.0)


def test_the_sentence_names_models_without_an_engine():
    scenario = parse_scenario(SCENARIO)
    comparison = compare(scenario)
    layout = lay_out_engines(Placement((Group(1, 1, ("code",)),), "one"), comparison.inputs.problem)
    assert describe_engines_held(layout).startswith(
        "one runs 1 engine of 1 model on 1 device. No engine has chat one and"
    )
