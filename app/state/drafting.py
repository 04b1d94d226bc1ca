"""A placement under the visitor's hands: where it began, every edit, and the way back and forth."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from app.panels.verdict import placement_now
from app.state.answer import Answer, AnyAnswer, AnyAnswered
from app.state.session import Session, with_values
from planner.by_hand.editing import EditContext, obey_rules
from planner.compare import placement_section
from planner.scenario.schema import MAX_PLACEMENTS, Scenario
from simulator import InputError, Placement

AREA = "draft"
MOST_STEPS = 200


@dataclass(frozen=True)
class Draft:
    """A placement that is being edited; frozen, every edit makes another one.

    Attributes:
        start_name: of the placement in the basket that it began as.
        placements: the start, and what each edit led to.
        sentences: what each edit did; one fewer than placements.
        at: the index of the placement that counts now; those after it can be redone.
    """

    start_name: str
    placements: tuple[Placement, ...]
    sentences: tuple[str, ...] = ()
    at: int = 0

    @property
    def start(self) -> Placement:
        return self.placements[0]

    @property
    def now(self) -> Placement:
        return self.placements[self.at]

    @property
    def is_changed(self) -> bool:
        """Whether it differs from its start."""
        return self.now.groups != self.start.groups

    @property
    def last(self) -> str:
        """What the last edit did, empty at the start."""
        return self.sentences[self.at - 1] if self.at else ""

    @property
    def undone(self) -> str:
        """What redo would do again, empty if nothing."""
        return self.sentences[self.at] if self.at < len(self.sentences) else ""

    def then(self, sentence: str, placement: Placement) -> Draft:
        """After one more edit; what was undone is forgotten. Of very many edits the oldest give way."""
        if placement.groups == self.now.groups:
            return self
        placements = (*self.placements[: self.at + 1], placement)
        sentences = (*self.sentences[: self.at], sentence)
        if len(sentences) > MOST_STEPS:
            placements, sentences = (placements[0], *placements[2:]), ("earlier edits", *sentences[2:])
        return Draft(self.start_name, placements, sentences, len(sentences))

    def back(self) -> Draft:
        """Before the last edit."""
        return replace(self, at=max(self.at - 1, 0))

    def forth(self) -> Draft:
        """The undone edit done again."""
        return replace(self, at=min(self.at + 1, len(self.sentences)))


def draft_from(entry: AnyAnswered) -> Draft:
    """A draft that begins as a placement of the basket; of a schedule its first placement."""
    return Draft(entry.section.name, (replace(placement_now(entry), name=f"{entry.section.name}, edited"),))


def draft_of(session: Session, answer: AnyAnswer) -> Draft:
    """The draft that the session looks at; a new one where there is none, its start is gone, or nothing was edited."""
    names = [entry.section.name for entry in answer.shown]
    wanted = session.drafting if session.drafting in names else session.looked_at
    entry = answer.entry(wanted)
    draft = session.drafts.get(entry.section.name)
    if draft is None or not draft.sentences:
        draft = draft_from(entry)
    session.drafts[draft.start_name], session.drafting = draft, draft.start_name
    return draft


def edit_draft(session: Session, sentence: str, edit: Callable[[Placement], Placement]) -> None:
    """Apply an edit to the draft; if it cannot be or breaks a rule, the draft stays and the sentence is noted."""
    session.complaints.pop(AREA, None)
    draft = session.drafts[session.drafting or ""]
    try:
        replace_draft(session, draft.then(sentence, _obeying(session, draft.now, edit(draft.now))))
    except InputError as error:
        session.complaints[AREA] = str(error)


def _obeying(session: Session, before: Placement, after: Placement) -> Placement:
    """The edited placement; raises InputError where it breaks a rule of the scenario that was kept."""
    answer = session.answer
    if not isinstance(answer, Answer) or answer.built is None:
        return after
    problem = answer.inputs.problem
    return obey_rules(before, after, EditContext(problem.models, problem.cluster, problem.rules))


def replace_draft(session: Session, draft: Draft) -> None:
    """Another draft, or another step of it; those of other placements are kept."""
    session.complaints.pop(AREA, None)
    session.drafts.pop(draft.start_name, None)
    session.drafts[draft.start_name], session.drafting = draft, draft.start_name
    while len(session.drafts) > MAX_PLACEMENTS:
        del session.drafts[next(iter(session.drafts))]


def saved(scenario: Scenario, draft: Draft, name: str) -> Scenario:
    """The scenario with the draft in the basket: in place of the placement of that name, or as one more.

    It keeps the serving rules of the placement that it began as.

    Raises InputError if the name is empty or the basket is full.
    """
    name = name.strip()
    if not name:
        raise InputError("The placement needs a name.")
    start = next((s for s in scenario.placements if s.name == draft.start_name), None)
    rules = start.serving_rules if start else {}
    section = placement_section(replace(draft.now, name=name)).model_dump() | rules
    sections = [section if s.name == name else s.model_dump() for s in scenario.placements]
    if section not in sections:
        if len(sections) >= MAX_PLACEMENTS:
            raise InputError(f"The basket is full with {MAX_PLACEMENTS} placements; take one out or overwrite one.")
        sections.append(section)
    return with_values(scenario, "", placements=sections)


def with_drafts(scenario: Scenario, drafts: Iterable[Draft]) -> Scenario:
    """The scenario with unsaved edits as placements of their own; in a full basket in place of what they began as."""
    for draft in drafts:
        is_full = len(scenario.placements) >= MAX_PLACEMENTS
        if draft.is_changed and not (is_full and all(s.name != draft.start_name for s in scenario.placements)):
            scenario = saved(scenario, draft, draft.start_name if is_full else free_name(scenario, draft.now.name))
    return scenario


def free_name(scenario: Scenario, name: str) -> str:
    """The name, with a number behind it if another placement has it."""
    taken = {section.name for section in scenario.placements}
    names = [name, *(f"{name} ({i})" for i in range(2, len(taken) + 3))]
    return next(candidate for candidate in names if candidate not in taken)
