"""Opens what the user gave as seekable bytes, within bounds: paths, uploads, gzip."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import stat
import tempfile
import zlib
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeGuard, cast

from simulator import words
from simulator.errors import InputError
from simulator.traces.trace import TraceLimits

_CHUNK_BYTES = 1 << 20
_MAX_LINE_BYTES = 4 << 20
# Small archives stay in memory, large ones go to a temporary file.
_IN_MEMORY_BYTES = 64 << 20

TraceInput = str | os.PathLike[str] | tuple[str, "bytes | bytearray | memoryview | BinaryIO"]


@dataclass(frozen=True)
class TraceFile:
    """One opened file.

    Attributes:
        name: file name for messages, without folders.
        stem: the name without its endings (`.gz` and one more).
        folder: name of the folder it lies in; empty for uploads.
        stream: seekable, unpacked bytes.
        size_bytes: how many of them.
        digest: SHA-256 of the bytes as given, hexadecimal.
    """

    name: str
    stem: str
    folder: str
    stream: BinaryIO
    size_bytes: int
    digest: str

    def head(self, size: int) -> bytes:
        """The first bytes."""
        self.stream.seek(0)
        return self.stream.read(size)

    def apart(self) -> BinaryIO | io.RawIOBase:
        """The bytes once more, with a position of their own.

        Arrow reads ahead in a thread, also when nobody listens any more; it must not move the position under those who
        walk the lines.
        """
        if isinstance(self.stream, io.BytesIO):
            return io.BytesIO(self.stream.getvalue())
        return _Apart(os.dup(self.stream.fileno()))

    def lines(self) -> Iterator[tuple[str, bytes]]:
        """Every line with its place in words; raises InputError for one that is too long to be meant."""
        self.stream.seek(0)
        number = 0
        while line := self.stream.readline(_MAX_LINE_BYTES + 1):
            number += 1
            where = f"{self.name}, line {number}"
            if len(line) > _MAX_LINE_BYTES:
                raise InputError(
                    f"{where} is longer than {words.count(_MAX_LINE_BYTES)} bytes, the most that is allowed."
                )
            yield where, line


class _Apart(io.RawIOBase):
    """Reads a descriptor of its own without the position that others share."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor, self._position = descriptor, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        read = os.preadv(self._descriptor, [buffer], self._position)
        self._position += read
        return read

    def close(self) -> None:
        if not self.closed:
            os.close(self._descriptor)
        super().close()


def as_inputs(paths_or_buffers: TraceInput | Sequence[TraceInput]) -> list[TraceInput]:
    """The given files as a list; raises InputError if there is none."""
    if _is_single(paths_or_buffers):
        return [paths_or_buffers]
    inputs = list(cast(Sequence[TraceInput], paths_or_buffers))
    if not inputs:
        raise InputError("No trace file is given; at least one is needed.")
    return inputs


def _is_single(given: TraceInput | Sequence[TraceInput]) -> TypeGuard[TraceInput]:
    return isinstance(given, (str, os.PathLike)) or (
        isinstance(given, tuple)
        and len(given) == 2
        and isinstance(given[0], str)
        and (isinstance(given[1], (bytes, bytearray, memoryview)) or hasattr(given[1], "read"))
    )


@contextmanager
def open_files(inputs: Sequence[TraceInput], limits: TraceLimits) -> Generator[list[TraceFile]]:
    """Opens the files, checks their size, unpacks gzip, and closes them in the end.

    Raises InputError for a missing file, a folder, files that are too large (packed or unpacked) and damaged gzip.
    """
    files: list[TraceFile] = []
    left = limits.max_bytes
    try:
        for given in inputs:
            file = (
                _open_path(Path(given), left, limits)
                if not isinstance(given, tuple)
                else _open_buffer(*given, left, limits)
            )
            files.append(file)
            left -= file.size_bytes
        yield files
    finally:
        for file in files:
            file.stream.close()


def _open_path(path: Path, left: int, limits: TraceLimits) -> TraceFile:
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise InputError(f"{path} is a folder; name the trace files in it.")
        if not stat.S_ISREG(status.st_mode):
            raise InputError(f"{path} is no regular file; a trace file is needed.")
        if status.st_size > left:
            raise _too_large(path.name, limits)
        stream = path.open("rb")
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(f"The trace file {path} does not exist.") from None
    except (OSError, ValueError) as error:
        raise InputError(f"The trace file {path} cannot be opened: {_reason(error)}.") from None
    return _prepare(path.name, path.absolute().parent.name, stream, status.st_size, left, limits)


def _open_buffer(
    name: str, given: bytes | bytearray | memoryview | BinaryIO, left: int, limits: TraceLimits
) -> TraceFile:
    # One byte more than allowed is enough to know that there is too much.
    data = given if isinstance(given, (bytes, bytearray, memoryview)) else given.read(left + 1)
    if len(data) > left:
        raise _too_large(name, limits)
    return _prepare(Path(name).name, "", io.BytesIO(data), len(data), left, limits)


def _prepare(name: str, folder: str, stream: BinaryIO, size: int, left: int, limits: TraceLimits) -> TraceFile:
    digest = hashlib.file_digest(cast(io.BufferedReader, stream), "sha256").hexdigest()
    stream.seek(0)
    if stream.read(2) == b"\x1f\x8b":
        stream.seek(0)
        with stream as packed:
            stream, size = _unpack(name, packed, left, limits)
    return TraceFile(name, _stem(name), folder, stream, size, digest)


def _unpack(name: str, packed: BinaryIO, left: int, limits: TraceLimits) -> tuple[BinaryIO, int]:
    unpacked = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)  # noqa: SIM115 (closed by open_files)
    size = 0
    try:
        with gzip.open(packed) as source:
            while chunk := source.read(_CHUNK_BYTES):
                size += len(chunk)
                if size > left:
                    raise InputError(
                        f"{name} unpacks to more than {_megabytes(limits.max_bytes)}, the most that is allowed."
                    )
                unpacked.write(chunk)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        unpacked.close()
        cut = "is cut off" if isinstance(error, EOFError) else "is damaged"
        raise InputError(f"{name} {cut}: its gzip data cannot be unpacked to the end.") from None
    except InputError:
        unpacked.close()
        raise
    # Has all that is used of a binary file, but the class does not say so.
    return cast(BinaryIO, unpacked), size


def _too_large(name: str, limits: TraceLimits) -> InputError:
    return InputError(
        f"{name} is too large; at most {_megabytes(limits.max_bytes)} are allowed for all files together."
    )


def _megabytes(size: int) -> str:
    return f"{words.count(size / 1024**2)} MiB" if size >= 1024**2 else f"{words.count(size)} bytes"


def _stem(name: str) -> str:
    return Path(name.removesuffix(".gz")).stem or name


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
