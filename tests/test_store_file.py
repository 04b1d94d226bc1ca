"""Workspaces as files: what is no such file is refused, whatever it holds."""

import io
import zipfile

import pytest

from app.store import StoreError
from app.store.transfer import MAX_MEMBERS, import_file
from tests.store_cases import sql_store


@pytest.fixture
def disk(tmp_path):
    return sql_store(tmp_path)


def exported(**members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


MANIFEST = '{"kind": "placement planner workspace", "version": 1, "versions": []}'
EMPTY = '{"version": 1, "parts": {}}'


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no whole zip"),
        (b"PK\x03\x04 nonsense", "no whole zip"),
        (exported(**{"now.json": EMPTY}), "no manifest"),
        (exported(**{"manifest.json": MANIFEST}), "no member now.json"),
        (exported(**{"manifest.json": MANIFEST, "now.json": "{"}), "now.json"),
        (exported(**{"manifest.json": MANIFEST, "now.json": '{"version": 2, "parts": {}}'}), "version"),
        (exported(**{"manifest.json": '{"kind": "other"}', "now.json": EMPTY}), "kind"),
        (exported(**{"manifest.json": MANIFEST, "../../etc/passwd": "x"}), "etc/passwd"),
        (exported(**{"manifest.json": MANIFEST, "/abs": "x"}), "/abs"),
        (exported(**{"manifest.json": MANIFEST, "now.json": EMPTY, "files/" + "0" * 64: "x"}), "damaged"),
        (exported(**{f"files/{i:064}": "" for i in range(MAX_MEMBERS + 1)}), "members"),
        (
            exported(**{"manifest.json": MANIFEST, "now.json": '{"version": 1, "parts": {"a": {"document": 1, '
                        f'"blobs": ["{"0" * 64}"]}}}}}}'}),
            "does not hold the file",
        ),
    ],
)  # fmt: skip
def test_files_that_are_no_workspace_are_refused_in_one_sentence(disk, content, said):
    with pytest.raises(StoreError, match=said):
        import_file(disk, content, "x.zip")


def test_a_file_that_somebody_else_keeps_is_not_given_to_who_knows_its_sha256(disk):
    secret = disk.put_blob(b"secret")
    parts = '{"version": 1, "parts": {"a": {"document": 1, "blobs": ["' + secret + '"]}}}'
    with pytest.raises(StoreError, match="does not hold the file"):
        import_file(disk, exported(**{"manifest.json": MANIFEST, "now.json": parts}), "x.zip")


def test_a_bomb_is_refused_before_it_is_unpacked(disk):
    bomb = exported(**{"manifest.json": MANIFEST, "now.json": EMPTY, "files/" + "0" * 64: bytes(700 * 1024**2)})
    assert len(bomb) < 1024**2
    with pytest.raises(StoreError, match="600 MB"):
        import_file(disk, bomb, "bomb.zip")
