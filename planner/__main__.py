"""`python -m planner COMMAND ...`."""

from __future__ import annotations

# Whatever takes a moment to import is imported where an interrupt is caught.
import os
import sys
from typing import TextIO


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status: 0 done, 2 input or output is wrong, 130 interrupted."""
    # Where standard output or error are closed, nobody wants what is said there.
    sys.stdout, sys.stderr = sys.stdout or _nowhere(), sys.stderr or _nowhere()
    try:
        try:
            return _run(sys.argv[1:] if arguments is None else arguments)
        finally:
            # What is still in the buffer may be what does not fit.
            sys.stdout.flush()
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130
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


def _nowhere() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")


def _drop_output() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(arguments: list[str]) -> int:
    from planner.commands.parser import build_parser

    args = build_parser(next((a for a in arguments if not a.startswith("-")), None)).parse_args(arguments)
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
    import signal
    import threading

    # All is said: from here on Ctrl-C ends the process at once, without a traceback of what ends anyway.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
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
