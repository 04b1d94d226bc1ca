"""Numbers given on the command line, each checked in one sentence, and outputs that are whole or not there."""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from planner.executors.cluster import CLUSTER_VARIABLE
from simulator import InputError, words

MAX_SEED = 2**31 - 1
MAX_TIME_LIMIT_S = 86_400.0


def whole_number(option: str, text: str, lowest: int, highest: int) -> int:
    """The option as an int; raises InputError saying what is allowed."""
    try:
        value = int(text)
    except ValueError:
        value = lowest - 1
    if not lowest <= value <= highest:
        raise InputError(f"{option} is '{text}'; a whole number from {lowest} to {words.count(highest)} is allowed.")
    return value


def positive_number(option: str, text: str, highest: float) -> float:
    """The option as a float above 0; raises InputError saying what is allowed."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value <= highest:
        raise InputError(f"{option} is '{text}'; a number above 0 and up to {words.plain(highest)} is allowed.")
    return value


def add_cluster(parser: argparse.ArgumentParser) -> None:
    """The option --cluster."""
    parser.add_argument(
        "--cluster",
        metavar="tcp://HOST:PORT",
        help=f"work on this Dask cluster (default {CLUSTER_VARIABLE}, else here)",
    )


def check_output(option: str, name: str | None) -> None:
    """Raises InputError where a file cannot appear, so that no work is done in vain; None is no file."""
    if name is None:
        return
    path = Path(name)
    if path.is_dir():
        raise InputError(f"{option}: '{name}' is a folder; the name of a file is allowed.")
    if not path.parent.is_dir():
        raise InputError(f"{option}: the folder '{path.parent}' does not exist.")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise InputError(f"{option}: '{name}' cannot be written: Permission denied.")


@contextmanager
def whole_file(option: str, name: str | Path) -> Iterator[Path]:
    """Where to write a file that takes its name only when it is whole; raises InputError if it cannot be written."""
    try:
        # A link stays a link to the new file; a device or a pipe is written to, never replaced.
        path = Path(name).resolve()
        is_stream = path.exists() and not path.is_file()
        unfinished = path if is_stream else path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            yield unfinished
            if not is_stream:
                os.replace(unfinished, path)
        finally:
            if not is_stream:
                unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{option}: '{name}' cannot be written: {error.strerror or error}.") from None
