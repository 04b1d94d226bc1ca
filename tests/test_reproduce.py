"""The figures of the paper are run again in the authors' settings, and what differs is said and counted right."""

import json
from dataclasses import replace

import numpy as np
import pytest

from planner import build_inputs, compare
from planner.__main__ import main
from planner.compare import evaluate
from planner.reproduce import traffic
from planner.reproduce.published import published_points
from planner.reproduce.run import FIGURES, STOPPED, chosen, difference_summary, figure_of, reproduce
from planner.reproduce.traffic import Given, read_given
from planner.scenario.examples import examples
from simulator import InputError


@pytest.fixture(scope="module")
def ablation():
    return reproduce(chosen(figure_of("17"), ["requests"], [64]))


def test_the_ablation_is_met_where_no_search_decides_and_within_a_point_where_one_does(ablation):
    gaps = {p.curve.name: p.difference for p in ablation.points}
    assert abs(gaps["Round robin"]) < 0.001
    assert abs(gaps["Greedy"]) < 0.01 and abs(gaps["Greedy and partitioning"]) < 0.01
    assert gaps["The same, improved"] is None
    by_curve = {p.curve.name: p.slo_attainment for p in ablation.points}
    assert by_curve["The same, improved"] >= by_curve["Greedy and partitioning"] > by_curve["Greedy"]


def test_the_shipped_ablation_is_that_point_and_its_text_says_its_figures(ablation):
    example = next(e for e in examples() if e.file_name == "7-ablation.yaml")
    setting = ablation.figure.panels[0].scenario(64)
    assert example.scenario.models == setting.models and example.scenario.workload == setting.workload
    said = [p.slo_attainment for p in ablation.points[:3]]
    assert f"here {100 * said[0]:.1f}, {100 * said[1]:.1f} and {100 * said[2]:.1f} %" in example.about
    theirs = [published_points("17", "requests/s in all")[p.curve.name, 64.0] for p in ablation.points[:3]]
    assert f"{100 * theirs[0]:.1f}, {100 * theirs[1]:.1f} and {100 * theirs[2]:.1f} %; here" in example.about


def test_the_shipped_ablation_says_what_is_left_on_other_seeds():
    example = next(e for e in examples() if e.file_name == "7-ablation.yaml")
    outcomes, means = compare(example.scenario).outcomes, []
    for outcome in outcomes:
        others = [evaluate(outcome.placement, None, _on_seed(example.scenario, 1000 * k)) for k in range(1, 9)]
        means.append(100 * float(np.mean([other.slo_attainment for other in others])))
    first, second, third, fourth = (f"{mean:.1f}" for mean in means)
    assert f"{first}, {second}, {third} and {fourth} %" in example.about
    gain = 100 * (outcomes[3].slo_attainment - outcomes[2].slo_attainment)
    assert f"{gain:.1f} points that our improvement adds, {means[3] - means[2]:.1f} are left" in example.about


def _on_seed(scenario, seed):
    gamma = scenario.workload.gamma.model_copy(update={"seed": seed})
    return build_inputs(scenario.model_copy(update={"workload": scenario.workload.model_copy(update={"gamma": gamma})}))


def test_means_of_differences_and_crossings_are_those_of_the_points(ablation):
    for curve, count, size, bias in difference_summary(ablation.points):
        gaps = [p.difference for p in ablation.points if p.curve.name == curve and p.difference is not None]
        assert (count, size, bias) == (
            len(gaps),
            pytest.approx(sum(abs(g) for g in gaps) / len(gaps)),
            pytest.approx(sum(gaps) / len(gaps)),
        )
    assert all(ours is None for _, _, ours, _ in ablation.crossings())


def test_crossings_stop_at_the_first_value_from_the_easy_end_that_misses():
    panel = figure_of("17").panels[0]
    published = {value: published_points("17", panel.name)["Greedy and partitioning", value] for value in panel.values}
    assert [value for value, met in published.items() if met >= 0.99] == [1, 8, 16, 24]
    points = reproduce(chosen(figure_of("17"), ["requests"]), lambda *_: False)
    curve = next(c for c in points.crossings() if c[1] == "Greedy and partitioning")
    assert curve[2:] == (None, 24)


