"""`python -m planner COMMAND ...`."""

from __future__ import annotations

import argparse
import os
import sys
import threading
from importlib import import_module
from typing import NoReturn

from planner.commands.interrupt import INTERRUPTED
from planner.version import VERSION

COMMANDS = {
    "recommend": "which placement to use, how many devices reach a target, what a lost node costs, what limits",
    "simulate": "run every placement that is given or searched",
    "plan": "run the searches",
    "capacity": "fewest devices that reach a target, per algorithm",
    "sweep": "attainment while one or two things vary",
    "trace": "what a trace holds",
    "profile": "make a profile from a model architecture and a device",
    "export": "a placement as configuration of a serving system",
    "validate": "replay the published results and print the error table",
}


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status: 0 done, 2 input or output is wrong, 130 interrupted."""
    try:
        try:
            return _run(sys.argv[1:] if arguments is None else arguments)
        finally:
            # What is still in the buffer may be what does not fit.
            sys.stdout.flush()
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has left, for example `| head`; there is nobody to tell.
        _drop_output()
        return 0
    except OSError as error:
        # Errors of files carry their name.
        if error.filename is not None:
            raise
        _drop_output()
        print(f"Error: the output cannot be written: {error.strerror or error}.", file=sys.stderr)
        return 2


def _drop_output() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Parser(argparse.ArgumentParser):
    """One sentence for what is wrong, like every other error, in place of the usage."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"Error: {message}; `{self.prog} --help` lists what is allowed.\n")


def _parser(asked: str | None) -> argparse.ArgumentParser:
    # Only the command that is asked for is imported.
    parser = _Parser(prog="python -m planner", description="What would each placement do to this traffic?")
    parser.add_argument("--version", action="version", version=f"placement-planner {VERSION}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, help_text in COMMANDS.items():
        command = commands.add_parser(name, help=help_text)
        if name == asked:
            import_module(f"planner.commands.{name}").add_arguments(command)
    return parser


def _run(arguments: list[str]) -> int:
    args = _parser(next((a for a in arguments if not a.startswith("-")), None)).parse_args(arguments)
    from simulator import Cancelled, InputError, words

    try:
        return args.run(args)
    except InputError as error:
        print(words.typed(f"Error: {error}"), file=sys.stderr)
        return 2
    except Cancelled:
        raise KeyboardInterrupt from None


def leave(status: int) -> None:
    """End the process; at once where kernels are being compiled, which nothing can interrupt."""
    if any(thread.name == "preparation" for thread in threading.enumerate()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


def run() -> None:
    """The console command `placement-planner`."""
    leave(main())


if __name__ == "__main__":
    run()
