"""Damaged files of every kind give what can be read of them or one sentence, never another exception.

Each example takes a good file and changes it in a few places drawn from a seed: bytes, fields, rows, keys, values. As
many seeds are tried as the time allows, at least MIN_SEEDS; a failure names its seed.
"""

import base64
import json
import random
import time
import zlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from planner.compare import compare
from planner.scenario.file import dump_scenario, parse_scenario
from planner.scenario.inputs import build_inputs, read_scenario_trace
from planner.scenario.link import TOKEN_PREFIX, decode_scenario, encode_scenario
from planner.scenario.schema import Scenario
from planner.scenario.yaml_text import dump_yaml, parse_yaml
from simulator import InputError
from simulator.catalogue import builtin_catalogue, catalogue_document, parse_catalogue
from simulator.traces import TraceLimits, TraceOptions, build_workload, read_trace, summarise
from tests.lookalikes import write_lookalikes
from tests.test_catalogue import CSV, TSV

MIN_SEEDS, SECONDS = 40, 2.0
LIMITS = TraceLimits(max_bytes=1 << 22, max_rows=20_000, max_cells=200_000)
# What numbers, texts, dates and structures may turn into.
ODD = ("", "0", "-1", "1e400", "nan", "inf", "-inf", "1e-320", "9" * 30, "0x10", "1_000", "true", "null", "~", "[]",
       "{}", "[[[[", '"', "'", ",", ";", "\t", "\x00", "\ufeff", "\u202e", "é" * 40, "2023-13-45 99:99:99", "2262-04",
       "0001-01-01 00:00:00", "9999-12-31 23:59:59.9999999", "x" * 3000, "&a", "*a", "!!python/name:os", "1:30", "010",
       "18446744073709551616", "-9223372036854775809", "1.5", "# ", "- ", ": ", "\r", "\r\n", "\n\n",
       "\ud800")  # fmt: skip


def damaged_bytes(draw: random.Random, content: bytes) -> bytes:
    """A few bytes, pieces or lines replaced, repeated, moved or lost."""
    data = bytearray(content)
    for _ in range(draw.choice((1, 1, 2, 5))):
        at = draw.randrange(len(data) + 1)
        end = min(at + draw.choice((0, 1, 2, 8, 200)), len(data))
        lines = bytes(data).splitlines(keepends=True)
        match draw.randrange(7):
            case 0:
                data[at:end] = bytes(draw.randrange(256) for _ in range(draw.choice((1, 2, 8))))
            case 1:
                data[at:end] = b""
            case 2:
                data[at:end] = draw.choice(ODD).encode("utf-8", "surrogatepass")
            case 3:
                data[at:at] = data[max(at - 300, 0) : at]
            case 4 if lines:
                lines.insert(draw.randrange(len(lines)), draw.choice(lines))
                data = bytearray(b"".join(lines))
            case 5 if lines:
                del lines[draw.randrange(len(lines))]
                data = bytearray(b"".join(lines))
            case _:
                data = data[: max(at, 1)]
    return bytes(data)


def damaged_fields(draw: random.Random, content: bytes) -> bytes:
    """Fields of a table, or values behind a colon, replaced by odd ones; nothing else changes."""
    text = content.decode()
    separator = "\t" if "\t" in text else ","
    lines = text.split("\n")
    for _ in range(draw.choice((1, 2, 4))):
        at = draw.randrange(len(lines))
        fields = lines[at].split(separator)
        field = draw.randrange(len(fields))
        before, colon, _ = fields[field].rpartition(":")
        fields[field] = before + colon + draw.choice((draw.choice(ODD), draw.choice(text.split(separator))))
        lines[at] = separator.join(fields)
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def damaged_document(draw: random.Random, document: object) -> object:
    """A copy of plain data with some values, keys or items replaced, lost or repeated."""
    document = json.loads(json.dumps(document))
    for _ in range(draw.choice((1, 1, 2, 3))):
        at = document
        while True:
            keys = list(at) if isinstance(at, dict) else range(len(at))
            if not keys:
                break
            key = draw.choice(list(keys))
            if isinstance(at[key], (dict, list)) and at[key] and draw.random() < 0.8:
                at = at[key]
                continue
            odd = draw.choice((*ODD, None, True, 0, -1, 1e308, 10**30, float("nan"), [], {}, [1, [2]], {"a": 1}))
            if isinstance(at, dict) and draw.random() < 0.2:
                at[draw.choice(ODD)] = at.pop(key)
            elif draw.random() < 0.2:
                del at[key]
            elif isinstance(at, list) and draw.random() < 0.3:
                at.append(at[key])
            else:
                at[key] = odd
            break
    return document


