"""Stores that the tests use; the one in memory is written for reading: what the real one must do."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count

from app.state.kept import Keeping, Kept
from app.state.saved import documents, restore
from app.state.session import Session
from app.store import Changed, Limits, Loaded, StoreError, Usage, Version, WorkspaceStore, new_workspace_id
from app.store.contract import UNKNOWN, MissingBlob, check_id, check_new_version, check_title, read_only_id
from app.store.sql import SqlStore


def sql_store(folder, url=None, **options):
    """A store over SQLite in a folder, or over another database with its files there."""
    return SqlStore(url or f"sqlite:///{folder / 'workspaces.sqlite3'}", folder / "files", **options)


def begin(store):
    address = new_workspace_id()
    store.create(address)
    return address


@dataclass
class Workspace:
    revision: int = 0
    parts: dict = field(default_factory=dict)  # key -> (revision, part or None)
    versions: dict = field(default_factory=dict)  # number -> (version, parts)
    deleted_versions: set = field(default_factory=set)
    is_deleted: bool = False

    def now(self):
        return {key: part for key, (_, part) in self.parts.items() if part is not None}


class MemoryStore(WorkspaceStore):
    def __init__(self):
        self.workspaces, self.blobs, self.readers = {}, {}, {}

    def create(self, workspace):
        if check_id(workspace) not in self.workspaces:
            self.workspaces[workspace] = Workspace()
            self.readers[read_only_id(workspace)] = workspace

    def load(self, address):
        found = self._at(address)
        return Loaded(found.revision, found.now(), address in self.workspaces)

    def save(self, workspace, parts, seen, over=()):
        found = self._writable(workspace)
        elsewhere = tuple(sorted(key for key, (revision, _) in found.parts.items() if revision > seen))
        if {*parts} & {*elsewhere} - {*over}:
            return Changed(found.revision, elsewhere, False)
        self._check_there(parts)
        if parts:
            found.revision += 1
            # Through text, so that the store shares nothing with the caller.
            copies = {k: p and replace(p, document=json.loads(p.text(k))) for k, p in parts.items()}
            found.parts |= {key: (found.revision, part) for key, part in copies.items()}
        return Changed(found.revision, elsewhere)

    def put_blob(self, content):
        digest = hashlib.sha256(content).hexdigest()
        self.blobs[digest] = content
        return digest

    def get_blob(self, address, digest):
        found = self._at(address)
        states = [found.now(), *(parts for _, parts in found.versions.values())]
        if not any(digest in part.blobs for parts in states for part in parts.values()):
            raise StoreError("Nobody names it.")
        return self.blobs[digest]

    def versions(self, address):
        found = self._at(address)
        kept = [v for number, (v, _) in found.versions.items() if number not in found.deleted_versions]
        return sorted(kept, key=lambda version: -version.number)

    def add_version(self, workspace, name, notes="", parts=None, instead_of=None):
        found = self._writable(workspace)
        name, notes = check_title(name, notes)
        kept = {number: version for number, version in found.versions.items() if number != instead_of}
        check_new_version(len(kept))
        parts = found.now() if parts is None else parts
        self._check_there(parts)
        version = Version(max(kept, default=0) + 1, name, notes, datetime.now(UTC).replace(tzinfo=None))
        found.deleted_versions.discard(instead_of)
        found.versions = kept | {version.number: (version, dict(parts))}
        return version

    def _check_there(self, parts):
        missing = sorted({d for part in parts.values() if part for d in part.blobs} - self.blobs.keys())
        if missing:
            raise MissingBlob(missing)

    def read_version(self, address, number):
        found = self._at(address)
        if number not in found.versions or number in found.deleted_versions:
            raise StoreError("There is no such version.")
        return found.versions[number][1]

    def describe_version(self, workspace, number, name, notes):
        name, notes = check_title(name, notes)
        versions = self._with_version(workspace, number).versions
        versions[number] = replace(versions[number][0], name=name, notes=notes), versions[number][1]

    def delete_version(self, workspace, number):
        self._with_version(workspace, number).deleted_versions.add(number)

    def restore_version(self, workspace, number):
        self._with_version(workspace, number).deleted_versions.discard(number)

    def delete(self, workspace):
        self._writable(workspace).is_deleted = True

    def restore(self, workspace):
        self.workspaces[workspace].is_deleted = False

    def usage(self, address):
        self._at(address)
        return Usage(0, sum(map(len, self.blobs.values())), Limits())

    def read_only_id(self, workspace):
        self._writable(workspace)
        return next(reader for reader, of in self.readers.items() if of == workspace)

    def replace_read_only_id(self, workspace):
        before = self.read_only_id(workspace)
        del self.readers[before]
        number = next(n for n in count() if read_only_id(workspace, n) == before)
        self.readers[read_only_id(workspace, number + 1)] = workspace

    def collect_garbage(self):
        return 0

    def _at(self, address):
        found = self.workspaces.get(self.readers.get(check_id(address), address))
        if found is None or found.is_deleted:
            raise StoreError(UNKNOWN)
        return found

    def _writable(self, workspace):
        found = self._at(workspace)
        if workspace not in self.workspaces:
            raise StoreError("This address only reads.")
        return found

    def _with_version(self, workspace, number):
        found = self._writable(workspace)
        if number not in found.versions:
            raise StoreError("There is no such version.")
        return found


def come_back(session):
    """What a new session has of the parts of this one."""
    blobs = {}

    def bring(content):
        blobs[str(len(blobs))] = content
        return str(len(blobs) - 1)

    parts, fresh = documents(session, bring, Kept()), Session(keeping=Keeping())
    assert restore(fresh, parts, blobs.__getitem__) == []
    return fresh
