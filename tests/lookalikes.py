"""Small files with the layout and the pitfalls of the published traces, drawn from a seed, and what they hold.

The figures are taken from what was drawn, in plain Python, and never from what was read. Every pitfall that the owners'
files are known for is in the file of the same name here: see the docstring of each maker.
"""

from __future__ import annotations

import hashlib
import json
import math
import random
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

SEED = 20_231_116
CODE = "azure_llm_2023/AzureLLMInferenceTrace_code.csv"
CONVERSATION = "azure_llm_2023/AzureLLMInferenceTrace_conv.csv"
MOONCAKE = "mooncake_fast25/conversation_trace.jsonl"
GENTD26 = "alibaba_gentd26/lora_request_trace.csv"
INVOCATIONS = "azure_functions_2021/AzureFunctionsInvocationTraceForTwoWeeksJan2021.txt"
RAGPULSE = "ragpulse/0_trace.jsonl"
WINDOW = "azure_functions_2019/invocations_500f_min480-719.csv"
DAY = "azure_functions_2019/invocations_10f_fullday.csv"
VARIANT = "azure_functions_2019/invitro_variant/105_inv.csv"
DURATIONS = "azure_functions_2019/durations_500f.csv"
CLIENTS = {"m-small": (5, 38, 17), "m-mid": (60, 36, 73), "m-large": (61, 148, 142)}
_DAY_S = 86_400


@dataclass(frozen=True)
class Facts:
    """What a file holds.

    Attributes:
        format: its name in the readers.
        requests, rate_per_s, cv, peak_to_mean: as `summarise` gives them; cv is None for counts and rates.
        sources: requests of each model, function or client; a rate profile has its mean rate instead.
        span_s, clock_start_s: of counts and rates; None for requests.
        said: words that the notices must hold.
    """

    format: str
    requests: int
    rate_per_s: float
    cv: float | None
    peak_to_mean: float
    sources: dict[str, float]
    span_s: float | None = None
    clock_start_s: float | None = None
    said: tuple[str, ...] = ()


def write_lookalikes(folder: Path, seed: int = SEED) -> dict[str, Facts]:
    """Write every file below the folder; gives what each holds, by its path."""
    makers = {
        CODE: _code,
        CONVERSATION: _conversation,
        MOONCAKE: _mooncake,
        GENTD26: _gentd26,
        INVOCATIONS: _invocations,
        RAGPULSE: _ragpulse,
        WINDOW: _window,
        DAY: _day,
        VARIANT: _variant,
        DURATIONS: _durations,
    }
    for model, clients in CLIENTS.items():
        makers |= {client_path(model, client): _client for client in clients}
    facts = {}
    for path, make in makers.items():
        text, held = make(random.Random(f"{seed} {path}"))
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(text.encode())
        if held is not None:
            facts[path] = held
    return facts


def client_path(model: str, client: int) -> str:
    """Where the rate profile of a client lies."""
    return f"servegen_rates/{model}/chunk-{client}-trace.csv"


def rows(path: Path) -> int:
    """How many rows stand behind the header of a table."""
    return len(path.read_bytes().splitlines()) - 1


def _of_events(name: str, arrivals: Sequence[float], sources: Sequence[str], *said: str) -> Facts:
    arrivals = sorted(arrivals)
    gaps = [after - before for before, after in zip(arrivals, arrivals[1:], strict=False)]
    minutes = Counter(math.floor((at - arrivals[0]) / 60) for at in arrivals)
    mean = len(arrivals) / (max(minutes) + 1)
    span_s = arrivals[-1] - arrivals[0]
    cv = statistics.pstdev(gaps) / statistics.fmean(gaps)
    return Facts(name, len(arrivals), len(arrivals) / span_s, cv, max(minutes.values()) / mean, dict(Counter(sources)),
                 said=said)  # fmt: skip


def _code(draw: random.Random) -> tuple[str, Facts]:
    """Bursts 1 ms apart and long gaps, starting 9 s after the conversations."""
    at_s, times = 10.134219, []
    for _ in range(60):
        times += [at_s + 0.001 * k + 1e-7 * draw.randrange(1000) for k in range(draw.randrange(2, 12))]
        at_s = times[-1] + draw.choice((0.5, 2, 5, 130)) * draw.uniform(0.8, 1.2)
    return _azure_llm(draw, times)


def _conversation(draw: random.Random) -> tuple[str, Facts]:
    """Much like Poisson arrivals over the same half hour."""
    at_s, times = 0.346317, []
    for _ in range(900):
        times.append(at_s)
        at_s += draw.expovariate(0.6)
    return _azure_llm(draw, times)


