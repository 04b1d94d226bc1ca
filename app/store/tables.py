"""The tables of the store. A change here needs a migration; a test compares the two."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, DateTime, ForeignKey, Index, Integer, MetaData, String, Table, Text

METADATA = MetaData()

# Of both addresses only the SHA-256 is kept.
WORKSPACES = Table(
    "workspaces",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("write_hash", String(64), nullable=False, unique=True),
    Column("read_hash", String(64), nullable=False, unique=True),
    Column("revision", BigInteger, nullable=False),
    Column("changed_at", DateTime, nullable=False),
    Column("deleted_at", DateTime),
)
PARTS = Table(
    "parts",
    METADATA,
    Column("workspace_id", ForeignKey("workspaces.id", ondelete="CASCADE"), primary_key=True),
    Column("key", String(200), primary_key=True),
    Column("revision", BigInteger, nullable=False),
    # NULL: taken out, which other tabs need to hear of.
    Column("document", Text),
)
# The document names every part's document and files; it is a file itself.
VERSIONS = Table(
    "versions",
    METADATA,
    Column("workspace_id", ForeignKey("workspaces.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("name", String(200), nullable=False),
    Column("notes", Text, nullable=False),
    Column("document", ForeignKey("blobs.digest"), nullable=False),
    Column("created_at", DateTime, nullable=False),
    Column("deleted_at", DateTime),
)
BLOBS = Table(
    "blobs",
    METADATA,
    Column("digest", String(64), primary_key=True),
    Column("stored_bytes", BigInteger, nullable=False),
    Column("touched_at", DateTime, nullable=False),
)
# Who needs a file: a part by its key after "part:", a version by its number after "version:".
NEEDS = Table(
    "needs",
    METADATA,
    Column("workspace_id", ForeignKey("workspaces.id", ondelete="CASCADE"), primary_key=True),
    Column("holder", String(220), primary_key=True),
    Column("digest", ForeignKey("blobs.digest"), primary_key=True),
    Index("needs_by_digest", "digest"),
)
