"""A link holds the whole scenario, is small, and is read with care."""

import base64
import json
import re
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner import build_inputs, compare, dump_scenario, parse_scenario
from planner.scenario.link import (
    MAX_SCENARIO_BYTES,
    MAX_TOKEN_CHARACTERS,
    TOKEN_PREFIX,
    decode_scenario,
    encode_scenario,
    portable,
    repeatable,
)
from planner.scenario.schema import Scenario
from simulator import InputError
from tests.test_scenario import EXAMPLE, SMALL

NAMES = st.text(min_size=1, max_size=40)
POSITIVE = st.floats(1e-6, 1e6)
GROUPS = st.lists(
    st.fixed_dictionaries(
        {"pp": st.integers(1, 64), "tp": st.integers(1, 8), "models": st.lists(NAMES, max_size=4)}
    ),
    max_size=6,
)  # fmt: skip
ARRIVALS = st.one_of(
    st.fixed_dictionaries({"gamma": st.fixed_dictionaries(
        {"total_rate_per_s": POSITIVE, "cv": st.floats(0.1, 99), "duration_s": POSITIVE, "seed": st.integers(0, 99)})}),
    st.fixed_dictionaries({"trace": st.fixed_dictionaries(
        {"path": st.one_of(NAMES, st.lists(NAMES, min_size=1, max_size=3)), "rate_scale": POSITIVE,
         "map_models": st.one_of(st.just("blocks"), st.dictionaries(NAMES, NAMES, max_size=3))})}),
)  # fmt: skip
PLACEMENT = st.one_of(
    st.fixed_dictionaries({"groups": GROUPS}),
    st.fixed_dictionaries({"search": st.fixed_dictionaries(
        {"algorithm": NAMES, "seed": st.integers(0, 9), "pp": st.integers(1, 8), "own option": st.booleans()})}),
    st.fixed_dictionaries({"schedule": st.lists(
        st.fixed_dictionaries({"start_s": POSITIVE, "groups": GROUPS}), min_size=1, max_size=3)}),
)  # fmt: skip


@st.composite
def scenarios(draw):
    models = draw(st.lists(NAMES.filter(lambda n: "{i}" not in n), min_size=1, max_size=5, unique=True))
    placements = draw(st.lists(PLACEMENT, max_size=3))
    return Scenario.model_validate({
        "version": 1,
        "name": draw(st.text(max_size=60)),
        "cluster": {"devices": draw(st.integers(1, 4096)), "memory_gib": draw(st.floats(0.1, 80))},
        "models": [{"name": n, "profile": draw(NAMES), "slo_s": draw(st.one_of(POSITIVE, st.just(float("inf"))))}
                   for n in models],
        "workload": draw(ARRIVALS) | {"warmup_s": draw(st.floats(0, 100))},
        "serving": {"preset": "published", "admission": draw(st.sampled_from([None, "none", "deadline"]))},
        "placements": [p | {"name": f"placement {i}"} for i, p in enumerate(placements)],
    })  # fmt: skip


def token_of(content: bytes) -> str:
    return TOKEN_PREFIX + base64.urlsafe_b64encode(zlib.compress(content, 9)).decode().rstrip("=")


@settings(max_examples=60)
@given(scenarios())
def test_a_scenario_survives_a_link(scenario):
    try:
        token = encode_scenario(scenario)
    except InputError as error:
        assert "too large for a link" in str(error)
        return
    assert re.fullmatch(r"[A-Za-z0-9_.-]+", token)
    assert decode_scenario(token) == scenario


@pytest.mark.parametrize("text", [EXAMPLE, SMALL])
def test_the_scenarios_of_the_design_survive_a_link_that_is_short(text):
    scenario = parse_scenario(text)
    token = encode_scenario(scenario)
    assert decode_scenario(token) == scenario
    assert len(token) < 1.2 * len(dump_scenario(scenario))


@given(st.one_of(st.text(), st.binary().map(lambda b: TOKEN_PREFIX + base64.urlsafe_b64encode(b).decode())))
def test_whatever_is_no_link_is_refused_with_one_sentence(token):
    with pytest.raises(InputError):
        decode_scenario(token)


