"""What a store of workspaces does, whatever stands behind it."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from abc import ABC, abstractmethod
from base64 import urlsafe_b64encode
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.look import words
from simulator import InputError

MAX_NAME, MAX_NOTES, MAX_VERSIONS = 200, 10_000, 200
# Of a part: a scenario of 200 models with 50 steps of undo takes about one megabyte.
MAX_DOCUMENT_BYTES = 32 * 1024**2
_ID = re.compile(r"[A-Za-z0-9_-]{32}")
UNKNOWN = "There is no workspace at this address; it was deleted, or the address is not complete."


class StoreError(InputError):
    """What could not be kept or read, in one sentence."""


class MissingBlob(StoreError):
    """A part names files that the store does not have; `digests` are theirs."""

    def __init__(self, digests: Sequence[str]) -> None:
        super().__init__(f"{len(digests)} files are not in the store; the first has the SHA-256 {digests[0][:12]}.")
        self.digests = tuple(digests)


@dataclass(frozen=True)
class Part:
    """A part of a workspace: a JSON document, and the SHA-256 of the files that it needs, each once, in order."""

    document: Any
    blobs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "blobs", tuple(sorted(set(self.blobs))))

    def text(self, key: str) -> str:
        """The document as JSON, the same text for the same content; raises StoreError if it is too large."""
        text = json.dumps(self.document, sort_keys=True, separators=(",", ":"))
        if len(text) > MAX_DOCUMENT_BYTES:
            raise StoreError(
                f"The part '{key}' of the workspace has {words.count(len(text) / 1024**2)} MB; at most "
                f"{MAX_DOCUMENT_BYTES // 1024**2} MB are kept."
            )
        return text


@dataclass(frozen=True)
class Loaded:
    """A workspace as read: its revision, its parts by key, and whether the address may also write."""

    revision: int
    parts: Mapping[str, Part]
    is_writable: bool


@dataclass(frozen=True)
class Changed:
    """After a save: the revision by now, the keys that somebody else had changed since the revision seen, and whether
    the parts were written."""

    revision: int
    elsewhere: tuple[str, ...] = ()
    is_written: bool = True


@dataclass(frozen=True)
class Version:
    """A named state of a workspace; number: within the workspace, from 1."""

    number: int
    name: str
    notes: str
    created_at: datetime


@dataclass(frozen=True)
class Limits:
    """What may be kept, bytes as stored: in one workspace, and in all together."""

    workspace_bytes: int = 1024**3
    total_bytes: int = 20 * 1024**3


@dataclass(frozen=True)
class Usage:
    """What is kept by now, bytes as stored."""

    workspace_bytes: int
    total_bytes: int
    limits: Limits

    @property
    def warning(self) -> str | None:
        """A sentence once four fifths of what may be kept are used; None before."""
        for used, most, where in (
            (self.workspace_bytes, self.limits.workspace_bytes, "This workspace"),
            (self.total_bytes, self.limits.total_bytes, "The store of this server"),
        ):
            if used >= 0.8 * most:
                return (
                    f"{where} holds {words.count(used / 1024**2)} of {words.count(most / 1024**2)} MB; when it is "
                    f"full, changes are no "
                    "longer kept. Delete versions or uploads that are not needed."
                )
        return None


def new_workspace_id(owner: str | None = None) -> str:
    """An address that nobody can guess: 192 random bits.

    owner: who is logged in. Then 96 bits are random, and 96 follow from them and the owner, see `may_write`.
    """
    if owner is None:
        return secrets.token_urlsafe(24)
    guess = secrets.token_urlsafe(12)
    return guess + _mark(guess, owner)


def may_write(workspace: str, owner: str | None) -> bool:
    """Whether an address that writes is one of this owner's; everybody's where nobody is logged in."""
    return owner is None or secrets.compare_digest(workspace[16:], _mark(workspace[:16], owner))


def _mark(guess: str, owner: str) -> str:
    return urlsafe_b64encode(hashlib.sha256(f"owner {guess} {owner}".encode()).digest()[:12]).decode()


def check_id(address: str) -> str:
    """The address if it can be one; raises StoreError."""
    if not _ID.fullmatch(address):
        raise StoreError(UNKNOWN)
    return address


def read_only_id(workspace: str, number: int = 0) -> str:
    """The address that only reads a workspace; number: how often it was replaced.

    It follows from the other one, which does not follow from it.
    """
    which = f"read-only {number} of" if number else "read-only"
    return hashlib.sha256(f"{which} {check_id(workspace)}".encode()).hexdigest()[:32]


def shared_copy_id(workspace: str, number: int) -> str:
    """The address that writes the copy with this number that was shared of a workspace; only its owner can know it."""
    return hashlib.sha256(f"shared copy {number} of {check_id(workspace)}".encode()).hexdigest()[:32]


def fingerprint(address: str) -> str:
    """What a store keeps of an address, so that nobody who reads the store can open a workspace."""
    return hashlib.sha256(check_id(address).encode()).hexdigest()


def check_title(name: str, notes: str) -> tuple[str, str]:
    """Name and notes of a version, without surrounding blanks; raises StoreError."""
    name, notes = name.strip(), notes.strip()
    for what, text, most in (("name", name, MAX_NAME), ("notes", notes, MAX_NOTES)):
        if len(text) > most:
            raise StoreError(
                f"The {what} of the version has {words.count(len(text))} characters; at most {words.count(most)} are "
                f"allowed."
            )
        if re.search(r"[\0\ud800-\udfff]", text):
            raise StoreError(f"The {what} of the version has a character that is not text; type it anew.")
    if not name:
        raise StoreError("The version needs a name.")
    return name, notes


def check_new_version(count: int) -> None:
    """Raise StoreError if a workspace with so many versions cannot have one more."""
    if count >= MAX_VERSIONS:
        raise StoreError(f"The workspace has {count} versions; at most {MAX_VERSIONS} are kept. Delete one first.")


class WorkspaceStore(ABC):
    """Keeps workspaces. Whatever fails raises StoreError with one sentence, and changes nothing.

    `workspace` is the address that writes; `address` may also be the one that only reads. Files are reached through a
    workspace that names them, never by their SHA-256 alone.
    """

    @abstractmethod
    def create(self, workspace: str) -> None:
        """Begin a workspace at an address of `new_workspace_id`; if it is there already, nothing happens."""

    @abstractmethod
    def load(self, address: str) -> Loaded:
        """All parts of a workspace."""

    @abstractmethod
    def save(self, workspace: str, parts: Mapping[str, Part | None], seen: int, over: Collection[str] = ()) -> Changed:
        """Write some parts, all or none; None takes a part out.

        None is written where somebody else wrote one of them after the revision that the writer had seen.

        seen: that revision. over: keys under which what others wrote gives way all the same. Raises MissingBlob if a
        file is not there.
        """

    @abstractmethod
    def put_blob(self, content: bytes) -> str:
        """Keep a file; gives its SHA-256. It is collected unless a part names it within the hour."""

    @abstractmethod
    def get_blob(self, address: str, digest: str) -> bytes:
        """A file that a part or version of the workspace names, its SHA-256 checked."""

    @abstractmethod
    def versions(self, address: str) -> list[Version]:
        """The named versions, newest first."""

    @abstractmethod
    def add_version(
        self,
        workspace: str,
        name: str,
        notes: str = "",
        parts: Mapping[str, Part] | None = None,
        instead_of: int | None = None,
    ) -> Version:
        """Give the workspace as it was last saved a name.

        parts: what gets the name in its place; raises MissingBlob if a file of theirs is not there. instead_of: the
        number of a version that gives way; where there is none, nothing does.
        """

    @abstractmethod
    def read_version(self, address: str, number: int) -> Mapping[str, Part]:
        """All parts of a version."""

    @abstractmethod
    def describe_version(self, workspace: str, number: int, name: str, notes: str) -> None:
        """Change name and notes of a version."""

    @abstractmethod
    def delete_version(self, workspace: str, number: int) -> None:
        """Delete a version; for a day it can be restored."""

    @abstractmethod
    def restore_version(self, workspace: str, number: int) -> None:
        """Take back the deletion of a version."""

    @abstractmethod
    def delete(self, workspace: str) -> None:
        """Delete a workspace; for a day it can be restored."""

    @abstractmethod
    def restore(self, workspace: str) -> None:
        """Take back the deletion of a workspace."""

    @abstractmethod
    def usage(self, address: str) -> Usage:
        """How much is kept, and how much may be."""

    @abstractmethod
    def collect_garbage(self) -> int:
        """Remove what was deleted long ago and the files that nobody names; gives how many files went."""

    @abstractmethod
    def read_only_id(self, workspace: str) -> str:
        """The address that only reads this workspace by now."""

    @abstractmethod
    def replace_read_only_id(self, workspace: str) -> None:
        """Let another address only read the workspace from now on; the one before leads nowhere."""

    def clone(self, address: str, number: int | None = None, workspace: str | None = None) -> str:
        """A workspace of its own with the same parts, or those of a version; gives its address.

        workspace: the new address, if it is not to be a random one.
        """
        parts = self.load(address).parts if number is None else self.read_version(address, number)
        workspace = workspace or new_workspace_id()
        self.begin_with(workspace, parts)
        return workspace

    def begin_with(self, workspace: str, parts: Mapping[str, Part]) -> None:
        """Begin a workspace with these parts; raises StoreError if there is something at its address."""
        self.create(workspace)
        if not self.save(workspace, parts, 0).is_written:
            raise StoreError("There is another workspace at this address; make another copy.")
