"""Whatever the scenario: every figure is one that a plain recount confirms, or there is a sentence instead."""

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from planner import build_inputs, compare, dump_scenario, parse_scenario
from planner.search import ALGORITHMS
from planner.what_if.capacity import find_capacity
from planner.what_if.sweep import sweep as find_sweep
from planner.what_if.variation import vary
from simulator import InputError, Schedule
from simulator.metrics import counted_rows
from tests.test_command_line import run
from tests.twin import simulate_twin

FEW = settings(max_examples=25, suppress_health_check=list(HealthCheck))
GROUP = st.fixed_dictionaries(
    {"pp": st.sampled_from((1, 2, 3)), "tp": st.sampled_from((1, 2)),
     "models": st.lists(st.sampled_from(("m0", "m1", "m2")), max_size=3)}
)  # fmt: skip
SEARCH = st.fixed_dictionaries(
    {"algorithm": st.sampled_from((*ALGORITHMS, "magic")), "max_evaluations": st.sampled_from((1, 2, 40))}
)


@st.composite
def scenarios(draw):
    """Small scenarios, with models that fit nowhere, placements that do not fit, and searches that are cut short."""
    profiles = draw(st.lists(st.sampled_from(("bert-1.3b", "bert-6.7b", "bert-104b")), min_size=1, max_size=2))
    placements = [{"name": "by hand", "groups": draw(st.lists(GROUP, max_size=2))}] if draw(st.booleans()) else []
    placements += [{"name": f"s{i}", "search": draw(SEARCH)} for i in range(draw(st.integers(1, 2)))]
    document = {
        "version": 1,
        "cluster": {"devices": draw(st.integers(1, 5)), "memory_gib": draw(st.sampled_from((2.0, 13.0, 30.0)))},
        "models": [
            {"name": f"m{i}", "profile": p, "slo_scale": draw(st.sampled_from((0.5, 2.0, 6.0)))}
            for i, p in enumerate(profiles)
        ],
        "workload": {
            "gamma": {"total_rate_per_s": draw(st.sampled_from((0.05, 3.0, 12.0))), "cv": 2.0, "duration_s": 10.0},
            "warmup_s": draw(st.sampled_from((0.0, 1.0, 20.0))),
        },
        "placements": placements,
    }
    return parse_scenario(json.dumps(document))


def recounted(scenario, placement):
    """The attainment of a placement, by the simulator that is written for reading."""
    inputs = build_inputs(scenario)
    problem, workload = inputs.problem, inputs.problem.workload
    epochs = placement.epochs if isinstance(placement, Schedule) else ((0.0, placement),)
    arrivals = list(zip(workload.arrival_s.tolist(), workload.model.tolist(), strict=True))
    placement.check(problem.models, problem.cluster)
    fates = simulate_twin(problem.models, epochs, arrivals, problem.serving)[counted_rows(workload, inputs.warmup_s)]
    return sum(fate.status == "served" for fate in fates) / len(fates)


def check_sentence(text):
    assert len(text.split()) > 3 and text.endswith(".") and "\n" not in text


@FEW
@given(scenarios())
def test_a_comparison_has_confirmed_figures_or_sentences(scenario):
    try:
        comparison = compare(scenario)
    except InputError as error:
        check_sentence(str(error))
        return
    assert len(comparison.outcomes) + len(comparison.missing) == len(scenario.placements)
    for outcome in comparison.outcomes:
        attainment = outcome.figures.total.slo_attainment
        if outcome.figures.total.requests:
            assert attainment == recounted(scenario, outcome.placement)
    for entry in comparison.to_json()["placements"]:
        assert entry["slo_attainment"] is not None or entry.get("reason") or entry["requests"] == 0


def check_interval(entry):
    """Absent where its length is; else it has a length and holds the attainment, within 0..1."""
    assert (entry["slo_attainment_interval"] is None) == (entry["slo_attainment_half_width"] is None)
    if entry["slo_attainment_interval"] is not None:
        low, high = entry["slo_attainment_interval"]
        assert 0 <= low <= entry["slo_attainment"] <= high <= 1 and low < high


@FEW
@given(scenarios(), st.sampled_from(("devices", "memory_gib", "rate_scale", "slo_scale")))
def test_a_sweep_has_confirmed_figures_or_sentences(scenario, axis):
    values = {"devices": (1, 2.5, 4, 0), "memory_gib": (1.0, 14.0, 1e9), "rate_scale": (0.01, 1.0, 1e10)}
    try:
        swept = find_sweep(scenario, [(axis, values.get(axis, (1.0, 3.0, -1.0)))])
    except InputError as error:
        check_sentence(str(error))
        return
    rising: dict[str, float] = {}
    for result in sorted(swept.results, key=lambda r: r.point.values):
        if result.outcome is None:
            assert result.slo_attainment is None
            check_sentence(result.reason)
            continue
        varied = vary(scenario, axis, dict(result.point.values)[axis])
        assert result.slo_attainment == recounted(varied, result.outcome.placement)
        if axis in ("devices", "memory_gib"):
            assert result.slo_attainment >= rising.get(result.point.section.name, 0.0)
            rising[result.point.section.name] = result.slo_attainment
    for point in swept.to_json(0.9)["points"]:
        assert (point["slo_attainment"] is None) == ("reason" in point)
        check_interval(point)


@FEW
@given(scenarios(), st.sampled_from((0.3, 0.9, 1.0)))
def test_a_capacity_plan_has_confirmed_figures_or_sentences(scenario, target):
    try:
        found = find_capacity(scenario, target, highest=6)
    except InputError as error:
        check_sentence(str(error))
        return
    for answer in found.plans:
        known = [tried.slo_attainment for tried in answer.tried if tried.slo_attainment is not None]
        assert known == sorted(known)
        assert all((tried.slo_attainment is None) == (tried.reason is not None) for tried in answer.tried)
        document = json.loads(json.dumps(answer.to_json(), allow_nan=False))
        for key in ("devices", "usd_per_hour", "headroom_rate_scale", "slo_attainment"):
            assert document[key] is not None or document["reasons"][key]
        for entry in (document, *document["tried"]):
            check_interval(entry)
        if answer.outcome is not None:
            devices = answer.devices or answer.best.devices
            attainment = answer.outcome.figures.total.slo_attainment
            assert attainment == recounted(vary(scenario, "devices", devices), answer.outcome.placement)
        if answer.devices is not None:
            assert answer.outcome.figures.total.slo_attainment >= target


@settings(max_examples=12, suppress_health_check=list(HealthCheck))
@given(scenarios(), st.sampled_from(("simulate", "plan", "capacity", "sweep")))
def test_a_command_prints_figures_or_one_sentence(capsys, tmp_path_factory, scenario, command):
    file = tmp_path_factory.mktemp("scenario") / "s.yaml"
    file.write_text(dump_scenario(scenario))
    more = {"capacity": ("--devices", "1-4"), "sweep": ("--over", "devices=1,3")}.get(command, ())
    status, out, err = run(capsys, command, file, "--json", *more)
    last = err.strip().splitlines()[-1] if err else ""
    assert "Traceback" not in err
    if status == 2:
        assert out == "" and last.startswith("Error: ") and last.endswith(".")
    else:
        assert status == 0
        json.loads(out)