@given(st.data())
def test_a_link_with_a_changed_or_missing_character_is_never_taken_for_another_scenario(data):
    scenario = parse_scenario(SMALL)
    token = encode_scenario(scenario)
    at = data.draw(st.integers(0, len(token) - 1))
    damaged = token[:at] + data.draw(st.text(max_size=2)) + token[at + 1 :]
    try:
        read = decode_scenario(damaged)
    except InputError:
        return
    assert read == scenario


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3)
                    | st.dictionaries(st.text(), inner, max_size=3), max_leaves=8))  # fmt: skip
def test_json_that_is_no_scenario_is_refused(document):
    with pytest.raises(InputError, match="This link is damaged"):
        decode_scenario(token_of(json.dumps(document).encode()))


@pytest.mark.parametrize(
    ("token", "words"),
    [
        ("", "begins with ''; 's1.' is allowed"),
        ("s9.abc", "may come from another version"),
        ("s1." + "A" * MAX_TOKEN_CHARACTERS, "at most 6\u202f000 are allowed"),
        ("s1.A", "some characters are missing or changed"),
        ("s1.Ä", "some characters are missing or changed"),
        (token_of(b" " * (2 * MAX_SCENARIO_BYTES)), "unpacks to more than 1\u202f048\u202f576 bytes"),
        (token_of(b"[" * 200_000), "not JSON"),
        (token_of(b"\xff\xfe\xfd"), "not JSON"),
        (token_of(b'{"version": 1}'), "cluster is missing; it is needed"),
        (encode_scenario(parse_scenario(SMALL)) + "AAAA", "some characters are missing or changed"),
    ],
)
def test_a_wrong_link_says_what_is_wrong(token, words):
    with pytest.raises(InputError, match=re.escape(words)):
        decode_scenario(token)


def test_a_scenario_that_is_too_large_for_a_link_says_so():
    document = parse_scenario(SMALL).model_dump()
    names = [base64.b85encode(zlib.compress(str(i).encode() * 9)).decode() for i in range(400)]
    document["models"] = [{"name": name, "profile": "p", "slo_s": 1.0 + i / 7} for i, name in enumerate(names)]
    with pytest.raises(
        InputError, match=r"too large for a link \([\d\u202f]+ characters; at most 6\u202f000 are allowed\)"
    ):
        encode_scenario(Scenario.model_validate(document))


def test_an_uploaded_trace_travels_by_name_and_digest(tmp_path):
    (tmp_path / "mine.csv").write_text("arrival_s,model\n0.5,m0\n1.5,m1\n")
    text = SMALL.replace("gamma: {total_rate_per_s: 4, cv: 2, duration_s: 20}", "trace: {path: sub/mine.csv}")
    (tmp_path / "sub").mkdir()
    (tmp_path / "mine.csv").rename(tmp_path / "sub" / "mine.csv")
    scenario = parse_scenario(text).in_folder(tmp_path)
    sent = decode_scenario(encode_scenario(portable(scenario, build_inputs(scenario).trace)))
    assert sent.workload.trace.path == "mine.csv"
    there = tmp_path / "there"
    there.mkdir()
    (there / "mine.csv").write_bytes((tmp_path / "sub" / "mine.csv").read_bytes())
    assert len(build_inputs(sent.in_folder(there)).problem.workload) == 2
    (there / "mine.csv").write_text("arrival_s,model\n0.5,m0\n1.5,m0\n")
    with pytest.raises(InputError, match="SHA-256"):
        build_inputs(sent.in_folder(there))


def test_samples_and_made_arrivals_travel_by_name():
    made = parse_scenario(SMALL)
    assert portable(made) == made
    sample = parse_scenario(SMALL.replace("gamma: {total_rate_per_s: 4, cv: 2, duration_s: 20}",
                                          "trace: {path: 'sample:two-models'}"))  # fmt: skip
    assert portable(sample, build_inputs(sample).trace) == sample


def test_a_repeatable_scenario_gives_the_same_numbers_without_searching():
    text = SMALL + "placements:\n- {name: found, search: {algorithm: selective_replication}}\n"
    comparison = compare(parse_scenario(text))
    scenario = decode_scenario(encode_scenario(repeatable(comparison)))
    assert [section.name for section in scenario.placements] == ["found"]
    assert scenario.placements[0].search is None
    again = compare(scenario)
    assert again.outcomes[0].figures == comparison.outcomes[0].figures
