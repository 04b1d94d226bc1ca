"""Makes the sample traces anew: python -m sample_traces.generate [FOLDER].

Everything is drawn from NumPy's legacy generator with fixed seeds, whose numbers never change, so that the files
come out the same to the byte.
"""

from __future__ import annotations

import hashlib
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from sample_traces import FOLDER
from simulator.arrivals import Window, gamma_arrivals, gamma_workload, split_rate, windowed_arrivals
from simulator.traces import write_native
from simulator.workload import merge_arrivals

_TWO_MODELS = {"rate_per_s": 1.5, "cv": 3.0, "duration_s": 1200.0, "seed": 0}
_STEADY = {"functions": 48, "minutes": 180, "first_minute": 480, "rate_per_s": 120.0, "exponent": 1.0, "seed": 1}
_BURSTY = {"functions": 36, "apps": 14, "duration_s": 3600.0, "rate_per_s": 1.1, "exponent": 1.3, "seed": 2}
_SERVICES_START = datetime(2023, 6, 1, 9, 0, 0)
_SERVICES_S = 900.0
_LANGUAGE_S = 300.0


def generate(folder: Path) -> list[Path]:
    """Writes all sample traces into a folder and returns their paths."""
    made = {
        "two_models.csv": _two_models,
        "steady_minutes.csv": _steady_minutes,
        "bursty_invocations.txt": _bursty_invocations,
        "chat.csv": _chat,
        "code.csv": _code,
        "language_models.csv": _language_models,
    }
    for name, make in made.items():
        make(folder / name)
    return [folder / name for name in made]


def _two_models(path: Path) -> None:
    spec = _TWO_MODELS
    workload = gamma_workload([spec["rate_per_s"]] * 2, spec["cv"], spec["duration_s"], spec["seed"])
    write_native(workload, ["model-1", "model-2"], path)


def _steady_minutes(path: Path) -> None:
    spec, random = _STEADY, np.random.RandomState(_STEADY["seed"])
    minute = spec["first_minute"] + np.arange(spec["minutes"])
    # The morning half of a day whose traffic swings by a quarter and peaks at 14:00.
    day_shape = 1 + 0.25 * np.cos(2 * np.pi * (minute - 840) / 1440)
    lines = ["HashOwner,HashApp,HashFunction,Trigger," + ",".join(map(str, minute))]
    for i, rate in enumerate(split_rate(spec["rate_per_s"], spec["functions"], "power_law", spec["exponent"])):
        # Each function drifts slowly and by itself around the day's shape.
        drift = 1 + 0.15 * np.sin(2 * np.pi * (minute / 90 + random.random_sample()))
        counts = random.poisson(60 * rate * day_shape * drift)
        trigger = ("http", "queue", "event", "timer")[i % 4]
        keys = (_hash(f"owner {i // 6}"), _hash(f"app {i // 3}"), _hash(f"steady function {i}"))
        lines.append(",".join([*keys, trigger, *map(str, counts)]))
    _write_lines(path, lines)


def _bursty_invocations(path: Path) -> None:
    spec, random = _BURSTY, np.random.RandomState(_BURSTY["seed"])
    rows = []
    for i, rate in enumerate(split_rate(spec["rate_per_s"], spec["functions"], "power_law", spec["exponent"])):
        # Ten-minute windows whose rate and CV differ, as in the traces that stand behind this format.
        windows = [
            Window(start, 600.0, rate * random.gamma(1.5, 1 / 1.5), 2.0 + 6.0 * random.random_sample())
            for start in np.arange(0.0, spec["duration_s"], 600.0)
        ]
        starts = windowed_arrivals(windows, first_seed=1000 * (i + 1))
        durations = np.round(random.lognormal(-1.5, 1.2, starts.size), 3)
        app, function = _hash(f"app {i % spec['apps']}"), _hash(f"bursty function {i}")
        ends = np.round(starts + durations, 6)
        # Sorted by the start that a reader will see: the end less the duration, both rounded.
        rows += [
            (end - duration, f"{app},{function},{end:.6f},{duration}")
            for end, duration in zip(ends, durations, strict=True)
        ]
    _write_lines(path, ["app,func,end_timestamp,duration", *(line for _, line in sorted(rows))])


def _chat(path: Path) -> None:
    _service(path, gamma_arrivals(5.0, 1.1, _SERVICES_S, seed=3), median_tokens=(1000, 130), seed=4)


def _code(path: Path) -> None:
    _service(path, gamma_arrivals(2.0, 5.0, _SERVICES_S, seed=5), median_tokens=(1900, 15), seed=6)


def _language_models(path: Path) -> None:
    """Three services with lengths: chat, code completion in bursts, summaries with long prompts."""
    workload = merge_arrivals([
        gamma_arrivals(rate, cv, _LANGUAGE_S, seed)
        for rate, cv, seed in ((5.0, 1.2, 7), (3.0, 4.0, 8), (0.8, 2.0, 9))
    ])  # fmt: skip
    random = np.random.RandomState(10)
    medians = np.array([(400, 180), (1500, 20), (3500, 150)])[workload.model]
    tokens = (1 + medians * random.lognormal(0.0, 0.7, medians.shape)).astype(int)
    workload = replace(workload, input_tokens=tokens[:, 0], output_tokens=tokens[:, 1])
    write_native(workload, ["chat", "code", "summaries"], path)


def _service(path: Path, arrival_s: np.ndarray, median_tokens: tuple[int, int], seed: int) -> None:
    random = np.random.RandomState(seed)
    context, generated = (
        1 + random.lognormal(np.log(median), 0.8, arrival_s.size).astype(int) for median in median_tokens
    )
    lines = ["TIMESTAMP,ContextTokens,GeneratedTokens"]
    for i, second in enumerate(arrival_s):
        whole = _SERVICES_START + timedelta(seconds=int(second))
        ticks = int(second % 1 * 10_000_000)
        lines.append(f"{whole:%Y-%m-%d %H:%M:%S}.{ticks:07d},{context[i]},{generated[i]}")
    _write_lines(path, lines)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _write_lines(path: Path, lines: list[str]) -> None:
    path.write_bytes(("\n".join(lines) + "\n").encode())


if __name__ == "__main__":
    for written in generate(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER):
        print(f"{written.name}: {written.stat().st_size:,} bytes")
