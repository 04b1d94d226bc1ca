"""How far the token simulator was off measured systems when it was last compared, and what it leaves out.

`planner.generation.evidence` compares anew; the fitting which that needs is not loaded for reading the result.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

# Written by `python -m planner validate --generation FOLDER --write`.
ERRORS_FILE = Path(__file__).with_name("evidence.json")
NOT_MODELLED = (
    "Not modelled: prefix cache hits, speculative decoding, swapping of LoRA adapters, pipeline bubbles of "
    "token-level pipeline parallelism, power."
)
NOT_VALIDATED = (
    "Not validated: prompts and later tokens are computed by different engines here, and that was compared with no "
    "measured system."
)


@dataclass(frozen=True)
class Error:
    """One line of the table.

    Attributes:
        check: against what. case: which run, deployment or stage. quantity: of what.
        error: relative, ours over measured less 1; for quantities that end in "|error|" the median of absolute ones.
    """

    check: str
    case: str
    quantity: str
    error: float


@cache
def known_generation_errors() -> tuple[Error, ...]:
    """The errors as last measured."""
    return tuple(Error(**row) for row in json.loads(ERRORS_FILE.read_text(encoding="utf-8")))


def write_generation_errors(errors: Sequence[Error]) -> None:
    """Keep errors for `known_generation_errors`."""
    ERRORS_FILE.write_text(json.dumps([asdict(e) for e in errors], indent=1) + "\n", encoding="utf-8")
