"""Scenario files are read as the design says, and whatever is wrong in one is named with its line and key."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner import build_inputs, dump_scenario, load_scenario, parse_scenario
from simulator import InputError

# The example of the design, section 4.
EXAMPLE = """\
version: 1
name: two bursty models
cluster: {devices: 8, devices_per_node: 8, memory_gib: 13, device: v100-16gb, usd_per_device_hour: 3.06}
profiles: my_profiles.json            # optional, beside the built-in catalogue
models:
  - {name: search, profile: bert-1.3b, slo_scale: 5}
  - {name: ads-{i}, profile: bert-2.6b, count: 4, slo_s: 1.2}      # ads-0 .. ads-3
workload:                             # a trace ...
  trace: {path: requests.csv, format: auto, start_s: 0, duration_s: 3600, map_models: stripe,
          rate_scale: 1, cv_scale: 1, time_scale: 1, resample: none, window_s: 60, seed: 0}
  # ... or arrivals made here
  # gamma: {total_rate_per_s: 40, cv: 4, split: power_law, exponent: 0.5, duration_s: 200, seed: 0}
  warmup_s: 0                         # left out of the figures at both ends (the authors use 10)
serving: {preset: testbed, max_batch_size: 1}
placements:
  - name: by hand
    groups: [{pp: 4, tp: 1, models: [search, ads-0, ads-1]}, {pp: 4, tp: 1, models: [search, ads-2, ads-3]}]
  - name: AlpaServe                   # searched
    search: {algorithm: alpaserve, seed: 0}
