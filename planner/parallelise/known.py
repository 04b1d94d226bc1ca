"""Known numbers of the paper's models: what the cost model is fitted to and held against."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from planner.parallelise.architectures import load_architectures
from planner.parallelise.calibrate import Measurement, calibrate
from planner.parallelise.cost import Calibration
from planner.parallelise.hardware import Device, load_hardware

DEVICE = "v100-16gb"
KNOWN_FILE = Path(__file__).with_name("known_numbers.json")


@cache
def known_numbers() -> dict:
    """The numbers of known_numbers.json by table, each with its source; milliseconds and GiB."""
    return json.loads(KNOWN_FILE.read_text(encoding="utf-8"))


def paper_device() -> Device:
    """The accelerator of the paper's testbed."""
    return load_hardware()[DEVICE]


def alone_calibration(name: str) -> Calibration:
    """Factors from the one published latency of a paper's model: alone on one device, batch 1 (table 1).

    BERT-104B fits no device; its latency is that of its smallest pipeline.
    """
    large = known_numbers()["large_model"]
    if name == large["architecture"]:
        measured = Measurement(large["pp"], large["tp"], 1, large["latency_ms"] / 1e3)
    else:
        measured = Measurement(1, 1, 1, known_numbers()["recovered"]["models"][name]["single"] / 1e3)
    return calibrate(load_architectures()[name], paper_device(), [measured]).calibration


def paper_models() -> tuple[str, ...]:
    """Names of the paper's seven models, BERT-104B last."""
    return (*known_numbers()["recovered"]["models"], known_numbers()["large_model"]["architecture"])