@pytest.mark.parametrize("number", FIGURES)
def test_every_figure_says_what_differs_and_all_of_its_settings_can_be_built(number):
    figure = figure_of(number)
    assert figure.differences and all(d.what and d.theirs and d.ours and d.effect for d in figure.differences)
    for panel in figure.panels:
        for value in panel.values:
            assert panel.scenario(value).serving.preset == "published"
    stopped = reproduce(chosen(figure, [figure.panels[0].name]), lambda *_: False)
    assert not stopped.complete and {p.reason for p in stopped.points} == {STOPPED}
    json.dumps(stopped.to_json(), allow_nan=False)


def test_figure_12_has_four_sweeps_of_two_traces_on_three_clusters_and_no_published_points_of_other_traffic():
    figure = figure_of("12")
    assert len(figure.panels) == 4 * 2 * 3
    assert all(not panel.published for panel in figure.panels)
    assert any("--maf1" in sentence for sentence in figure.not_repeated)
    assert published_points("12", "S3, MAF1: CV")["AlpaServe", 4.0] == 0.977


def test_a_robustness_point_plans_on_one_hour_and_is_tested_on_another():
    figure = chosen(figure_of("14"), ["pair 1: devices"], [48])
    (panel,) = figure.panels
    plan, test = panel.planned_on(48), panel.scenario(48)
    assert (plan.workload.replayed.start_s, test.workload.replayed.start_s) == (0.0, 3600.0)
    assert [curve.name for curve in panel.curves if curve.knows] == ["Clockwork++"]


def test_batches_are_compared_as_rules_of_placements():
    (panel,) = figure_of("15").panels
    assert [curve.section.max_batch_size for curve in panel.curves] == [1, 2, 4, 8, 16] * 2


def test_batches_serve_placements_that_are_planned_without_them():
    figure = chosen(figure_of("15"), values=[5])
    (panel,) = figure.panels
    curves = tuple(c for c in panel.curves if c.name in ("AlpaServe, no batches", "AlpaServe, batches of up to 2"))
    found = reproduce(replace(figure, panels=(replace(panel, curves=curves),))).points
    alone, batched = (point.outcome.placement for point in found)
    assert alone.groups == batched.groups and found[0].slo_attainment != found[1].slo_attainment


def test_the_command_prints_published_points_beside_ours_and_one_json_document(capsys):
    arguments = ["reproduce", "17", "--panel", "requests", "--values", "1"]
    assert main(arguments) == 0
    said = capsys.readouterr().out
    assert "(93.7 %)" in said and "What is otherwise here" in said
    assert main([*arguments, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["figure"] == "17" and document["complete"]
    assert [p["published"] for p in document["points"]] == [0.937, 0.984, 0.994, None]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["11"], "Figure '11' cannot be reproduced; 12, 13, 14, 15, 17 are allowed."),
        (["17", "--panel", "memory"], "has no panel 'memory'"),
        (["17", "--values", "3.5"], "has a point at 3.5"),
        (["12", "--maf1", "sample_traces/chat.csv"], "a file of azure_functions_2019 is allowed"),
    ],
)
def test_what_cannot_be_is_one_sentence(capsys, arguments, words):
    assert main(["reproduce", *arguments]) == 2
    assert words in capsys.readouterr().err


def test_an_unknown_figure_is_refused_in_python_too():
    with pytest.raises(InputError):
        figure_of("1")


def _day_file(folder, number, functions=6, minutes=1440):
    """A file of Azure Functions 2019: one day, counts that tell the day and the hour apart."""
    header = ["HashOwner", "HashApp", "HashFunction", "Trigger", *map(str, range(1, minutes + 1))]
    counts = np.random.default_rng(number).poisson(4 + number, (functions, minutes))
    rows = [["o", "a", f"f{i}", "http", *map(str, row)] for i, row in enumerate(counts)]
    path = folder / f"invocations_per_function_md.anon.d{number:02}.csv"
    path.write_text("\n".join(",".join(row) for row in [header, *rows]) + "\n")
    return path


