"""`profile`: make a profile from a model architecture and a device."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from planner.commands.options import check_output, whole_file
from planner.commands.report import print_json, print_table, say, seconds
from planner.generation.estimate import estimate_errors, estimate_profiles
from planner.generation.known_errors import NOT_MODELLED
from planner.parallelise import (
    DEFAULT_BATCHES,
    Architecture,
    Device,
    Measurement,
    architecture_from_hf_config,
    load_architectures,
    load_hardware,
    parse_architecture,
    profile_command,
)
from planner.parallelise.architectures import MAX_BYTES
from simulator import InputError, words
from simulator.files import json_document, read_small, text_of
from simulator.generation.catalogue import generation_document
from simulator.generation.engine import COEFFICIENTS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="a shipped one, or a Hugging Face config.json, or a description")
    parser.add_argument("--device", default="v100-16gb", help="a shipped device (default v100-16gb)")
    parser.add_argument("--hardware", metavar="FILE.json", help="own devices")
    parser.add_argument("--max-pp", type=int, default=8, help="most pipeline stages (default 8)")
    parser.add_argument("--max-tp", type=int, default=8, help="most devices a stage (default 8)")
    parser.add_argument("--batches", default=",".join(map(str, DEFAULT_BATCHES)), help="batch sizes")
    parser.add_argument("--sequence", type=int, help="tokens of a request")
    parser.add_argument("--memory", type=float, metavar="GIB", help="what a device may spend on weights")
    parser.add_argument(
        "--measured", metavar="PP,TP,BATCH=SECONDS", action="append", default=[], help="calibrate to this latency"
    )
    parser.add_argument("--equal-cut", action="store_true", help="cut into equal layers instead of by dynamic program")
    parser.add_argument(
        "--generation", action="store_true",
        help="estimate what iterations cost that generate token by token, for 1, 2, 4 and 8 devices (not measured)",
    )  # fmt: skip
    parser.add_argument("--out", metavar="PROFILES.json", help="write the catalogue that a scenario's `profiles` reads")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Model, calibrate, print, and write the catalogue where asked."""
    check_output("--out", args.out)
    devices = load_hardware(args.hardware)
    if args.device not in devices:
        raise InputError(f"--device is '{args.device}'; {', '.join(sorted(devices))} are allowed.")
    architecture = find_architecture(args.model)
    if args.generation:
        document = _estimate_document(architecture, devices[args.device])
        _finish(args, document, _print_estimate)
        return 0
    document = profile_command(
        architecture,
        devices[args.device],
        args.max_pp,
        args.max_tp,
        parse_batches(args.batches),
        [parse_measurement(text) for text in args.measured],
        cut="equal" if args.equal_cut else "dynamic",
        weight_memory_gib=args.memory,
        sequence=args.sequence,
    )
    _finish(args, document, _print_profile)
    return 0


def _finish(args: argparse.Namespace, document: dict, show: Callable[[dict], None]) -> None:
    """Print, and write the catalogue where asked."""
    if args.json:
        print_json(document)
    else:
        show(document)
    # Last, so that a full disk does not take the profile along.
    if args.out is not None:
        with whole_file("--out", args.out) as unfinished:
            unfinished.write_text(json.dumps(document["catalogue"], indent=1) + "\n", encoding="utf-8")


def _estimate_document(architecture: Architecture, device: Device) -> dict:
    profiles = estimate_profiles(architecture, device)
    errors = [asdict(error) for error in estimate_errors()]
    return {"profiles": [asdict(p) for p in profiles], "known_errors": errors, "not_modelled": NOT_MODELLED,
            "catalogue": generation_document(profiles)}  # fmt: skip


def _print_estimate(document: dict) -> None:
    first, *_ = document["profiles"]
    say(f"{first['name']} on {first['device']}, token by token, estimated\n")
    numbers = [
        n for n in (*COEFFICIENTS, "weight_gib", "kv_bytes_per_token") if any(p[n] for p in document["profiles"])
    ]
    print_table(
        ("", *(f"tp {p['tp']}" for p in document["profiles"])),
        [(name, *(f"{p[name]:.4g}" for p in document["profiles"])) for name in numbers],
    )
    say("\nsuch estimates against measurements, median error in percent")
    print_table(
        ("measured", "error"),
        [(e["case"], words.fixed(100 * e["error"], 1)) for e in document["known_errors"]],
    )
    say(f"\n{first['provenance'][0].upper()}{first['provenance'][1:]}.")
    say(f"\n{NOT_MODELLED}")


def find_architecture(name: str) -> Architecture:
    """A shipped architecture, or one described in a JSON file; raises InputError."""
    shipped = load_architectures()
    if name in shipped:
        return shipped[name]
    path = Path(name)
    if not path.is_file():
        raise InputError(f"Model '{name}' is neither a file nor one of {', '.join(shipped)}.")
    where = f"Model description '{name}'"
    description = json_document(text_of(read_small(path, where, MAX_BYTES), where, MAX_BYTES, "JSON"), where)
    if not isinstance(description, dict):
        raise InputError(f"Model description '{name}' holds no keys; an object is allowed.")
    if "model_type" in description or "architectures" in description:
        return architecture_from_hf_config(description, name=_name_of(description, path))
    return parse_architecture(description, f"Model description '{name}'")


def _name_of(description: dict, path: Path) -> str:
    given = description.get("_name_or_path")
    named = given.rstrip("/").rsplit("/", 1)[-1] if isinstance(given, str) else ""
    # A file that is called like any other of its kind says nothing; its folder may.
    return named or (path.stem if path.stem != "config" else path.parent.resolve().name) or path.stem


def parse_batches(text: str) -> tuple[int, ...]:
    """`1,2,4` as (1, 2, 4); raises InputError."""
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"--batches is '{text}'; whole numbers with commas between them are allowed.") from None


def parse_measurement(text: str) -> Measurement:
    """`4,1,1=0.157` as a measurement; raises InputError."""
    configuration, _, latency_s = text.partition("=")
    try:
        pp, tp, batch = (int(part) for part in configuration.split(","))
        return Measurement(pp=pp, tp=tp, batch=batch, latency_s=float(latency_s))
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"--measured is '{text}'; PP,TP,BATCH=SECONDS such as 1,1,1=0.151 is allowed.") from None


def _print_profile(document: dict) -> None:
    say(
        f"{document['model']} on {document['device']}, {words.gib(document['weight_gib'])} of weights (modelled),"
        f" for requests of {words.count(document['sequence'])} tokens (--sequence)\n"
    )
    print_table(
        ("pp x tp", "devices", "latency", "slowest stage", "per second", "GiB a device", "communication", "imbalance"),
        [
            (f"{row['pp']} x {row['tp']}", row["devices"], seconds(row["latency_s"]), seconds(row["slowest_stage_s"]),
             words.number(row["throughput_per_s"]), words.fixed(row["weight_gib"], 2), seconds(row["communication_s"]),
             seconds(row["imbalance_s"]))
            for row in document["configurations"]
        ],
    )  # fmt: skip
    for row in document["left_out"]:
        say(f"left out: pp {row['pp']}, tp {row['tp']}: {row['reason']}")
    if document["calibration"] is not None:
        say("\nmeasured against modelled, after calibration")
        print_table(
            ("pp x tp, batch", "measured", "modelled", "error", "fitted"),
            [(f"{c['pp']} x {c['tp']}, {c['batch']}", seconds(c["measured_s"]), seconds(c["modelled_s"]),
              f"{words.signed(100 * c['error'], 1)} %", "yes" if c["fitted"] else "no")
             for c in document["calibration"]["checks"]],
        )  # fmt: skip