def _azure_llm(draw: random.Random, times_s: list[float]) -> tuple[str, Facts]:
    """Seven digits behind the second, CRLF, no line end behind the last row, no zone, no model."""
    ticks = sorted({round(at * 10**7) for at in times_s})
    start, rows = datetime(2023, 11, 16, 18, 45), ["TIMESTAMP,ContextTokens,GeneratedTokens"]
    for tick in ticks:
        second = start + timedelta(seconds=tick // 10**7)
        rows.append(f"{second:%Y-%m-%d %H:%M:%S}.{tick % 10**7:07d},{draw.randrange(3, 7000)},{draw.randrange(1, 900)}")
    return "\r\n".join(rows), _of_events("azure_llm_2023", [tick / 10**7 for tick in ticks], ["one"] * len(ticks))


def _mooncake(draw: random.Random) -> tuple[str, Facts]:
    """Milliseconds on ticks of 3 s, many requests a tick, lines of several kB, blocks of 512 tokens."""
    rows, times = [], []
    for tick in range(120):
        for _ in range(draw.randrange(1, 9)):
            tokens = draw.randrange(1, 60_000)
            blocks = [draw.randrange(10**6) for _ in range(math.ceil(tokens / 512))]
            rows.append({"timestamp": 3000 * tick, "input_length": tokens, "output_length": draw.randrange(1, 900),
                         "hash_ids": blocks})  # fmt: skip
            times.append(3.0 * tick)
    text = "".join(json.dumps(row) + "\n" for row in rows)
    return text, _of_events("mooncake", times, ["one"] * len(times), "ticks of 3 s")


def _gentd26(draw: random.Random) -> tuple[str, Facts]:
    """Whole seconds with ties, silent nights, failed and pending rows, nine rows without a model, empty prompts."""
    header = ("gmt_create,predict_type,predict_status,exec_time_seconds,groupId,prompt_length,negative_prompt_length,"
              "num_images_per_prompt,num_inference_steps,checkpoint_model_version_id,num_lora")  # fmt: skip
    rows, times, models, failed = [header], [], [], 0
    at, pending = datetime(2024, 11, 15, 16, 57, 50), set(draw.sample(range(50, 700), 9))
    start = at
    for index in range(800):
        stamp = f"{at:%Y-%m-%d %H:%M:%S}"
        if index in pending:
            rows.append(f"{stamp},TXT_2_IMG,PENDING,0.0,G0325,,,,,,0")
        else:
            model = f"M{min(int(draw.paretovariate(0.7)) - 1, 24):04d}"
            status = "FAILED" if draw.random() < 0.03 else "SUCCEED"
            failed += status == "FAILED"
            negative = draw.choice(("", "26.0"))
            rows.append(f"{stamp},TXT_2_IMG,{status},{draw.randrange(1, 90)}.0,G{index:04d},63.0,{negative},1.0,30.0,"
                        f"{model},0")  # fmt: skip
            times.append((at - start).total_seconds())
            models.append(model)
        night = at.hour >= 22
        at += timedelta(seconds=0 if draw.random() < 0.1 else draw.randrange(1, 120) + night * 10 * 3600)
    said = ("9 rows", f"{failed} FAILED, 9 PENDING")
    return "\n".join(rows) + "\n", _of_events("gentd26", times, models, *said)


def _invocations(draw: random.Random) -> tuple[str, Facts]:
    """Ends with 15 digits, durations of milliseconds and some of zero; ends run backwards; functions share a hash."""
    apps, functions = [_hash(f"app {i}") for i in range(8)], [_hash(f"function {i}") for i in range(12)]
    at_s, calls = 0.0015, []
    for _ in range(400):
        pair = (apps[min(int(draw.paretovariate(1)) - 1, 7)], functions[min(int(draw.paretovariate(0.8)) - 1, 11)])
        duration_s = draw.choice((0, 0.078, 2.5, 57.154, 405.1))
        calls.append((at_s, duration_s, *pair))
        at_s += draw.expovariate(1 / 6) + draw.random() * 1e-9
    rows = [f"{app},{func},{at + duration!r},{duration}" for at, duration, app, func in calls]
    held = _of_events("azure_functions_2021", [call[0] for call in calls], [f"{app}/{func}" for *_, app, func in calls])
    return "app,func,end_timestamp,duration\n" + "\n".join(rows) + "\n", held


def _ragpulse(draw: random.Random) -> tuple[str, Facts]:
    """Seconds as text, an object of hashes, two passes over the same clock, an empty last line."""
    times, rows = [], []
    for _ in range(2):
        at_s = draw.randrange(200)
        while at_s < 2.5 * _DAY_S:
            parts = {"sys_prompt": [8302], "passages_ids": [draw.randrange(9000)], "history": [], "user_input": [1]}
            rows.append({"timestamp": str(at_s), "input_length": draw.randrange(1, 5000), "output_length": 192,
                         "hash_ids": parts, "session_id": f"1757476916095-{draw.randrange(10**9)}"})  # fmt: skip
            times.append(float(at_s))
            at_s += 1 + int(draw.expovariate(1 / 900))
    text = "".join(json.dumps(row) + "\n" for row in rows) + "\n"
    return text, _of_events("ragpulse", times, ["one"] * len(times), "2 passes")


def _window(draw: random.Random) -> tuple[str, Facts]:
    """Four hours of a day, some functions silent, one of them two thirds of the load, hashes shared between apps."""
    counts = [[draw.randrange(3) * draw.randrange(5) for _ in range(240)] for _ in range(40)]
    counts[7] = [2 * (sum(column) - column[7]) for column in zip(*counts, strict=True)]
    for silent in (3, 11, 12):
        counts[silent] = [0] * 240
    keys = [(_hash(f"owner {i // 6}"), _hash(f"app {i // 3}"), _hash(f"function {i % 3}")) for i in range(40)]
    triggers = ("http", "timer", "event", "queue", "storage", "orchestration", "others")
    header = ["HashOwner", "HashApp", "HashFunction", "Trigger", *map(str, range(480, 720))]
    rows = [[*key, triggers[i % 7], *counts[i]] for i, key in enumerate(keys)]
    return _of_counts(header, rows, counts, 479 * 60)


def _day(draw: random.Random) -> tuple[str, Facts]:
    """A whole day of few functions, nearly constant, in very wide lines."""
    counts = [[draw.randrange(758, 762) for _ in range(1440)] for _ in range(4)]
    header = ["HashOwner", "HashApp", "HashFunction", "Trigger", *map(str, range(1, 1441))]
    rows = [[*(_hash(f"{key} {i}") for key in ("owner", "app", "function")), "http", *counts[i]] for i in range(4)]
    return _of_counts(header, rows, counts, 0)


def _variant(draw: random.Random) -> tuple[str, Facts]:
    """Another order of columns, no trigger, labels with text, three equal hashes; nearly empty rows with spikes."""
    counts = [[draw.randrange(400) if draw.random() < 0.01 else 0 for _ in range(1440)] for _ in range(12)]
    header = ["HashFunction", "HashOwner", "HashApp", *(f"{minute}_minute" for minute in range(1, 1441))]
    rows = [[*[_hash(f"function {i}")] * 3, *counts[i]] for i in range(12)]
    return _of_counts(header, rows, counts, 0)


def _of_counts(header: list, rows: list[list], counts: list[list[int]], clock_start_s: float) -> tuple[str, Facts]:
    total = [sum(column) for column in zip(*counts, strict=True)]
    span_s, requests = 60.0 * len(total), sum(total)
    peak = max(total) / statistics.fmean(total)
    sources = {str(i): sum(row) for i, row in enumerate(counts)}
    held = Facts("azure_functions_2019", requests, requests / span_s, None, peak, sources, span_s, clock_start_s)
    return "\n".join(",".join(map(str, row)) for row in [header, *rows]) + "\n", held


def _durations(draw: random.Random) -> tuple[str, None]:
    """The companion of the counts, which someone uploads by mistake."""
    percentiles = ",".join(f"percentile_Average_{p}" for p in (0, 1, 25, 50, 75, 99, 100))
    rows = [f"HashOwner,HashApp,HashFunction,Average,Count,Minimum,Maximum,{percentiles}"]
    for i in range(40):
        keys = ",".join(_hash(f"{key} {i}") for key in ("owner", "app", "function"))
        rows.append(f"{keys},3,{draw.randrange(10**5)},0.0,6664.0,0,0,1,1,3,27,492")
    return "\n".join(rows) + "\n", None


def _client(draw: random.Random) -> tuple[str, Facts]:
    """No header, CRLF, windows of 600 s of days 2 and 3, quiet windows with an empty family."""
    rows, rates = [], []
    for start_s in range(_DAY_S, 3 * _DAY_S, 600):
        rate = 0.0 if draw.random() < 0.05 else round(draw.uniform(1, 9), 6)
        cv = draw.uniform(1.01, 264)
        rows.append(
            f"{start_s},{rate!r},{cv!r},Gamma,{1 / cv**2!r},{cv**2 / rate!r}" if rate else f"{start_s},0,0,,0,0"
        )
        rates.append(rate)
    mean = statistics.fmean(rates)
    requests, peak = round(sum(rates) * 600), max(rates) / mean
    held = Facts("servegen", requests, mean, None, peak, {"": mean}, 2.0 * _DAY_S, float(_DAY_S))
    return "".join(row + "\r\n" for row in rows), held


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