"""
GAMMA = "gamma: {total_rate_per_s: 4, cv: 2, duration_s: 20}"
SMALL = """\
version: 1
cluster: {devices: 2}
models: [{name: "m{i}", profile: bert-1.3b, count: 2, slo_scale: 5}]
workload: {gamma: {total_rate_per_s: 4, cv: 2, duration_s: 20}}
"""


def test_the_example_of_the_design_is_read():
    scenario = parse_scenario(EXAMPLE)
    assert [name for m in scenario.models for name in m.names()] == ["search", "ads-0", "ads-1", "ads-2", "ads-3"]
    assert scenario.placements[0].groups[0].models == ["search", "ads-0", "ads-1"]
    assert scenario.placements[1].search.algorithm == "alpaserve"


@pytest.mark.parametrize("text", [EXAMPLE, SMALL])
def test_a_scenario_survives_writing_and_reading(text):
    scenario = parse_scenario(text)
    assert parse_scenario(dump_scenario(scenario)) == scenario


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("devices: 8,", "devcies: 8,", "line 3: key 'cluster.devcies' is not known; devices,"),
        ("devices: 8,", "devices: eight,", "line 3: key 'cluster.devices' is 'eight'"),
        ("devices: 8,", "devices: 0,", "a whole number from 1 to 4\u202f096 is allowed"),
        ("devices: 8,", "devices: 99999,", "from 1 to 4\u202f096"),
        ("memory_gib: 13", "memory_gib: .nan", "line 3: key 'cluster.memory_gib'"),
        ("slo_scale: 5", "slo_scale: 0", "line 6: key 'models.0.slo_scale' is 0"),
        ("slo_scale: 5", "slo_scale: 5, slo_s: 1", "exactly one of slo_scale and slo_s"),
        ("slo_scale: 5", "weigth: 5", "line 6: key 'models.0.weigth' is not known"),
        ("ads-{i}", "ads", "must contain {i}"),
        ("ads-{i}, profile: bert-2.6b, count: 4", "search, profile: bert-2.6b", "two models are called 'search'"),
        ("name: AlpaServe", "name: by hand", "two placements are called 'by hand'"),
        ("version: 1", "version: 2", "key 'version' is 2"),
        ("version: 1", "", "key 'version' is missing"),
        ("map_models: stripe", "map_models: random", "workload.trace.map_models"),
        ("resample: none", "resample: poisson", "'none' or 'gamma'"),
        ("trace: {path", "file: {path", "key 'workload.file' is not known"),
        ("  # gamma", "  gamma", "exactly one of trace"),
        ("preset: testbed", "preset: real", "'testbed' or 'published'"),
        ("max_batch_size: 1", "max_batch_size: 1000", "serving.max_batch_size"),
        ("pp: 4, tp: 1, models: [search, ads-0", "pp: 0, tp: 1, models: [search, ads-0", "placements.0.groups.0.pp"),
        ("search: {algorithm: alpaserve, seed: 0}", "search: {seed: 0}", "algorithm' is missing"),
        ("search: {algorithm: alpaserve, seed: 0}", "groups: []\n    search: {algorithm: a}", "exactly one of groups"),
        ("cluster: {", "cluster: [", "not valid YAML"),
        ("version: 1", "version: 1\nversion: 1", "twice"),
        ("version: 1", "version: &v 1\nname2: *v", "aliases"),
    ],
)
def test_a_wrong_scenario_is_refused_with_line_key_and_rule(old, new, words):
    assert old in EXAMPLE
    with pytest.raises(InputError) as error:
        parse_scenario(EXAMPLE.replace(old, new, 1), "mine.yaml")
    assert words in str(error.value)
    assert "mine.yaml" in str(error.value) and "\n" not in str(error.value)


@settings(max_examples=300)
@given(st.one_of(st.binary(max_size=200), st.text(max_size=200)))
def test_anything_but_a_scenario_is_refused_without_a_traceback(content):
    with pytest.raises(InputError):
        parse_scenario(content)


@settings(max_examples=300)
@given(st.integers(0, len(EXAMPLE) - 1), st.text(max_size=3), st.integers(0, 5))
def test_a_scenario_with_a_slip_of_the_pen_is_read_or_refused(at, inserted, removed):
    text = EXAMPLE[:at] + inserted + EXAMPLE[at + removed :]
    try:
        parse_scenario(text)
    except InputError as error:
        assert "\n" not in str(error)


def built(text):
    return build_inputs(parse_scenario(text))


@pytest.mark.parametrize(
    "arrivals",
    [
        "gamma: {total_rate_per_s: 4, cv: 2, duration_s: 50, split: power_law}",
        "poisson: {total_rate_per_s: 4, duration_s: 50}",
        "deterministic: {total_rate_per_s: 4, duration_s: 50, split: given, weights: [1, 3]}",
        "markov_modulated: {total_rate_per_s: 4, duration_s: 500}",
        "windows: {windows: [{duration_s: 25, total_rate_per_s: 2}, {duration_s: 25, total_rate_per_s: 6, cv: 3}]}",
        'trace: {path: "sample:two-models", map_models: stripe}',
    ],
)
def test_arrivals_of_every_kind_make_a_workload(arrivals):
    text = SMALL.replace(GAMMA, arrivals)
    workload = built(text).problem.workload
    assert workload.num_models == 2
    rate = 3 if "sample" in arrivals else 4
    assert len(workload) / workload.span_s == pytest.approx(rate, rel=0.25)


def test_serving_options_lie_over_the_preset():
    serving = built(SMALL + "serving: {preset: published, dispatch: round_robin}").problem.serving
    assert serving.dispatch == "round_robin" and serving.response_delay_s == 0.011


def test_own_profiles_lie_beside_the_scenario(tmp_path):
    (tmp_path / "own.csv").write_text("profile,pp,tp,stage_latency_s,stage_weight_gib\nmine,1,1,0.1,1\n")
    file = tmp_path / "s.yaml"
    file.write_text(SMALL.replace("bert-1.3b", "mine") + "profiles: own.csv\n")
    models = build_inputs(load_scenario(file)).problem.models
    assert models[0].slo_s == pytest.approx(0.5)


def test_a_trace_is_looked_for_beside_the_scenario_and_checked_by_digest(tmp_path):
    (tmp_path / "r.csv").write_text("arrival_s,model\n0,m0\n1,m1\n2,m0\n")
    file = tmp_path / "s.yaml"
    text = SMALL.replace(GAMMA, "trace: {path: r.csv, map_models: by_name}")
    file.write_text(text)
    inputs = build_inputs(load_scenario(file))
    assert inputs.problem.workload.model.tolist() == [0, 1, 0]
    file.write_text(text.replace("by_name", f"by_name, sha256: {inputs.trace.digest}"))
    build_inputs(load_scenario(file))
    file.write_text(text.replace("by_name", f"by_name, sha256: {'a' * 64}"))
    with pytest.raises(InputError, match="SHA-256"):
        build_inputs(load_scenario(file))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("bert-1.3b", "bert-9b", "'bert-9b', which is not in the catalogue"),
        (GAMMA, "trace: {path: none.csv}", "none.csv"),
        (GAMMA, "trace: {path: 'sample:none'}", "no sample trace"),
        ("total_rate_per_s: 4", "total_rate_per_s: 1e9", "at most"),
        ("cv: 2", "cv: 2, split: given, weights: [1]", "2 numbers"),
        (GAMMA, "trace: {path: 'sample:steady'}", "resample: gamma"),
        (GAMMA, "trace: {path: 'sample:two-models', cv_scale: 2}", "cv_scale"),
        ("version: 1", "version: 1\nprofiles: none.json", "none.json"),
    ],
)  # fmt: skip
def test_what_cannot_be_built_is_refused_with_a_sentence(old, new, words):
    with pytest.raises(InputError) as error:
        built(SMALL.replace(old, new, 1))
    assert words in str(error.value)


@pytest.mark.parametrize("make", [lambda d: d / "none.yaml", lambda d: d])
def test_a_missing_file_or_a_folder_is_named(tmp_path, make):
    with pytest.raises(InputError, match="Scenario"):
        load_scenario(make(tmp_path))
