"""`fit`: make a profile of a model that generates from one's own measurements."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from planner.commands.interrupt import Interrupt
from planner.commands.options import check_output, positive_number, whole_file, whole_number
from planner.commands.profile import find_architecture
from planner.commands.report import ProgressLine, print_json, print_notices, print_table, say
from planner.generation.fit_log import MeasuredOn, OwnFit, fit_measurements, measured_on
from planner.generation.known_errors import NOT_MODELLED
from planner.generation.request_log import load_measurements
from planner.generation.vllm_runs import PLENTY_BLOCKS
from simulator import InputError, words
from simulator.generation import EngineLimits
from simulator.generation.catalogue import generation_document
from simulator.generation.engine import (
    COEFFICIENTS,
    MAX_BATCHED_TOKENS,
    MAX_BLOCK_SIZE,
    MAX_ENGINES,
    MAX_SEQUENCES,
)

PARTS = ("mean", "p50", "p90", "p99")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    limits = EngineLimits()
    parser.add_argument(
        "log", metavar="LOG", help="requests of vLLM or SGLang, or a benchmark's closed loops (JSON, CSV)"
    )
    parser.add_argument("--model", metavar="MODEL", help="a shipped one, a Hugging Face config.json, or a description")
    parser.add_argument("--name", help="what the profile is called (default: the model)")
    parser.add_argument("--device", required=True, help="the device it ran on, as in cluster.device")
    parser.add_argument("--tp", default="1", help="devices of an engine (default 1)")
    parser.add_argument("--engines", default="1", help="engines behind the log (default 1)")
    parser.add_argument("--kv-bytes-per-token", metavar="N", help="of each device, where there is no --model")
    parser.add_argument("--weight-gib", metavar="GIB", help="of each device, where there is no --model")
    parser.add_argument("--max-num-batched-tokens", metavar="N", default=str(limits.max_num_batched_tokens))
    parser.add_argument("--max-num-seqs", metavar="N", default=str(limits.max_num_seqs))
    parser.add_argument("--kv-blocks", metavar="N", help="blocks of the cache (default: more than were needed)")
    parser.add_argument("--block-size", metavar="N", default=str(limits.block_size))
    parser.add_argument("--out", metavar="PROFILES.json", help="write the catalogue that a scenario's `profiles` reads")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Read, fit, print, and write the catalogue where asked."""
    check_output("--out", args.out)
    where, limits = _where(args), _limits(args)
    engines = whole_number("--engines", args.engines, 1, MAX_ENGINES)
    measured = load_measurements(args.log, limits, engines)
    with Interrupt() as interrupt:
        fit = fit_measurements(measured, where, Path(args.log).name, ProgressLine(interrupt))
    print_notices(fit.notices)
    catalogue = generation_document([fit.profile])
    if args.json:
        print_json(
            {"profile": asdict(fit.profile), **fit.to_json(), "catalogue": catalogue, "not_modelled": NOT_MODELLED}
        )
    else:
        _print_fit(fit)
    # Last, so that a full disk does not take the profile along.
    if args.out is not None:
        with whole_file("--out", args.out) as unfinished:
            unfinished.write_text(json.dumps(catalogue, indent=1) + "\n", encoding="utf-8")
    return 0


def _where(args: argparse.Namespace) -> MeasuredOn:
    tp = whole_number("--tp", args.tp, 1, 1024)
    if args.model is not None:
        architecture = find_architecture(args.model)
        return measured_on(architecture, args.name or architecture.name, args.device, tp)
    for option, given in (("--kv-bytes-per-token", args.kv_bytes_per_token), ("--weight-gib", args.weight_gib),
                          ("--name", args.name)):  # fmt: skip
        if given is None:
            raise InputError(f"{option} is missing; give it, or --model, which tells cache and weights.")
    return MeasuredOn(
        args.name, args.device, tp, positive_number("--kv-bytes-per-token", args.kv_bytes_per_token, 1e12),
        positive_number("--weight-gib", args.weight_gib, 1e6),
    )  # fmt: skip


def _limits(args: argparse.Namespace) -> EngineLimits:
    blocks = PLENTY_BLOCKS if args.kv_blocks is None else whole_number("--kv-blocks", args.kv_blocks, 1, 10**12)
    return EngineLimits(
        whole_number("--max-num-batched-tokens", args.max_num_batched_tokens, 1, MAX_BATCHED_TOKENS),
        whole_number("--max-num-seqs", args.max_num_seqs, 1, MAX_SEQUENCES), blocks,
        whole_number("--block-size", args.block_size, 1, MAX_BLOCK_SIZE),
    )  # fmt: skip


def _print_fit(fit: OwnFit) -> None:
    profile = fit.profile
    say(f"{profile.name} on {profile.device}, tp {profile.tp}, {profile.provenance}\n")
    print_table(
        ("an iteration", "value"),
        [(name, f"{getattr(profile, name):.6g}") for name in COEFFICIENTS if getattr(profile, name)],
    )
    if fit.errors:
        say("\nsimulated over measured less 1, in percent")
        rows = [(name.upper(), *(words.signed(100 * fit.errors[f"{name}_{part}"], 1) for part in PARTS))
                for name in ("ttft", "tpot", "e2e")]  # fmt: skip
        print_table(("", *PARTS), rows)
    say(f"\n{fit.verdict}")
    say(f"\n{NOT_MODELLED}")
