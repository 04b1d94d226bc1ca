"""A session as the parts of a workspace, and back: explicit documents with a version, one a kind of thing."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict
from typing import Any

from pydantic import TypeAdapter

from app.background.jobs import Job, Lane
from app.background.slots import JobSlot
from app.look import words
from app.state.advice import AREA as ADVICE
from app.state.drafting import Draft
from app.state.first_scenario import first_scenario
from app.state.importing import TableImport
from app.state.kept import VERSION, Kept
from app.state.session import Session, checked_scenario
from app.state.typed_json import from_json, to_json
from app.state.uploads import PROFILES, UploadedFile
from app.store import Part
from planner.generation.what_if import TokenCapacity, TokenPoint
from planner.parallelise.architectures import Architecture
from planner.scenario.schema import PlacementSection, Scenario
from planner.search import SearchResult
from planner.what_if.capacity import Capacity
from planner.what_if.growth import Growth
from planner.what_if.recommend import Recommendation
from planner.what_if.spare import SparePlan
from planner.what_if.sweep import Sweep
from simulator import InputError
from simulator.traces import Columns

# The parts, and what they are called in sentences.
TITLES = {
    "scenario": "the scenario",
    "undo": "what Undo goes back to",
    "uploads": "the uploads",
    "drafts": "edited placements",
    "found": "found placements",
    "results": "plans and sweeps",
    "histories": "loaded histories",
    "architectures": "loaded model descriptions",
    "view": "how the pages look",
}
# Two tabs never agree about this, and nobody minds.
NEVER_ALIKE = ("view",)
# What the searches of two tabs found is kept together.
TOGETHER = "found"
# Results of these areas of the pages are kept; others are made again at once.
_RESULTS = {
    "capacity": tuple[Capacity, Scenario],
    "growth": tuple[Growth, Scenario],
    "spare": tuple[tuple[SparePlan, ...], Scenario],
    "sweep": tuple[Sweep, Scenario],
    "rate-map": tuple[Sweep, Scenario],
    "capacity of generating models": tuple[list[TokenCapacity], Scenario, list[PlacementSection]],
    "sweep of generating models": tuple[list[TokenPoint], str],
    ADVICE: Recommendation,
}
_COLUMNS = TypeAdapter(Columns)
MOST_FOUND = 32
_MOST_VIEW_CHARACTERS = 200_000


def in_words(keys: Collection[str]) -> str:
    """What parts with these keys are called, together; empty where nobody needs to hear of them."""
    return words.join([title for key, title in TITLES.items() if key in keys and key not in (*NEVER_ALIKE, TOGETHER)])


def is_worth_keeping(session: Session) -> bool:
    """Whether the visitor has done anything that a new session would not show anyway."""
    # What the placements of the first scenario find, every visitor is shown; that he stopped a search is his.
    searches = session.jobs.all(Lane.SEARCH)
    loaded = session.uploads.files or session.views.profile.architectures or session.views.replay.histories
    done = session.undo or loaded or any(job.is_stopped for job in searches)
    return bool(done) or session.scenario != first_scenario() or any(map(_is_asked, session.slots.values()))


def _is_asked(slot: JobSlot) -> bool:
    # What begins without the visitor is his once he stopped it.
    return slot.job is not None and (slot.job.is_stopped or not slot.job.by_itself)


def marks(session: Session) -> list[object]:
    """What tells, compared one by one with `is` or as text, whether a session may have changed; quickly made."""
    answer = session.answer
    jobs = [(job, job.result, job.progress and job.progress.placement) for job in session.jobs.all()]
    return [
        session.scenario, answer and answer.shown, json.dumps(_view(session)),
        *(files for files in list(session.uploads.files.values())),
        *(draft for draft in list(session.drafts.values())),
        *(slot.last for area, slot in list(session.slots.items()) if area in _RESULTS),
        *list(session.views.replay.histories.values()),
        *list(session.views.profile.architectures.values()),
        *(item for row in jobs for item in row),
    ]  # fmt: skip


def documents(session: Session, bring: Callable[[bytes], str], kept: Kept) -> dict[str, Part]:
    """The parts of a session by key. bring: puts a file into the store and gives its SHA-256.

    May be called from another thread than the page's.
    """
    files = {key: [_stored(file, bring) for file in group] for key, group in list(session.uploads.files.items())}
    digests = tuple(row["sha256"] for rows in files.values() for row in rows)
    made: dict[str, tuple[Any, tuple[str, ...]]] = {
        "scenario": (_scenario(session.scenario), ()),
        "undo": ([_scenario(earlier) for earlier in list(session.undo)], ()),
        "uploads": ([_upload(session, key, rows) for key, rows in files.items()], digests),
        "drafts": ([to_json(draft) for draft in list(session.drafts.values()) if draft.sentences], ()),
        "results": (_results(session), ()),
        "architectures": (_architectures(session), ()),
        "view": (_view(session), ()),
    }
    results, histories = found_by_now(session), dict(session.views.replay.histories)
    files = kept.others | {key: kept.file_of(result, bring) for key, result in results.items()}
    found = [[key, digest] for key, digest in files.items()][-MOST_FOUND:]
    made["found"] = (found, tuple(digest for _, digest in found))
    loaded = [[name, kept.file_of(result, bring)] for name, result in histories.items()]
    made["histories"] = (loaded, tuple(digest for _, digest in loaded))
    kept.forget_but([*results.values(), *histories.values()])
    return {key: Part({"version": VERSION, "content": content}, blobs) for key, (content, blobs) in made.items()}


def found_by_now(session: Session) -> dict[str, SearchResult]:
    """What the searches of the session have found by run key, also those that still run; the latest last.

    Of a running search it is the best so far, as if it had been stopped there.
    """
    found, algorithms, answer = dict(session.found), {}, session.answer
    for entry in (*answer.shown, *answer.waiting) if answer else ():
        if entry.section.search is not None:
            algorithms[entry.run_key] = entry.section.search.algorithm
    for entry in answer.shown if answer and not answer.is_earlier else ():
        if entry.outcome.search is not None:
            found.pop(entry.run_key, None)
            found[entry.run_key] = entry.outcome.search
    for key, job in list(session.jobs.by_key.items()):
        best = _best_by_now(job, algorithms[key]) if key in algorithms else None
        if best is not None:
            found.pop(key, None)
            found[key] = best
    return dict(list(found.items())[-MOST_FOUND:])


def restore(session: Session, parts: Mapping[str, Part], fetch: Callable[[str], bytes]) -> list[str]:
    """Bring parts into a new session; gives a sentence for each part that cannot be read, which is left out.

    fetch: gives a file of the store by its SHA-256.
    """
    readers: dict[str, Callable[[Session, Any, Callable[[str], bytes]], None]] = {
        "uploads": _take_uploads,
        "scenario": _take_scenario,
        "undo": _take_undo,
        "drafts": _take_drafts,
        "found": _take_found,
        "results": _take_results,
        "histories": _take_histories,
        "architectures": _take_architectures,
        "view": _take_view,
    }
    problems = []
    for key, read in readers.items():
        if key not in parts:
            continue
        try:
            document = parts[key].document
            if not isinstance(document, dict) or document.get("version") != VERSION:
                raise InputError("it was written by another version of this program.")
            read(session, document["content"], fetch)
        except (InputError, KeyError, TypeError, ValueError, AttributeError) as error:
            problems.append(f"What was kept of {TITLES[key]} cannot be read: {error}")
    session.edition += 1
    return problems


def scenario_in(parts: Mapping[str, Part]) -> Scenario:
    """The scenario in the parts of a workspace; raises InputError."""
    if "scenario" not in parts:
        return first_scenario()
    document = parts["scenario"].document
    if not isinstance(document, dict) or document.get("version") != VERSION:
        raise InputError("This version was written by another version of this program.")
    return checked_scenario(document["content"])


def _scenario(scenario: Scenario) -> dict:
    return scenario.model_dump(mode="json", exclude_defaults=True)


def _upload(session: Session, key: tuple[str, ...], rows: list[dict]) -> dict:
    columns = session.uploads.mappings.get(key)
    return {"key": list(key), "files": rows, "columns": None if columns is None else asdict(columns)}


def _stored(file: UploadedFile, bring: Callable[[bytes], str]) -> dict:
    if file.sha256 is None and file.content is not None:
        file.sha256 = bring(file.content)
    return {"name": file.name, "sha256": file.sha256}


def _search_of(content: bytes) -> SearchResult:
    return from_json(SearchResult, json.loads(content)["search"])


def _best_by_now(job: Job, algorithm: str) -> SearchResult | None:
    if job.result is not None:
        return job.result.search
    now = job.progress
    if now is None or now.placement is None or now.best_score is None:
        return None
    return SearchResult(
        algorithm, now.placement, now.best_score, now.seconds, now.evaluations, "cancelled", now.steps
    )  # fmt: skip


def _results(session: Session) -> dict:
    slots = {area: session.slots.get(area) for area in _RESULTS}
    return {
        area: {"key": slot.last.key, "result": to_json(slot.last.result)}
        for area, slot in slots.items()
        if slot is not None and slot.last is not None
    }


def _architectures(session: Session) -> dict:
    loaded = session.views.profile.architectures
    return {name: value.model_dump(mode="json") for name, value in list(loaded.items())}


def _view(session: Session) -> dict:
    views = session.views.saved()
    view = {"views": views, "looked_at": session.looked_at, "drafting": session.drafting, "hues": dict(session.hues)}
    return view if len(json.dumps(view)) <= _MOST_VIEW_CHARACTERS else view | {"views": {}}


def _take_scenario(session: Session, content: Any, _fetch: Any) -> None:
    session.scenario = checked_scenario(content)


def _take_undo(session: Session, content: Any, _fetch: Any) -> None:
    session.undo = [checked_scenario(document) for document in content]


def _take_uploads(session: Session, content: Any, fetch: Callable[[str], bytes]) -> None:
    had, session.uploads.files = session.uploads.files, {}
    for row in content:
        stored = [(str(file["name"]), str(file["sha256"])) for file in row["files"]]
        key, files = tuple(row["key"]), tuple(UploadedFile(name, None, sha256) for name, sha256 in stored)
        # Another tab of the workspace may have read the same files already.
        is_read = key in session.uploads.traces and had.get(key) == files
        if key[0] == PROFILES:
            session.uploads.add_profiles(key[1], fetch(stored[0][1]))
        elif not is_read:
            columns = None if row["columns"] is None else _COLUMNS.validate_python(row["columns"])
            contents = [(name, fetch(sha256)) for name, sha256 in stored]
            session.uploads.add_trace(contents, key, columns)
            if columns is not None:
                session.uploads.table = TableImport(contents, columns)
        session.uploads.files[key] = files


def _take_drafts(session: Session, content: Any, _fetch: Any) -> None:
    drafts = [from_json(Draft, document) for document in content]
    session.drafts = {draft.start_name: draft for draft in drafts}


def _take_found(session: Session, content: Any, fetch: Callable[[str], bytes]) -> None:
    session.found = {key: _search_of(fetch(digest)) for key, digest in content}


def _take_results(session: Session, content: Any, _fetch: Any) -> None:
    for area, row in content.items():
        result = from_json(_RESULTS[area], row["result"])
        job = Job(row["key"], lambda _, result=result: result)
        job.run()
        session.slots[area] = JobSlot(job, job)


def _take_histories(session: Session, content: Any, fetch: Callable[[str], bytes]) -> None:
    session.views.replay.histories = {name: _search_of(fetch(digest)) for name, digest in content}


def _take_architectures(session: Session, content: Any, _fetch: Any) -> None:
    session.views.profile.architectures = {name: Architecture.model_validate(row) for name, row in content.items()}


def _take_view(session: Session, content: Any, _fetch: Any) -> None:
    session.views.take(content["views"])
    session.looked_at, session.drafting = content["looked_at"], content["drafting"]
    session.hues = dict(content["hues"])