def for_a_while(name, attempt):
    """Tries seeds for SECONDS, at least MIN_SEEDS; gives how many were answered, refused. InputError is an answer."""
    answered = refused = 0
    end_s = time.monotonic() + SECONDS
    for seed in range(100_000):
        if seed >= MIN_SEEDS and time.monotonic() > end_s:
            break
        try:
            attempt(random.Random(f"{name} {seed}"))
            answered += 1
        except InputError as error:
            assert str(error).strip() and "Traceback" not in str(error), seed
            assert len(str(error)) < 7000, f"{name}, seed {seed}: {str(error)[:200]}"
            refused += 1
        except Exception as error:
            raise AssertionError(f"{name}, seed {seed}: {error!r}") from error
    assert answered + refused >= MIN_SEEDS and refused
    return answered


def native_parquet() -> bytes:
    table = pa.table({"arrival_s": np.arange(200) / 7, "model": ["a", "b"] * 100, "slo_s": [1.0, None] * 100})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return sink.getvalue().to_pybytes()


def trace_files(folder) -> dict[str, bytes]:
    """One small file of every format, by name."""
    facts = write_lookalikes(folder)
    found = {}
    for path, held in facts.items():
        content = (folder / path).read_bytes()
        lines = content.splitlines(keepends=True)
        found.setdefault(held.format, b"".join(lines[:60]))
    rows = "".join(f"{19440110.0 + i},,{i},GPT-4,{i},7,{i + 7},API log\n" for i in range(30))
    more = {
        "native": "arrival_s,model,slo_s\n" + "".join(f"{i / 3},m{i % 3},{i % 2 or ''}\n" for i in range(40)),
        "vidur": "arrived_at,num_prefill_tokens,num_decode_tokens\n" + "".join(f"{i}.5,7,{i}\n" for i in range(30)),
        "burstgpt": "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
        + rows,
        "azure_llm_2024": "TIMESTAMP,ContextTokens,GeneratedTokens\n"
        + "".join(f"2024-05-10 00:00:{i:02d}.009930+00:00,2162,5\n" for i in range(60)),
        "qwen": "".join(json.dumps({"chat_id": i, "parent_chat_id": -1, "timestamp": i / 8, "input_length": 33,
                                    "output_length": 2, "type": "text", "turn": 1, "hash_ids": [1, 2, 3]}) + "\n"
                        for i in range(40)),
    }  # fmt: skip
    return found | {name: text.encode() for name, text in more.items()} | {"parquet": native_parquet()}


FORMATS = ("azure_llm_2023", "azure_llm_2024", "azure_functions_2019", "azure_functions_2021", "mooncake", "ragpulse",
           "gentd26", "servegen", "native", "vidur", "burstgpt", "qwen", "parquet")  # fmt: skip


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return trace_files(tmp_path_factory.mktemp("whole"))


@pytest.mark.parametrize("name", FORMATS)
def test_a_damaged_trace_gives_figures_or_a_sentence(files, name):
    assert set(files) == set(FORMATS)
    whole = read_trace(("whole", files[name]), limits=LIMITS)
    assert whole.format == ("native" if name == "parquet" else name)

    def attempt(draw):
        damage = damaged_bytes if name == "parquet" or draw.random() < 0.5 else damaged_fields
        trace = read_trace(("damaged", damage(draw, files[name])), limits=LIMITS)
        summary = summarise(trace)
        figures = (summary.requests, summary.span_s, summary.rate_per_s, summary.peak_to_mean, summary.cv or 0)
        assert np.isfinite(figures).all() and min(figures) >= 0
        resample = "gamma" if trace.kind == "counts" or draw.random() < 0.5 else "none"
        options = TraceOptions(resample=resample, window_s=draw.choice((60, 3600)), duration_s=draw.choice((None, 600)))
        workload, _ = build_workload(trace, ["x", "y"], options, max_requests=50_000)
        assert np.isfinite(workload.arrival_s).all() and (np.diff(workload.arrival_s) >= 0).all()

    for_a_while(name, attempt)


SCENARIO = """
version: 1
name: whole
cluster: {devices: 4, memory_gib: 13, device: v100-16gb, devices_per_node: 2}
models:
  - {name: "m{i}", profile: bert-1.3b, count: 2, slo_scale: 5}
  - {name: b, profile: moe-1.3b, slo_s: 0.9}
workload:
  warmup_s: 1
  gamma: {total_rate_per_s: 3, cv: 2, duration_s: 20, seed: 1, split: given, weights: [1, 2, 3]}
serving: {preset: testbed, max_batch_size: 2, dispatch: round_robin}
placements:
  - {name: hand, groups: [{pp: 2, tp: 1, models: [m0, b]}, {pp: 1, tp: 2, models: [m1]}]}
  - {name: later, schedule: [{start_s: 0, groups: [{models: [m0]}]}, {start_s: 9, groups: [{models: [m1, b]}]}]}
"""
WORKLOADS = (
    {"poisson": {"total_rate_per_s": 3, "duration_s": 20, "seed": 1}},
    {"deterministic": {"total_rate_per_s": 3, "duration_s": 20}},
    {"markov_modulated": {"total_rate_per_s": 3, "duration_s": 20, "levels": [1, 3], "mean_stay_s": [5, 5]}},
    {
        "windows": {
            "windows": [{"duration_s": 10, "total_rate_per_s": 3, "cv": 2}, {"duration_s": 5, "total_rate_per_s": 0}]
        }
    },
    {"trace": {"path": "sample:two-models", "rate_scale": 0.2, "duration_s": 60, "map_models": "stripe"}},
)


