"""The arguments of the command line."""

from __future__ import annotations

import argparse
from importlib import import_module
from typing import NoReturn

from planner.version import VERSION

COMMANDS = {
    "recommend": "which placement to use, how many devices reach a target, what a lost node costs, what limits",
    "simulate": "run every placement that is given or searched",
    "plan": "run the searches",
    "capacity": "fewest devices that reach a target, per algorithm",
    "sweep": "attainment while one or two things vary",
    "trace": "what a trace holds",
    "profile": "make a profile from a model architecture and a device",
    "fit": "make a profile of a model that generates from your own request log or benchmark",
    "export": "a placement as configuration of a serving system",
    "robustness": "whether the ranking of placements survives errors in latencies and other traffic",
    "reproduce": "run a figure of the paper again: 12, 13, 14, 15 or 17",
    "validate": "replay the published results and print the error table",
}


class _Parser(argparse.ArgumentParser):
    """One sentence for what is wrong, like every other error, in place of the usage."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"Error: {message}; `{self.prog} --help` lists what is allowed.\n")


def build_parser(asked: str | None) -> argparse.ArgumentParser:
    """The parser of all commands; only the command that is asked for is imported, and knows its arguments."""
    parser = _Parser(prog="python -m planner", description="What would each placement do to this traffic?")
    parser.add_argument("--version", action="version", version=f"placement-planner {VERSION}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, help_text in COMMANDS.items():
        command = commands.add_parser(name, help=help_text)
        if name == asked:
            import_module(f"planner.commands.{name}").add_arguments(command)
    return parser
