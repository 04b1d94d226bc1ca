"""Any text at all is a scenario or one sentence, at once; words mean what YAML 1.2 says they mean."""

from __future__ import annotations

import dataclasses
import os
from typing import get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner import dump_scenario, load_scenario, parse_scenario
from planner.scenario.schema import ClusterSection, ServingSection, TraceSection
from planner.scenario.yaml_text import MAX_DEPTH, MAX_NODES, dump_yaml, parse_yaml
from simulator import Cluster, InputError, Serving, words
from simulator.traces import TraceOptions

SMALL = """\
version: 1
cluster: {devices: 2}
models: [{name: "m{i}", profile: bert-1.3b, count: 2, slo_scale: 5}]
workload: {gamma: {total_rate_per_s: 4, cv: 2, duration_s: 20}}
"""
# Line ends and marks inside words are folded by YAML itself.
PLAIN = st.text(st.characters(categories=["L", "N", "P", "S", "Zs"], exclude_characters="\ue000\ufeff"), max_size=9)
BOMB = "a: &a [x, x]\n" + "".join(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True))


@pytest.mark.parametrize(
    ("text", "words"),
    {
        "nested lists": ("[" * 50_000, "nest"),
        "nested keys": ("{a: " * 50_000, f"nested more than {MAX_DEPTH} deep"),
        "nested dashes": ("- " * 50_000, f"nested more than {MAX_DEPTH} deep"),
        "nested key lists": ("? " * 50_000, f"nested more than {MAX_DEPTH} deep"),
        "closed nesting": ("[" * 50_000 + "]" * 50_000, "nest"),
        "many values": ("[" + "1," * (MAX_NODES + 1) + "]", f"more than {words.count(MAX_NODES)} values"),
        "aliases": (BOMB, "aliases"),
        "merge": (SMALL + "<<: {name: x}\n", "line 5: key '<<' is not known"),
        "list as key": (SMALL + "[a, b]: 1\n", "line 5: a key is a list or has keys itself"),
        "keys as key": (SMALL + "? {a: b}\n: 1\n", "line 5: a key is a list or has keys itself"),
        "empty key": (SMALL + "~: 1\n", "line 5: key '~' is not known"),
        "number as key": (SMALL + "7: 1\n", "line 5: key '7' is not known"),
        "python": (SMALL + "name: !!python/object:os.system {}\n", "line 5: the tag !!python/object:os.system"),
        "set": (SMALL + "name: !!set {a}\n", "line 5: the tag !!set is not allowed"),
        "binary": (SMALL + "name: !!binary aGk=\n", "line 5: the tag !!binary is not allowed"),
        "two documents": (SMALL + "---\n" + SMALL, "not valid YAML"),
        "digits": (SMALL.replace("devices: 2", f"devices: {'9' * 5000}"), "line 2: 99999"),
        "zero byte": (SMALL + "name: a\0b\n", "holds a zero byte"),
        "bell": (SMALL + "name: a\ab\n", "not valid YAML"),
        "half a pair": (SMALL + "name: \ud800\n", "is not text in UTF-8"),
        "key twice": (SMALL + "version: 1\n", "line 5: key 'version' stands there twice"),
        "key twice, quoted": (SMALL + "'version': 1\n", "line 5: key 'version' stands there twice"),
        "true for a number": (SMALL.replace("devices: 2", "devices: true"), "key 'cluster.devices' is True"),
        "true for a rate": (SMALL.replace("cv: 2", "cv: true"), "key 'workload.gamma.cv' is True"),
        "nan": (SMALL.replace("cv: 2", "cv: .nan"), "is nan; a number above 0 and up to 1\u202f000"),
        "inf": (SMALL.replace("duration_s: 20", "duration_s: .inf"), "is inf; a number above 0"),
        "overflow": (SMALL.replace("duration_s: 20", "duration_s: 1e400"), "is inf; a number above 0"),
        "text nan": (SMALL.replace("cv: 2", "cv: 'nan'"), "is 'nan'; a number"),
        "a date": (SMALL.replace("cv: 2", "cv: 2024-01-01"), "is '2024-01-01'; a number"),
        "a time": (SMALL.replace("duration_s: 20", "duration_s: 1:30"), "is '1:30'; a number"),
        "thousands": (SMALL.replace("duration_s: 20", "duration_s: 1_000"), "is '1_000'; a number"),
        "executor": (
            SMALL + "placements: [{name: a, search: {algorithm: alpaserve, executor: 1}}]\n",
            "'executor' is no option of a search",
        ),
        "progress": (
            SMALL + "placements: [{name: a, search: {algorithm: alpaserve, on_progress: 1}}]\n",
            "'on_progress' is no option of a search",
        ),
        "long name": (SMALL + f"name: {'x' * 201}\n", "key 'name' has too many characters; at most 200"),
        "many weights": (
            SMALL.replace("cv: 2", f"cv: 2, split: given, weights: {[1] * 1001}"),
            "has 1001 entries; at most 1000 are allowed",
        ),
        "many stages": (
            SMALL + "placements: [{name: a, groups: [{pp: 65}]}]\n",
            "key 'placements.0.groups.0.pp' is 65; a whole number from 1 to 64",
        ),
        "long delay": (
            SMALL + "serving: {client_delay_s: 3601}\n",
            "is 3601; a number from 0 to 3\u202f600 is allowed",
        ),
        "name missing": (SMALL.replace("name: \"m{i}\", ", ""), "line 3: key 'models.0.name' is missing"),
        "text for keys": (SMALL.replace("{devices: 2}", "two"), "key 'cluster' is 'two'; keys with values are allowed"),
        "map to a list": (
            SMALL.replace("gamma: {total_rate_per_s: 4, cv: 2, duration_s: 20}", "trace: {path: a, map_models: {a: []}}"),  # noqa: E501
            "key 'workload.trace.map_models.a' is []; text is allowed",
        ),
    }.values(),
)  # fmt: skip
def test_what_is_absurd_or_of_another_type_is_refused_in_one_sentence(text, words):
    with pytest.raises(InputError) as error:
        parse_scenario(text, "mine.yaml")
    sentence = str(error.value)
    assert words in sentence and "mine.yaml" in sentence
    assert "\n" not in sentence and sentence.endswith(".") and len(sentence) < 400


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("no", "no"), ("on", "on"), ("2024-01-01", "2024-01-01"), ("1:30", "1:30"), ("1e3", 1000.0), ("010", 10),
        ("0x10", 16), ("0o10", 8), ("-.5", -0.5), (".inf", float("inf")), ("-.Inf", float("-inf")), ("TRUE", True),
        ("~", None), ("", None), ("1_000", "1_000"), ("ads-{i}", "ads-{i}"), ("1e", "1e"), ("0o9", "0o9"),
    ],
)  # fmt: skip
def test_a_word_means_what_yaml_1_2_says(written, meant):
    assert parse_yaml(f"a: {written}", "here")[0] == {"a": meant}


