"""A scenario as a token for a link: small, safe in a URL, and checked when it is read."""

from __future__ import annotations

import base64
import binascii
import json
import re
import zlib
from typing import TYPE_CHECKING

from pydantic import ValidationError

from planner.compare import Comparison, filled
from planner.scenario.inputs import SAMPLE_PREFIX
from planner.scenario.schema import Scenario, TraceSection
from simulator import InputError, words
from simulator.schema import first_problem
from simulator.traces import Trace

if TYPE_CHECKING:
    from planner.generation.compare import TokenComparison

# What the token begins with; a later form gets another one, and old links stay readable.
TOKEN_PREFIX = "s1."
# Browsers and proxies take links of 8,000 characters; the address of the page needs some of them.
MAX_TOKEN_CHARACTERS = 6_000
MAX_SCENARIO_BYTES = 1024**2
_BROKEN = "This link is damaged: {}. Ask for it again, or for the scenario as a file."


def encode_scenario(scenario: Scenario) -> str:
    """A scenario as a token of letters, digits, "-", "_" and "."; decode_scenario gives the same scenario.

    JSON without what has its default value, deflated (RFC 1950, whose checksum tells damage), in base64url (RFC 4648)
    without padding, after TOKEN_PREFIX. The folder of the scenario is not part of it; uploaded traces and profiles are
    named, not carried (see `portable`).

    Raises InputError if the token would be longer than MAX_TOKEN_CHARACTERS.
    """
    document = scenario.model_dump(mode="json", exclude_defaults=True)
    content = json.dumps(document, separators=(",", ":")).encode()
    token = TOKEN_PREFIX + base64.urlsafe_b64encode(zlib.compress(content, 9)).decode().rstrip("=")
    if len(token) > MAX_TOKEN_CHARACTERS or len(content) > MAX_SCENARIO_BYTES:
        raise InputError(
            f"The scenario is too large for a link ({words.count(len(token))} characters; at most "
            f"{words.count(MAX_TOKEN_CHARACTERS)} are "
            "allowed); download it as a YAML file and send that."
        )
    return token


def decode_scenario(token: str) -> Scenario:
    """The scenario in a token of encode_scenario.

    Raises InputError if it is too long, damaged, unpacks to more than MAX_SCENARIO_BYTES, or holds no valid scenario.
    """
    if len(token) > MAX_TOKEN_CHARACTERS:
        raise InputError(
            f"This link holds {words.count(len(token))} characters; at most {words.count(MAX_TOKEN_CHARACTERS)} are "
            f"allowed. "
            "Ask for the scenario as a file."
        )
    if not token.startswith(TOKEN_PREFIX):
        raise InputError(
            f"This link begins with {token[: len(TOKEN_PREFIX)]!r}; {TOKEN_PREFIX!r} is allowed. It may come from "
            "another version; ask for the scenario as a file."
        )
    content = _unpacked(token.removeprefix(TOKEN_PREFIX))
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise InputError(_BROKEN.format("what it holds is not JSON")) from None
    try:
        return Scenario.model_validate(document)
    except ValidationError as error:
        problem = first_problem(error, document, lambda path: ".".join(map(str, path)) or "the scenario", Scenario)
        raise InputError(_BROKEN.format(problem.removesuffix("."))) from None


def portable(scenario: Scenario, trace: Trace | None = None) -> Scenario:
    """The scenario as another person can use it: uploaded traces by file name and SHA-256, without folders.

    trace: what was read for it, whose digest is noted so that the receiver's file is checked; samples need none.
    """
    section = scenario.workload.trace
    if section is None or all(path.startswith(SAMPLE_PREFIX) for path in section.paths):
        return scenario
    names = [path if path.startswith(SAMPLE_PREFIX) else re.split(r"[/\\]", path)[-1] for path in section.paths]
    changes = {"path": names[0] if isinstance(section.path, str) else names}
    if trace is not None:
        changes["sha256"] = trace.digest
    named = TraceSection.model_validate(section.model_dump() | changes)
    workload = scenario.workload.model_copy(update={"trace": named})
    return scenario.model_copy(update={"workload": workload})


def repeatable(comparison: Comparison | TokenComparison) -> Scenario:
    """The scenario that gives the comparison again, to the last digit: searched placements are filled in as found
    (a search under a time limit may find another one), and the trace is named by its SHA-256.
    """
    scenario = portable(comparison.scenario, comparison.inputs.trace)
    given = {section.name: section for section in scenario.placements}
    sections = [filled(given[o.name], o.placement) for o in comparison.outcomes]
    return scenario.model_copy(update={"placements": sections})


def _unpacked(text: str) -> bytes:
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        unpacker = zlib.decompressobj()
        content = unpacker.decompress(packed, MAX_SCENARIO_BYTES)
    except (binascii.Error, ValueError, zlib.error):
        raise InputError(_BROKEN.format("some characters are missing or changed")) from None
    if unpacker.unconsumed_tail:
        raise InputError(_BROKEN.format(f"it unpacks to more than {words.count(MAX_SCENARIO_BYTES)} bytes"))
    if not unpacker.eof or unpacker.unused_data:
        raise InputError(_BROKEN.format("some characters are missing or changed"))
    return content
