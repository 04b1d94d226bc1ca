"""The store over a database and a folder of files."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from app.look import words
from app.store.blobs import BlobFolder
from app.store.contract import (
    UNKNOWN,
    Changed,
    Limits,
    Loaded,
    MissingBlob,
    Part,
    StoreError,
    Usage,
    Version,
    WorkspaceStore,
    check_new_version,
    check_title,
    fingerprint,
    read_only_id,
)
from app.store.database import BUSY_TIMEOUT_S, Database, in_words
from app.store.packing import pack_parts, unpack_parts
from app.store.tables import BLOBS, NEEDS, PARTS, VERSIONS, WORKSPACES

# A file that no part names yet is not garbage before this; what was deleted can be restored for a day.
FRESH, RESTORABLE = timedelta(hours=1), timedelta(days=1)
# For so long what all keep is not counted again.
COUNT_S = 60.0
# SQLite takes a bounded number of values in one statement.
_AT_ONCE = 500


class SqlStore(WorkspaceStore):
    """Attributes: database; blobs: the folder of files; limits: what may be kept.

    Files come first, then the rows that name them, in one transaction: whoever dies in between leaves a stray file.
    """

    def __init__(
        self, url: str, folder: Path, limits: Limits | None = None, busy_timeout_s: float = BUSY_TIMEOUT_S
    ) -> None:
        self.database = Database(url, busy_timeout_s)
        self.blobs = BlobFolder(folder)
        self.limits = limits or Limits()
        self._counted_s, self._counted_bytes = -float("inf"), 0

    def create(self, workspace: str) -> None:
        with self.database.writing() as connection:
            if connection.execute(select(WORKSPACES.c.id).where(_is_at(workspace))).first() is None:
                hashes = {"write_hash": fingerprint(workspace), "read_hash": fingerprint(read_only_id(workspace))}
                connection.execute(insert(WORKSPACES).values(**hashes, revision=0, changed_at=_now()))

    def load(self, address: str) -> Loaded:
        with self.database.reading() as connection:
            row = _row(connection, address)
            return Loaded(row.revision, _parts(connection, row.id), row.write_hash == fingerprint(address))

    def save(self, workspace: str, parts: Mapping[str, Part | None], seen: int, over: Collection[str] = ()) -> Changed:
        texts = {key: None if part is None else part.text(key) for key, part in parts.items()}
        # Whoever writes nothing only asks for what others wrote, and keeps nobody waiting.
        with self.database.writing() if parts else self.database.reading() as connection:
            row = _writable(connection, workspace)
            after = select(PARTS.c.key).where(PARTS.c.workspace_id == row.id, PARTS.c.revision > seen)
            elsewhere = tuple(sorted(connection.execute(after).scalars()))
            is_refused = any(key in parts and key not in over for key in elsewhere)
            if is_refused or not parts:
                return Changed(row.revision, elsewhere, not is_refused)
            _check_there(connection, {digest for part in parts.values() if part for digest in part.blobs})
            revision = row.revision + 1
            for key, text in texts.items():
                _forget(connection, row.id, PARTS.c.key == key, f"part:{key}")
                connection.execute(insert(PARTS).values(workspace_id=row.id, key=key, revision=revision, document=text))
                _need(connection, row.id, f"part:{key}", part.blobs if (part := parts[key]) else ())
            self._check_room(connection, row.id, sum(map(len, filter(None, texts.values()))))
            changed = {"revision": revision, "changed_at": _now()}
            connection.execute(update(WORKSPACES).where(WORKSPACES.c.id == row.id).values(changed))
        return Changed(revision, elsewhere)

    def put_blob(self, content: bytes) -> str:
        with in_words():
            digest, aside, stored_bytes = self.blobs.write_aside(content)
            try:
                with self.database.writing() as connection:
                    self._take_in(connection, digest, aside, stored_bytes)
            finally:
                aside.unlink(missing_ok=True)
        return digest

    def get_blob(self, address: str, digest: str) -> bytes:
        with self.database.reading() as connection:
            row = _row(connection, address)
            needs = select(NEEDS.c.digest).where(NEEDS.c.workspace_id == row.id, NEEDS.c.digest == digest)
            if connection.execute(needs).first() is None:
                raise StoreError(f"No part of the workspace names a file with the SHA-256 {digest[:12]}.")
            return self.blobs.read(digest)

    def versions(self, address: str) -> list[Version]:
        with self.database.reading() as connection:
            row = _row(connection, address)
            wanted = select(VERSIONS).where(VERSIONS.c.workspace_id == row.id, VERSIONS.c.deleted_at.is_(None))
            return [_version(found) for found in connection.execute(wanted.order_by(VERSIONS.c.number.desc()))]

    def add_version(
        self,
        workspace: str,
        name: str,
        notes: str = "",
        parts: Mapping[str, Part] | None = None,
        instead_of: int | None = None,
    ) -> Version:
        name, notes = check_title(name, notes)
        with self.database.writing() as connection:
            row = _writable(connection, workspace)
            if instead_of is not None:
                _forget(connection, row.id, VERSIONS.c.number == instead_of, f"version:{instead_of}")
            mine = VERSIONS.c.workspace_id == row.id
            check_new_version(connection.execute(select(func.count()).select_from(VERSIONS).where(mine)).scalar_one())
            number = (connection.execute(select(func.max(VERSIONS.c.number)).where(mine)).scalar() or 0) + 1
            parts = _parts(connection, row.id) if parts is None else parts
            files = {file for part in parts.values() for file in part.blobs}
            _check_there(connection, files)
            digest, aside, stored_bytes = self.blobs.write_aside(pack_parts(parts))
            try:
                self._take_in(connection, digest, aside, stored_bytes)
            finally:
                aside.unlink(missing_ok=True)
            version = Version(number, name, notes, _now())
            connection.execute(insert(VERSIONS).values(workspace_id=row.id, document=digest, **vars(version)))
            _need(connection, row.id, f"version:{number}", {digest, *files})
            self._check_room(connection, row.id, 0)
        return version

    def read_version(self, address: str, number: int) -> Mapping[str, Part]:
        with self.database.reading() as connection:
            row = _row(connection, address)
            wanted = select(VERSIONS.c.document).where(_is_version(row.id, number), VERSIONS.c.deleted_at.is_(None))
            digest = connection.execute(wanted).scalar()
            if digest is None:
                raise StoreError(_no_version(number))
            return unpack_parts(self.blobs.read(digest), f"Version {number}")

    def describe_version(self, workspace: str, number: int, name: str, notes: str) -> None:
        name, notes = check_title(name, notes)
        self._change_version(workspace, number, name=name, notes=notes)

    def delete_version(self, workspace: str, number: int) -> None:
        self._change_version(workspace, number, deleted_at=_now())

    def restore_version(self, workspace: str, number: int) -> None:
        self._change_version(workspace, number, deleted_at=None)

    def delete(self, workspace: str) -> None:
        with self.database.writing() as connection:
            row = _writable(connection, workspace)
            connection.execute(update(WORKSPACES).where(WORKSPACES.c.id == row.id).values(deleted_at=_now()))

    def restore(self, workspace: str) -> None:
        with self.database.writing() as connection:
            if connection.execute(update(WORKSPACES).where(_is_at(workspace)).values(deleted_at=None)).rowcount == 0:
                raise StoreError(UNKNOWN)

    def usage(self, address: str) -> Usage:
        with self.database.reading() as connection:
            row = _row(connection, address)
            return self._usage(connection, row.id)

    def read_only_id(self, workspace: str) -> str:
        with self.database.reading() as connection:
            return read_only_id(workspace, _times_replaced(_writable(connection, workspace), workspace))

    def replace_read_only_id(self, workspace: str) -> None:
        with self.database.writing() as connection:
            row = _writable(connection, workspace)
            reader = read_only_id(workspace, _times_replaced(row, workspace) + 1)
            values = {"read_hash": fingerprint(reader)}
            connection.execute(update(WORKSPACES).where(WORKSPACES.c.id == row.id).values(values))

    def collect_garbage(self) -> int:
        long_ago, stale = _now() - RESTORABLE, _now() - FRESH
        with self.database.writing() as connection:
            connection.execute(delete(WORKSPACES).where(WORKSPACES.c.deleted_at < long_ago))
            old = select(VERSIONS.c.workspace_id, VERSIONS.c.number).where(VERSIONS.c.deleted_at < long_ago)
            for workspace_id, number in connection.execute(old).all():
                _forget(connection, workspace_id, VERSIONS.c.number == number, f"version:{number}")
            needed = select(NEEDS.c.digest).where(NEEDS.c.digest == BLOBS.c.digest).exists()
            garbage = select(BLOBS.c.digest).where(BLOBS.c.touched_at < stale, ~needed)
            digests = connection.execute(garbage).scalars().all()
            for some in _in_portions(list(digests)):
                connection.execute(delete(BLOBS).where(BLOBS.c.digest.in_(some)))
            # Within the transaction, because nobody else can take the same file in meanwhile. Should the transaction
            # fail after this, a row stays without its file: nobody needs it, and taking it in again writes it anew.
            known = set(connection.execute(select(BLOBS.c.digest)).scalars())
            return self.blobs.keep_only(known, stale.replace(tzinfo=UTC).timestamp())

    def _take_in(self, connection: Connection, digest: str, aside: Path, stored_bytes: int) -> None:
        touched = update(BLOBS).where(BLOBS.c.digest == digest).values(touched_at=_now())
        if not connection.execute(touched).rowcount:
            connection.execute(insert(BLOBS).values(digest=digest, stored_bytes=stored_bytes, touched_at=_now()))
            self._check_total(connection, stored_bytes)
        # Also where there is a row: the file may have been lost or damaged, and this one is whole.
        self.blobs.take_in(digest, aside)

    def _change_version(self, workspace: str, number: int, **values: object) -> None:
        with self.database.writing() as connection:
            row = _writable(connection, workspace)
            changed = update(VERSIONS).where(_is_version(row.id, number)).values(**values)
            if connection.execute(changed).rowcount == 0:
                raise StoreError(_no_version(number))

    def _check_total(self, connection: Connection, written_bytes: int) -> None:
        """Raise StoreError where the store holds too much with what this transaction has written.

        Counting reads what everybody keeps, so it is done once a minute, and every time once the store is nearly full.
        """
        self._counted_bytes += written_bytes
        if time.monotonic() - self._counted_s > COUNT_S or self._counted_bytes > 0.9 * self.limits.total_bytes:
            self._counted_s, self._counted_bytes = time.monotonic(), _total(connection)
        if self._counted_bytes > self.limits.total_bytes:
            raise StoreError(_full("The store of this server", self._counted_bytes, self.limits.total_bytes))

    def _usage(self, connection: Connection, workspace_id: int) -> Usage:
        return Usage(_of_workspace(connection, workspace_id), _total(connection), self.limits)

    def _check_room(self, connection: Connection, workspace_id: int, written_bytes: int) -> None:
        mine = _of_workspace(connection, workspace_id)
        if mine > self.limits.workspace_bytes:
            raise StoreError(_full("This workspace", mine, self.limits.workspace_bytes))
        self._check_total(connection, written_bytes)


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def _is_at(workspace: str):
    return WORKSPACES.c.write_hash == fingerprint(workspace)


def _is_version(workspace_id: int, number: int):
    return (VERSIONS.c.workspace_id == workspace_id) & (VERSIONS.c.number == number)


def _row(connection: Connection, address: str) -> Row:
    found = _is_at(address) | (WORKSPACES.c.read_hash == fingerprint(address))
    row = connection.execute(select(WORKSPACES).where(found, WORKSPACES.c.deleted_at.is_(None))).first()
    if row is None:
        raise StoreError(UNKNOWN)
    return row


def _times_replaced(row: Row, workspace: str) -> int:
    """How often the address that only reads was replaced: the store knows its fingerprint only."""
    return next(n for n in count() if fingerprint(read_only_id(workspace, n)) == row.read_hash)


def _writable(connection: Connection, workspace: str) -> Row:
    row = _row(connection, workspace)
    if row.write_hash != fingerprint(workspace):
        raise StoreError("This address only reads the workspace; make a copy of your own to change it.")
    return row


def _parts(connection: Connection, workspace_id: int) -> dict[str, Part]:
    needs: dict[str, list[str]] = {}
    mine = select(NEEDS.c.holder, NEEDS.c.digest).where(NEEDS.c.workspace_id == workspace_id)
    for holder, digest in connection.execute(mine.order_by(NEEDS.c.digest)):
        needs.setdefault(holder, []).append(digest)
    rows = connection.execute(select(PARTS).where(PARTS.c.workspace_id == workspace_id, PARTS.c.document.is_not(None)))
    return {row.key: Part(json.loads(row.document), tuple(needs.get(f"part:{row.key}", ()))) for row in rows}


def _forget(connection: Connection, workspace_id: int, which, holder: str) -> None:
    table = which.left.table
    connection.execute(delete(table).where(table.c.workspace_id == workspace_id, which))
    connection.execute(delete(NEEDS).where(NEEDS.c.workspace_id == workspace_id, NEEDS.c.holder == holder))


def _need(connection: Connection, workspace_id: int, holder: str, digests: Iterable[str]) -> None:
    rows = [{"workspace_id": workspace_id, "holder": holder, "digest": digest} for digest in sorted(set(digests))]
    if rows:
        connection.execute(insert(NEEDS), rows)


def _check_there(connection: Connection, digests: set[str]) -> None:
    there: set[str] = set()
    for some in _in_portions(sorted(digests)):
        there |= set(connection.execute(select(BLOBS.c.digest).where(BLOBS.c.digest.in_(some))).scalars())
    if digests - there:
        raise MissingBlob(sorted(digests - there))


def _of_workspace(connection: Connection, workspace_id: int) -> int:
    mine = select(NEEDS.c.digest).where(NEEDS.c.workspace_id == workspace_id)
    files = select(func.coalesce(func.sum(BLOBS.c.stored_bytes), 0)).where(BLOBS.c.digest.in_(mine))
    texts = select(func.coalesce(func.sum(func.length(PARTS.c.document)), 0)).where(
        PARTS.c.workspace_id == workspace_id
    )
    return int(connection.execute(files).scalar_one() + connection.execute(texts).scalar_one())


def _total(connection: Connection) -> int:
    files = connection.execute(select(func.coalesce(func.sum(BLOBS.c.stored_bytes), 0))).scalar_one()
    texts = connection.execute(select(func.coalesce(func.sum(func.length(PARTS.c.document)), 0))).scalar_one()
    # PostgreSQL adds whole numbers up to decimal ones.
    return int(files + texts)


def _version(row: Row) -> Version:
    return Version(row.number, row.name, row.notes, row.created_at)


def _no_version(number: int) -> str:
    return f"The workspace has no version {number}; it may have been deleted."


def _full(where: str, wanted: int, most: int) -> str:
    return (
        f"{where} would hold {words.fixed(wanted / 1024**2, 1)} MB; {words.count(most / 1024**2)} MB are allowed. "
        f"Delete "
        f"versions or "
        "uploads that are not needed."
    )


def _in_portions(digests: list[str]) -> Iterable[list[str]]:
    return (digests[i : i + _AT_ONCE] for i in range(0, len(digests), _AT_ONCE))
