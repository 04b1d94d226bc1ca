"""The library behind its page: versions of a session's workspace, two of them together, and one as a file."""

from __future__ import annotations

import secrets

from app.state.keeping import begin_if_worth_it, shared_keeper
from app.state.kept import Keeping
from app.state.saved import scenario_in
from app.state.session import Session, with_values
from app.state.workspace import own_id, writable_id
from app.store import StoreError, Version, WorkspaceStore, new_workspace_id
from app.store.contract import shared_copy_id
from app.store.transfer import export_file, import_file
from planner.scenario.schema import MAX_PLACEMENTS, Scenario
from simulator import InputError

# What the sections of a scenario are called; the placements are compared themselves.
_SECTIONS = {
    "models": "the models and their deadlines",
    "cluster": "the cluster",
    "workload": "the traffic",
    "serving": "the serving rules",
    "profiles": "the profiles file",
}


def store() -> WorkspaceStore:
    """The store of this server; raises StoreError."""
    return shared_keeper().store


def begin(session: Session) -> None:
    """Keep what a session shows now if it is worth it and the background has not come to it yet; raises InputError."""
    begin_if_worth_it(session)
    if session.keeping.workspace is not None:
        _save(session)


def add_version(session: Session, name: str, notes: str) -> Version:
    """Give what the session shows now a name; raises StoreError."""
    _save(session)
    # Not what is kept: that may be another tab's.
    return store().add_version(writable_id(session), name, notes, shared_keeper().parts_of(session))


def export(session: Session) -> bytes:
    """What the session shows now, with its versions, as a file; raises StoreError."""
    _save(session)
    return export_file(store(), writable_id(session))


def take_in(session: Session, content: bytes, name: str) -> str:
    """The address of a new workspace with what an exported file holds; raises StoreError."""
    return import_file(store(), content, name, new_workspace_id(session.owner))


def delete(session: Session) -> None:
    """Delete the workspace of a session, which begins anew; raises StoreError."""
    store().delete(writable_id(session))
    for job in session.jobs.all():
        job.stop()
    fresh = Session(
        name=session.name, presence=session.presence, owner=session.owner, controls=session.controls, keeping=Keeping()
    )
    fresh.refused, fresh.edition = session.refused + 1, session.edition + 1
    vars(session).update(vars(fresh))


def shared_copy(session: Session) -> str | None:
    """The address that only reads the copy that was shared last; None where there is none, or it was taken back."""
    workspace = own_id(session)
    if workspace is None:
        return None
    copy = shared_copy_id(workspace, session.views.share.copies.value or 0)
    try:
        store().versions(copy)
    except StoreError:
        return None
    return store().read_only_id(copy)


def share_copy(session: Session) -> None:
    """Make a copy of what the session shows now that others can read; raises StoreError."""
    _save(session)
    # Not what is kept: that may be another tab's, which may have shared copies of its own, too.
    number = secrets.randbits(48)
    store().begin_with(shared_copy_id(writable_id(session), number), shared_keeper().parts_of(session))
    session.views.share.copies.value = number


def take_back_copy(session: Session) -> None:
    """Nobody can read the copy any more that was shared last; raises StoreError."""
    store().delete(shared_copy_id(writable_id(session), session.views.share.copies.value or 0))


def scenario_of(session: Session, number: int) -> Scenario:
    """The scenario of a version; 0: as it is now. Raises InputError."""
    return session.scenario if number == 0 else scenario_in(store().read_version(writable_id(session), number))


def difference(first: Scenario, second: Scenario) -> str:
    """In what two scenarios differ besides their placements, a sentence."""
    differing = [title for key, title in _SECTIONS.items() if getattr(first, key) != getattr(second, key)]
    names = [{section.name for section in scenario.placements} for scenario in (first, second)]
    placements = "They have the same placements." if first.placements == second.placements else (
        f"{len(names[0] - names[1])} placements are only in the first, {len(names[1] - names[0])} only in the second."
    )  # fmt: skip
    if not differing:
        return f"Traffic, models, cluster and serving rules are the same. {placements}"
    said = ", ".join(differing[:-1]) + " and " + differing[-1] if len(differing) > 1 else differing[0]
    return f"They differ in {said}. {placements}"


def together(first: Scenario, second: Scenario, first_title: str, second_title: str) -> Scenario:
    """The first scenario with the placements of both, named after where they come from where that is needed.

    Raises InputError if they are too many or do not fit the first scenario's keys.
    """
    taken = [section.model_dump() for section in first.placements]
    known = {section.name: section for section in first.placements}
    for section in second.placements:
        if known.get(section.name) != section:
            name = f"{section.name} ({second_title})" if section.name in known else section.name
            taken.append(section.model_dump() | {"name": name})
    if len(taken) > MAX_PLACEMENTS:
        raise InputError(
            f"{first_title} and {second_title} have {len(taken)} placements together; at most {MAX_PLACEMENTS} can be "
            "compared. Take some out first."
        )
    return with_values(first, "", placements=taken)


def _save(session: Session) -> None:
    shared_keeper().save(session)
    if session.keeping.problem:
        raise InputError(session.keeping.problem)