def answer(scenario: Scenario) -> None:
    """Everything that a scenario leads to, where it is small enough for a test."""
    assert parse_scenario(dump_scenario(scenario)) == scenario
    inputs = build_inputs(scenario, read=read_samples, profiles={})
    if len(inputs.problem.workload) > 5000 or len(inputs.problem.models) > 50:
        return
    by_hand = [section for section in scenario.placements if section.search is None]
    if by_hand:
        comparison = compare(scenario.model_copy(update={"placements": by_hand}), inputs=inputs)
        for outcome in comparison.outcomes:
            attainment = outcome.figures.total.slo_attainment
            assert np.isnan(attainment) or 0 <= attainment <= 1
        json.dumps(comparison.to_json(), allow_nan=False)


def read_samples(scenario: Scenario):
    if not all(path.startswith("sample:") for path in scenario.workload.trace.paths):
        raise InputError("A test opens no files.")
    return read_scenario_trace(scenario)


def whole_documents() -> list[dict]:
    base = dict(parse_yaml(SCENARIO, "whole")[0])
    warmup = {"warmup_s": 1}
    return [base, *(base | {"workload": warmup | workload} for workload in WORKLOADS)]


@pytest.mark.parametrize("number", range(1 + len(WORKLOADS)))
def test_a_damaged_scenario_gives_figures_or_a_sentence(number):
    document = whole_documents()[number]
    text = dump_yaml(document)
    answer(parse_scenario(text))

    def attempt(draw):
        kind = draw.randrange(3)
        if kind == 0:
            content = dump_yaml(damaged_document(draw, document)).encode("utf-8", "surrogatepass")
        else:
            content = (damaged_bytes, damaged_fields)[kind - 1](draw, text.encode())
        answer(parse_scenario(content))

    for_a_while(f"scenario {number}", attempt)


@pytest.mark.parametrize("number", range(1 + len(WORKLOADS)))
def test_a_damaged_link_gives_the_scenario_or_a_sentence(number):
    token = encode_scenario(parse_scenario(dump_yaml(whole_documents()[number])))
    packed = base64.urlsafe_b64decode(token.removeprefix(TOKEN_PREFIX) + "==")
    inner = zlib.decompress(packed)

    def attempt(draw):
        if draw.random() < 0.3:
            answer(decode_scenario(damaged_bytes(draw, token.encode()).decode("utf-8", "replace")))
            return
        content = zlib.compress(damaged_bytes(draw, inner)) if draw.random() < 0.7 else damaged_bytes(draw, packed)
        answer(decode_scenario(TOKEN_PREFIX + base64.urlsafe_b64encode(content).decode().rstrip("=")))

    for_a_while(f"link {number}", attempt)


def catalogues() -> dict[str, bytes]:
    few = {name: builtin_catalogue()[name] for name in ("bert-1.3b", "bert-104b")}
    rows = ['m,a100,1,1,0.1,1.0,"{""2"": [0.2]}",measured', "m,a100,2,1,0.06 0.05,0.5;0.5,,estimated"]
    return {
        "json": json.dumps(catalogue_document(few)).encode(),
        "csv": (CSV + "\n".join(rows) + "\n").encode(),
        "tsv": TSV.encode(),
    }


@pytest.mark.parametrize("kind", catalogues())
def test_a_damaged_catalogue_gives_profiles_or_a_sentence(kind):
    content = catalogues()[kind]
    assert parse_catalogue(content, "whole")

    def attempt(draw):
        if kind == "json" and draw.random() < 0.5:
            damaged = json.dumps(damaged_document(draw, json.loads(content))).encode()
        else:
            damaged = draw.choice((damaged_bytes, damaged_fields))(draw, content)
        for profile in parse_catalogue(damaged, "damaged").values():
            figures = [profile.single_device_latency_s]
            for entry in profile.entries.values():
                figures += [entry.latency_s, entry.max_weight_gib, *entry.stage_latency_s]
            assert np.isfinite(figures).all() and min(figures) >= 0

    for_a_while(f"catalogue {kind}", attempt)
