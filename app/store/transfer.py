"""A workspace as one file: a zip with the parts, the versions and the files that they need."""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
import zlib
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.look import words
from app.store.contract import MAX_VERSIONS, Part, StoreError, WorkspaceStore, new_workspace_id
from app.store.packing import MAX_BYTES, pack_parts, unpack_parts
from simulator.files import json_document, text_of
from simulator.schema import first_problem

MANIFEST, NOW = "manifest.json", "now.json"
KIND = "placement planner workspace"
MAX_FILE_BYTES = 300 * 1024**2
# What all members unpack to, said by the file and counted while it is read.
MAX_UNPACKED_BYTES = 600 * 1024**2
MAX_MEMBERS = 3_000
_BLOB = re.compile(r"files/([0-9a-f]{64})")
_HOUSE = (
    f"at most {MAX_FILE_BYTES // 1024**2} MB in {words.count(MAX_MEMBERS)} members that unpack to "
    f"{MAX_UNPACKED_BYTES // 1024**2} MB are allowed"
)


class _Named(BaseModel):
    model_config = ConfigDict(extra="forbid")
    member: Annotated[str, Field(pattern=r"^versions/\d{1,4}\.json$")]
    name: str
    notes: str


class _Manifest(BaseModel):
    model_config = ConfigDict(extra="forbid")
    kind: Annotated[str, Field(pattern=f"^{KIND}$")]
    version: Annotated[int, Field(ge=1, le=1)]
    versions: Annotated[list[_Named], Field(max_length=MAX_VERSIONS)]


def export_file(store: WorkspaceStore, address: str) -> bytes:
    """The workspace as it was last saved, with its versions, oldest first. The same workspace gives the same bytes."""
    now, versions = store.load(address).parts, store.versions(address)[::-1]
    named = [
        {"member": f"versions/{i}.json", "name": version.name, "notes": version.notes}
        for i, version in enumerate(versions, start=1)
    ]
    states = {NOW: now} | {
        row["member"]: store.read_version(address, version.number) for row, version in zip(named, versions, strict=True)
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        manifest = {"kind": KIND, "version": 1, "versions": named}
        _add(archive, MANIFEST, json.dumps(manifest, indent=1).encode())
        for member, parts in states.items():
            _add(archive, member, pack_parts(parts))
        for digest in sorted({blob for parts in states.values() for part in parts.values() for blob in part.blobs}):
            _add(archive, f"files/{digest}", store.get_blob(address, digest))
    return buffer.getvalue()


def import_file(store: WorkspaceStore, content: bytes, name: str, workspace: str | None = None) -> str:
    """A new workspace with what an exported file holds; gives its address.

    name: of the file, for messages. workspace: the new address, if it is not to be a random one.
    Nothing is unpacked to disk under a name from the file. Raises StoreError; a
    workspace that was begun by then is deleted again.
    """
    members = _members(content, f"'{name:.100}'")
    manifest = _manifest(members, name)
    states = [*((row, members.get(row.member)) for row in manifest.versions), (None, members.get(NOW))]
    workspace = workspace or new_workspace_id()
    store.create(workspace)
    try:
        for member, data in members.items():
            if _BLOB.fullmatch(member):
                store.put_blob(data)
        seen, keys = 0, set()
        for row, data in states:
            where = row.member if row else NOW
            if data is None:
                raise StoreError(f"'{name:.100}' has no member {where}, which its manifest names.")
            parts: dict[str, Part | None] = dict(unpack_parts(data, f"'{name:.100}', {where}"))
            # The store may have a file that this one only names: it belongs to somebody else.
            missing = {
                blob
                for part in parts.values()
                if part is not None
                for blob in part.blobs
                if f"files/{blob}" not in members
            }
            if missing:
                raise StoreError(f"'{name:.100}' does not hold the file with the SHA-256 {min(missing)[:12]}.")
            seen = store.save(workspace, dict.fromkeys(keys - parts.keys()) | parts, seen).revision
            keys = parts.keys()
            if row is not None:
                store.add_version(workspace, row.name, row.notes)
    except StoreError:
        store.delete(workspace)
        raise
    return workspace


def _add(archive: zipfile.ZipFile, member: str, data: bytes) -> None:
    # A fixed date, so that the same workspace gives the same bytes.
    archive.writestr(zipfile.ZipInfo(member, (1980, 1, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED)


def _members(content: bytes, where: str) -> dict[str, bytes]:
    if len(content) > MAX_FILE_BYTES:
        raise StoreError(f"{where} has {words.count(len(content) / 1024**2)} MB; {_HOUSE}.")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            unpacked = sum(member.file_size for member in members)
            if len(members) > MAX_MEMBERS or unpacked > MAX_UNPACKED_BYTES:
                raise StoreError(
                    f"{where} has {words.count(len(members))} members that unpack to "
                    f"{words.count(unpacked / 1024**2)} MB; {_HOUSE}."
                )
            return _read(archive, members, where)
    except StoreError:
        raise
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError, OSError, zlib.error):
        raise StoreError(f"{where} is no whole zip file; a file from Export on the page Library is allowed.") from None


def _read(archive: zipfile.ZipFile, members: list[zipfile.ZipInfo], where: str) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for member in members:
        blob = _BLOB.fullmatch(member.filename)
        is_state = member.filename in (MANIFEST, NOW) or re.fullmatch(r"versions/\d{1,4}\.json", member.filename)
        if not (blob or is_state) or member.filename in found:
            raise StoreError(
                f"{where} has the member '{member.filename:.100}', which no exported workspace has in this place; a "
                "file from Export on the page Library is allowed."
            )
        most = member.file_size if blob else min(member.file_size, MAX_BYTES)
        with archive.open(member) as stream:
            data = stream.read(most + 1)
        if len(data) != member.file_size:
            raise StoreError(f"{where}: {member.filename} unpacks to another size than the file says.")
        if blob and hashlib.sha256(data).hexdigest() != blob[1]:
            raise StoreError(f"{where}: {member.filename} is damaged; its content has another SHA-256.")
        found[member.filename] = data
    return found


def _manifest(members: dict[str, bytes], name: str) -> _Manifest:
    where = f"'{name:.100}', {MANIFEST}"
    if MANIFEST not in members:
        raise StoreError(f"'{name:.100}' has no {MANIFEST}; a file from Export on the page Library is allowed.")
    try:
        document = json_document(text_of(members[MANIFEST], where, MAX_BYTES, "JSON"), where)
        return _Manifest.model_validate(document)
    except ValidationError as error:
        raise StoreError(first_problem(error, document, where, _Manifest)) from None
    except ValueError as error:
        raise StoreError(str(error)) from None
