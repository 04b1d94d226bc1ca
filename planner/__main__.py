"""`python -m planner COMMAND ...`."""

from __future__ import annotations

import argparse
import os
import sys

from planner.commands import capacity, export, plan, profile, simulate, sweep, trace, validate
from planner.commands.interrupt import INTERRUPTED
from planner.search import SEARCHING
from simulator import Cancelled, InputError
from simulator.preparation import BATCHING, SIMULATING

COMMANDS = (simulate, plan, capacity, sweep, trace, profile, export, validate)


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status: 0 done, 2 the input is wrong, 130 interrupted."""
    parser = argparse.ArgumentParser(
        prog="python -m planner", description="What would each placement do to this traffic?"
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add_parser(commands)
    args = parser.parse_args(arguments)
    try:
        return args.run(args)
    except InputError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    except (KeyboardInterrupt, Cancelled):
        print("Interrupted.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has left, for example `| head`; there is nobody to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def leave(status: int) -> None:
    """End the process; at once where kernels are being compiled, which nothing can interrupt."""
    if SIMULATING.is_under_way or BATCHING.is_under_way or SEARCHING.is_under_way:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


if __name__ == "__main__":
    leave(main())
