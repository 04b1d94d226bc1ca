"""How fast and how small the reading of native traces is: python benchmarks/bench_reading.py [ROWS ...].

Each size is read in a fresh process, beside a plain streaming read of the same bytes in the same process just
before, so that the disk and the machine's mood cancel out.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from simulator.traces import Events, read_trace, write_native  # noqa: E402 (the path comes first)
from simulator.workload import Workload  # noqa: E402

_SIZES = (1_000_000, 10_000_000)
_MODELS = 50
_CHUNK_BYTES = 1 << 20


def write_trace(path: Path, rows: int) -> None:
    """A sorted native trace of `rows` requests for 50 models."""
    random = np.random.default_rng(0)
    arrival_s = np.cumsum(random.exponential(0.01, rows)).round(6)
    names = [f"model-{i}" for i in range(_MODELS)]
    write_native(Workload(arrival_s, random.integers(0, _MODELS, rows), _MODELS), names, path)


def measure(path: Path) -> None:
    """Prints one line: streaming read, reading as a trace, peak memory of this process."""
    start = time.perf_counter()
    with path.open("rb") as file:
        while file.read(_CHUNK_BYTES):
            pass
    streamed = time.perf_counter()
    trace = read_trace(path)
    done = time.perf_counter()
    if not isinstance(trace.content, Events):
        raise TypeError("a native trace has single requests")
    rows, seconds = trace.content.arrival_s.size, done - streamed
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{rows:>12,} rows  {path.stat().st_size / 1e6:7.1f} MB  streaming {streamed - start:6.3f} s  "
        f"read_trace {seconds:6.2f} s  {rows / seconds:12,.0f} rows/s  peak {peak_mib:6,.0f} MiB"
    )


def main() -> None:
    sizes = [int(text) for text in sys.argv[1:]] or _SIZES
    with tempfile.TemporaryDirectory() as folder:
        for rows in sizes:
            path = Path(folder) / f"native_{rows}.csv"
            write_trace(path, rows)
            subprocess.run([sys.executable, __file__, "--measure", str(path)], check=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        measure(Path(sys.argv[2]))
    else:
        main()
