"""Files on disk under their SHA-256: written whole or not at all, compressed, checked when they are read."""

from __future__ import annotations

import hashlib
import os
import struct
import tempfile
from pathlib import Path

import pyarrow

from app.look import words
from app.store.contract import StoreError

# Ours, form 1: eight bytes with the length, then Zstandard.
_MAGIC = b"PLB1"
_HEADER = struct.Struct(">4sQ")
# Above the largest upload; a damaged length never asks for more memory than this.
MAX_BLOB_BYTES = 256 * 1024**2


class BlobFolder:
    """Attributes: folder: where the files lie, two characters of the digest a subfolder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, digest: str) -> Path:
        """Where a file lies."""
        return self.folder / digest[:2] / digest[2:]

    def write_aside(self, content: bytes) -> tuple[str, Path, int]:
        """Write a file under a name that nobody looks for; gives its digest, that name and its length on disk.

        `take_in` gives it its own name: a process that dies in between leaves a stray file and no half one.
        """
        if len(content) > MAX_BLOB_BYTES:
            raise StoreError(
                f"A file of {words.count(len(content) / 1024**2)} MB cannot be kept; at most "
                f"{MAX_BLOB_BYTES // 1024**2} MB "
                "are allowed."
            )
        digest = hashlib.sha256(content).hexdigest()
        packed = pyarrow.compress(content, codec="zstd", asbytes=True)
        self._aside.mkdir(parents=True, exist_ok=True)
        number, name = tempfile.mkstemp(dir=self._aside)
        try:
            with os.fdopen(number, "wb") as file:
                file.write(_HEADER.pack(_MAGIC, len(content)) + packed)
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise
        return digest, Path(name), _HEADER.size + len(packed)

    def take_in(self, digest: str, aside: Path) -> None:
        """Give a file that was written aside its own name, for good."""
        path = self.path(digest)
        path.parent.mkdir(parents=True, exist_ok=True)
        aside.replace(path)
        _sync_folder(path.parent)

    def read(self, digest: str) -> bytes:
        """The content of a file; raises StoreError if it is gone or damaged."""
        try:
            stored = self.path(digest).read_bytes()
        except FileNotFoundError:
            raise StoreError(f"The file with the SHA-256 {digest[:12]} is gone from the store.") from None
        content = _unpacked(stored)
        if content is None or hashlib.sha256(content).hexdigest() != digest:
            raise StoreError(f"The file with the SHA-256 {digest[:12]} is damaged on disk; upload it again.")
        return content

    def keep_only(self, digests: set[str], before_s: float) -> int:
        """Remove all other files, except those written since before_s (seconds since the epoch); gives how many."""
        removed = 0
        for path in self.folder.glob("*/*"):
            is_known = path.parent != self._aside and path.parent.name + path.name in digests
            if not is_known and path.stat().st_mtime < before_s:
                path.unlink(missing_ok=True)
                removed += 1
        return removed

    @property
    def _aside(self) -> Path:
        return self.folder / "aside"


def _unpacked(stored: bytes) -> bytes | None:
    if len(stored) < _HEADER.size:
        return None
    magic, size = _HEADER.unpack_from(stored)
    if magic != _MAGIC or size > MAX_BLOB_BYTES:
        return None
    try:
        return pyarrow.decompress(stored[_HEADER.size :], size, codec="zstd", asbytes=True)
    except (pyarrow.ArrowException, OSError):
        return None


def _sync_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
