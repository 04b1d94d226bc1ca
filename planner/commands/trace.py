"""`trace`: what a trace holds."""

from __future__ import annotations

import argparse

from planner.commands.report import percent, print_json, print_notices, print_table, say
from planner.scenario.inputs import SAMPLE_PREFIX
from sample_traces import sample_paths
from simulator import words
from simulator.traces import FORMATS, TraceSummary, parse_columns, read_trace, summarise

SOURCES_SHOWN = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", nargs="+", help="one or several files, or sample:NAME")
    parser.add_argument("--format", default="auto", choices=("auto", *FORMATS), help="only where formats look alike")
    parser.add_argument(
        "--columns", metavar="KEY=COLUMN,...",
        help="which column of any table is what, such as time=ts,model=route,unit=ms; the keys of "
        "workload.trace.columns",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Read and summarise."""
    paths: list = []
    for name in args.file:
        paths.extend(sample_paths(name.removeprefix(SAMPLE_PREFIX)) if name.startswith(SAMPLE_PREFIX) else [name])
    columns = parse_columns(args.columns) if args.columns is not None else None
    trace = read_trace(paths, args.format, columns=columns)
    print_notices(trace.notices)
    summary = summarise(trace)
    if args.json:
        mapping = {} if trace.columns is None else {"columns": trace.columns.to_document()}
        print_json(summary.to_json() | mapping)
    else:
        _print_summary(summary)
    return 0


def _print_summary(summary: TraceSummary) -> None:
    document = summary.to_json()
    cv = "unknown (counts)" if document["cv"] is None else words.number(document["cv"])
    say(f"format        {document['format']} ({FORMATS.get(document['format'], 'several formats')})")
    say(f"requests      {words.count(document['requests'])}")
    say(f"span          {words.clock(document['span_s'])}")
    say(f"rate          {words.rate(document['rate_per_s'])}")
    say(f"CV            {cv}")
    bins = "its windows" if summary.peak_bin_s is None else f"stretches of {summary.peak_bin_s:g} s"
    say(f"peak to mean  {words.number(document['peak_to_mean'])} (the busiest of {bins})")
    sources = document["sources"]
    total = max(document["requests"], 1)
    say(f"sources       {words.count(len(sources))}\n")
    print_table(
        ("source", "requests", "share"),
        [(s["name"], words.count(s["requests"]), percent(s["requests"] / total)) for s in sources[:SOURCES_SHOWN]],
    )
    if len(sources) > SOURCES_SHOWN:
        say(f"... and {words.count(len(sources) - SOURCES_SHOWN)} more")