@settings(max_examples=300)
@given(st.dictionaries(
    PLAIN,
    st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | PLAIN
                 | st.sampled_from(["no", "1e3", "010", "1:30", "2024-01-01", "{i}", "", "~", ".inf"]),
                 lambda inner: st.lists(inner, max_size=3) | st.dictionaries(PLAIN, inner, max_size=3),
                 max_leaves=8),
    max_size=5))  # fmt: skip
def test_what_is_written_is_read_again(document):
    assert parse_yaml(dump_yaml(document), "here")[0] == document


def test_a_scenario_with_telling_names_survives_writing_and_reading():
    scenario = parse_scenario(
        SMALL + "name: 2024-01-01\nplacements: [{name: 'no', groups: []}, {name: '1e3', groups: []}]"
    )
    assert [p.name for p in scenario.placements] == ["no", "1e3"]
    assert parse_scenario(dump_scenario(scenario)) == scenario


def test_a_pipe_a_device_and_an_empty_file_are_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "empty.yaml").write_bytes(b"")
    for path, sentence in (
        (tmp_path / "pipe.yaml", "is no regular file"),
        ("/dev/zero", "is no regular file"),
        (tmp_path / "empty.yaml", "holds no keys"),
        (tmp_path, "is a folder"),
        (tmp_path / "none.yaml", "cannot be read: No such file"),
        ("a\0b", "cannot be read"),
    ):
        with pytest.raises(InputError, match=sentence):
            load_scenario(path)


@pytest.mark.parametrize(
    ("section", "made"), [(ClusterSection, Cluster), (ServingSection, Serving), (TraceSection, TraceOptions)]
)
def test_files_and_objects_have_the_same_bounds(section, made):
    hints = get_type_hints(made, include_extras=True)
    in_file = get_type_hints(section, include_extras=True)
    shared = [field.name for field in dataclasses.fields(made) if field.name in in_file]
    assert len(shared) > 4
    for name in shared:
        assert in_file[name] in (hints[name], hints[name] | None), name


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Cluster(True), "cluster.devices is True; a whole number from 1 to 4\u202f096 is allowed"),
        (
            lambda: Cluster(2, memory_gib=float("nan")),
            "cluster.memory_gib is nan; a number above 0 and up to 10\u202f000",
        ),
        (lambda: Serving(dispatch="best"), "serving.dispatch is 'best'; 'shortest_queue', "),
        (
            lambda: Serving(client_delay_s=3601),
            "serving.client_delay_s is 3601; a number from 0 to 3\u202f600 is allowed",
        ),
        (lambda: TraceOptions(window_s=0), "window_s is 0; a number above 0"),
    ],
)
def test_an_object_made_by_hand_keeps_to_the_same_rules(make, words):
    with pytest.raises(InputError, match=words):
        make()
