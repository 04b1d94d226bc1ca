"""A view as a link, and a link as a view."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit

from app.report.answers import AnswerInReport
from app.report.build import build_report
from app.report.generation import build_token_report
from app.state.answer import AnyAnswer, AnyAnswered, TokenAnswer
from app.state.drafting import with_drafts
from app.state.plannable import check_plannable
from app.state.session import Session
from planner import Comparison, Scenario
from planner.compare import filled
from planner.generation.compare import TokenComparison
from planner.scenario.inputs import SAMPLE_PREFIX
from planner.scenario.link import decode_scenario, encode_scenario, portable
from planner.scenario.schema import PlacementSection
from simulator import InputError

AREA = "link"
TOKEN, LOOKED_AT = "s", "look"
# Addresses of a workspace, see `workspace`: the one that also writes, and the one that only reads.
WRITES, READS = "w", "r"


def take_link(session: Session, parameters: Mapping[str, str]) -> None:
    """Bring the scenario of a link into force, once; what is damaged or cannot be planned leaves its sentence at AREA.

    parameters: of the address; what else stands there is read by the pages themselves.
    """
    token, view = parameters.get(TOKEN), session.views.share
    if token is None or view.taken.value == token:
        return
    view.taken.value = token
    try:
        scenario = decode_scenario(token)
        check_plannable(scenario, session.uploads)
    except InputError as error:
        session.complaints[AREA] = str(error)
        return
    session.replace(AREA, scenario)
    session.looked_at = parameters.get(LOOKED_AT)
    view.linked = session.scenario, session.looked_at


def is_link_stale(session: Session) -> bool:
    """Whether the link that the page was opened with no longer says what is shown."""
    linked = session.views.share.linked
    return linked is not None and linked != (session.scenario, session.looked_at)


def make_link(session: Session, address: str, parameters: Mapping[str, str]) -> str:
    """The address of the page as it stands, with the scenario in it; raises InputError if it is too large.

    address: without parameters. parameters: of the address, how the page looks at the scenario.
    """
    # The address of the workspace is the visitor's alone: whoever has it can change it.
    view = {name: value for name, value in parameters.items() if name not in (TOKEN, LOOKED_AT, WRITES, READS)}
    if session.looked_at is not None:
        view[LOOKED_AT] = session.looked_at
    return f"{address}?{urlencode({TOKEN: encode_scenario(scenario_to_share(session)), **view})}"


def scenario_to_share(session: Session) -> Scenario:
    """The scenario that gives another person the same numbers.

    An uploaded trace is named with its SHA-256; what a search under a time limit or a stopped search found is filled
    in, because it may find something else elsewhere. Edits that are not saved are placements of their own.
    """
    scenario, trace = session.scenario, None
    if has_uploaded_trace(scenario):
        try:
            trace = session.uploads.read_trace(scenario)
        except InputError:
            trace = None
    answer = session.answer
    found = {e.section.name: e for e in answer.shown} if answer and not answer.is_earlier else {}
    sections = [_repeatable(section, found.get(section.name)) for section in scenario.placements]
    scenario = with_drafts(scenario.model_copy(update={"placements": sections}), session.drafts.values())
    return portable(scenario, trace)


def has_uploaded_trace(scenario: Scenario) -> bool:
    """Whether the scenario replays a file that no other person has."""
    section = scenario.workload.trace
    return section is not None and not all(path.startswith(SAMPLE_PREFIX) for path in section.paths)


def is_local(address: str) -> bool:
    """Whether an address leads to the visitor's own machine."""
    return urlsplit(address).hostname in ("127.0.0.1", "localhost", "::1")


def report_of(session: Session, answer: AnyAnswer, answers: tuple[AnswerInReport, ...] = ()) -> str:
    """The report of what is shown, built once for each answer; answers: on numbers of devices, growth and losses."""
    key = (answer.inputs_key, tuple(entry.outcome_key for entry in answer.shown), answer.scenario.name, answers)
    kept = session.views.share.report
    if kept is None or kept[0] != key:
        kept = session.views.share.report = key, _built(answer, answers)
    return kept[1]


def _built(answer: AnyAnswer, answers: tuple[AnswerInReport, ...]) -> str:
    if isinstance(answer, TokenAnswer):
        tokens = tuple(entry.outcome for entry in answer.shown)
        return build_token_report(TokenComparison(answer.scenario, answer.inputs, tokens), answers=answers)
    outcomes = tuple(entry.outcome for entry in answer.shown)
    return build_report(Comparison(answer.scenario, answer.inputs, outcomes), answers=answers)


def _repeatable(section: PlacementSection, entry: AnyAnswered | None) -> PlacementSection:
    if section.search is None or entry is None:
        return section
    found = entry.outcome.search
    if section.search.time_limit_s is None and (found is None or found.stop_reason != "cancelled"):
        return section
    return filled(section, entry.outcome.placement)