def test_the_whole_trace_of_2019_loads_the_authors_hours_from_the_file_of_each_day(tmp_path, monkeypatch):
    monkeypatch.setattr(traffic, "WHOLE_FUNCTIONS_2019", 6)
    given = {"MAF1": read_given("MAF1", [_day_file(tmp_path, number) for number in (1, 6, 12, 13)])}
    figure = figure_of("14", given)
    assert figure.differences[0].ours == "theirs" and len(figure.panels) == 3 * 4
    assert not any("--maf1" in sentence for sentence in figure.not_repeated)
    panel = next(p for p in figure.panels if "pair 2" in p.name and p.axis.name == "devices")
    for made, day, hour in ((panel.planned_on(64), 12, 9), (panel.scenario(64), 1, 12)):
        (path,) = made.workload.replayed.paths
        assert path.endswith(f".d{day:02}.csv") and made.workload.replayed.start_s == 3600 * hour
        assert (made.workload.replayed.rate_scale, made.workload.replayed.cv_scale) == (2e-3, 4)
    # The requests are those of that hour of that day: so many as its counts, scaled, say on average.
    made = panel.scenario(64)
    busier = made.model_copy(update={"workload": made.workload.model_copy(update={
        "trace": made.workload.replayed.model_copy(update={"rate_scale": 1.0, "cv_scale": 0.2})})})  # fmt: skip
    counts = np.random.default_rng(1).poisson(5, (6, 1440))[:, 720:780].sum()
    assert len(build_inputs(busier).problem.workload) == pytest.approx(counts, rel=0.15)
    figure = figure_of("12", given)
    panels = {panel.name: panel for panel in figure.panels}
    assert panels["S3, MAF1: CV"].published and not panels["S3, MAF2: CV"].published
    made = panels["S3, MAF1: CV"].scenario(4).workload.replayed
    assert (made.start_s, made.duration_s, made.window_s, made.rate_scale) == (0.0, 3600.0, 60.0, 2e-3)


def test_days_that_are_missing_leave_the_hours_of_the_first_one(tmp_path, monkeypatch):
    monkeypatch.setattr(traffic, "WHOLE_FUNCTIONS_2019", 6)
    figure = figure_of("14", {"MAF1": read_given("MAF1", [_day_file(tmp_path, 1), _day_file(tmp_path, 2)])})
    assert figure.differences[0].ours == "3 of the trace at hand, each tested on the next"
    assert figure.panels[0].scenario(64).workload.replayed.start_s == 3600.0


def test_the_whole_trace_of_2021_loads_the_authors_day_and_a_slice_does_not(tmp_path, monkeypatch):
    path = tmp_path / "AzureFunctionsInvocationTraceForTwoWeeksJan2021.txt"
    ends = np.linspace(10, 13.95 * 86_400, 500)
    rows = [f"a,f{i % 7},{end:.3f},1.0" for i, end in enumerate(ends)]
    path.write_text("\n".join(["app,func,end_timestamp,duration", *rows]) + "\n")
    given = {"MAF2": read_given("MAF2", [path])}
    slice_panel = next(p for p in figure_of("12", given).panels if p.name == "S3, MAF2: CV")
    assert not slice_panel.published
    monkeypatch.setattr(traffic, "WHOLE_REQUESTS_2021", 500)
    figure = figure_of("12", given)
    panel = next(p for p in figure.panels if p.name == "S3, MAF2: CV")
    made = panel.scenario(1).workload.replayed
    assert panel.published and (made.start_s, made.duration_s) == (13 * 86_400, 86_400)
    assert (made.window_s, made.rate_scale) == (5400, 32)
    assert next(p for p in figure.panels if p.name == "S1, MAF2: CV").scenario(1).workload.replayed.rate_scale == 16


def test_a_trace_that_is_not_a_file_is_read_by_whoever_has_it(tmp_path):
    held = read_given("MAF1", [_day_file(tmp_path, 1, minutes=120)]).trace
    figure = chosen(figure_of("12", {"MAF1": Given(("mine.csv",), held)}), ["S1, MAF1: devices"], [48])
    asked = []

    def read(scenario):
        asked.append(scenario.workload.replayed.paths)
        return held

    result = reproduce(figure, lambda now: now.done < 1, read=read)
    assert asked == [["mine.csv"]] and result.points[0].slo_attainment is not None


def test_the_improved_search_begins_with_what_the_released_one_found():
    figure = chosen(figure_of("17"), ["CV"], [8])
    (panel,) = figure.panels
    released, improved = panel.curves[2:]
    hurried = improved.section.model_copy(update={"search": improved.section.search.model_copy(
        update={"max_evaluations": 1})})  # fmt: skip
    curves = (released, replace(improved, section=hurried))
    found = reproduce(replace(figure, panels=(replace(panel, curves=curves),))).points
    assert found[1].slo_attainment >= found[0].slo_attainment
