"""The store of workspaces: every store does the same, and what goes in comes out."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from app.store import Part, StoreError, new_workspace_id
from app.store.contract import MAX_VERSIONS, MissingBlob, read_only_id
from app.store.sql import SqlStore
from app.store.transfer import export_file, import_file
from tests.store_cases import MemoryStore, begin, sql_store

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@pytest.fixture(params=["sqlite", "postgres", "memory"])
def store(request, tmp_path):
    if request.param == "memory":
        yield MemoryStore()
        return
    url = request.getfixturevalue("postgres").new_database() if request.param == "postgres" else None
    store = sql_store(tmp_path, url)
    yield store
    store.database.engine.dispose()


@pytest.fixture
def workspace(store):
    return begin(store)


def test_what_is_saved_is_loaded(store, workspace):
    digest = store.put_blob(b"arrival_s,model\n0,a\n")
    parts = {"scenario": Part({"a": [1, 2.5, None, "é"]}), "uploads": Part(["x"], (digest,))}
    store.save(workspace, parts, 0)
    loaded = store.load(workspace)
    assert loaded.parts == parts and loaded.is_writable and loaded.revision == 1
    assert store.get_blob(workspace, digest) == b"arrival_s,model\n0,a\n"
    store.save(workspace, {"scenario": None}, 1)
    assert store.load(workspace).parts == {"uploads": parts["uploads"]}


def test_nobody_writes_over_what_he_has_not_seen_unless_he_says_so(store, workspace):
    store.save(workspace, {"a": Part(1), "view": Part(1)}, 0)
    store.save(workspace, {"a": Part(2), "view": Part(2)}, 1)
    refused = store.save(workspace, {"a": Part(3), "b": Part(3)}, 1, over=("view",))
    assert not refused.is_written and refused.elsewhere == ("a", "view")
    assert store.load(workspace).parts == {"a": Part(2), "view": Part(2)} and store.load(workspace).revision == 2
    late = store.save(workspace, {"b": Part(3), "view": Part(3)}, 1, over=("view",))
    assert late.is_written and store.load(workspace).parts == {"a": Part(2), "b": Part(3), "view": Part(3)}
    with pytest.raises(StoreError, match="another workspace"):
        store.begin_with(workspace, {"a": Part(9)})


def test_a_version_can_be_of_other_parts_and_give_way_to_the_next(store, workspace):
    digest = store.put_blob(b"mine")
    store.save(workspace, {"a": Part(1)}, 0)
    first = store.add_version(workspace, "first")
    aside = store.add_version(workspace, "aside", "", {"a": Part(2, (digest,))})
    again = store.add_version(workspace, "aside", "", {"a": Part(3, (digest,))}, instead_of=aside.number)
    assert store.versions(workspace) == [again, first]
    assert store.read_version(workspace, again.number) == {"a": Part(3, (digest,))}
    assert store.get_blob(workspace, digest) == b"mine" and store.load(workspace).parts == {"a": Part(1)}
    with pytest.raises(MissingBlob):
        store.add_version(workspace, "x", "", {"a": Part(2, ("0" * 64,))}, instead_of=again.number)
    assert store.versions(workspace) == [again, first]


def test_what_two_write_under_other_keys_is_kept_and_each_hears_of_the_other(store, workspace):
    first = store.save(workspace, {"a": Part(1), "b": Part(1)}, 0)
    assert first.elsewhere == ()
    other = store.save(workspace, {"a": Part(2)}, first.revision)
    late = store.save(workspace, {"b": Part(3)}, first.revision)
    assert (other.elsewhere, late.elsewhere) == ((), ("a",))
    assert store.load(workspace).parts == {"a": Part(2), "b": Part(3)}
    assert store.save(workspace, {}, late.revision).elsewhere == ()
    gone = store.save(workspace, {"a": None}, late.revision)
    assert store.save(workspace, {}, late.revision).elsewhere == ("a",) and gone.revision == late.revision + 1


def test_the_read_only_address_reads_and_does_not_write(store, workspace):
    digest = store.put_blob(b"mine")
    store.save(workspace, {"a": Part(1, (digest,))}, 0)
    version = store.add_version(workspace, "first")
    reader = store.read_only_id(workspace)
    assert not store.load(reader).is_writable and store.load(reader).parts == {"a": Part(1, (digest,))}
    assert store.get_blob(reader, digest) == b"mine" and store.versions(reader) == [version]
    for attempt in (
        lambda: store.save(reader, {"a": Part(2)}, 1),
        lambda: store.add_version(reader, "x"),
        lambda: store.delete_version(reader, 1),
        lambda: store.describe_version(reader, 1, "x", ""),
        lambda: store.delete(reader),
    ):
        with pytest.raises(StoreError, match="only reads"):
            attempt()
    assert store.load(workspace).parts["a"].document == 1


def test_an_address_that_only_reads_can_be_replaced_and_then_leads_nowhere(store, workspace):
    store.save(workspace, {"a": Part(1)}, 0)
    readers = [store.read_only_id(workspace)]
    for _ in range(2):
        store.replace_read_only_id(workspace)
        readers.append(store.read_only_id(workspace))
    assert len({*readers, workspace}) == 4
    store.create(workspace)
    for reader in readers[:-1]:
        with pytest.raises(StoreError, match="no workspace at this address"):
            store.load(reader)
    assert store.load(readers[-1]).parts == store.load(workspace).parts and not store.load(readers[-1]).is_writable
    with pytest.raises(StoreError, match="only reads"):
        store.replace_read_only_id(readers[-1])


def test_files_of_other_workspaces_are_out_of_reach(store, workspace):
    digest = store.put_blob(b"secret")
    store.save(workspace, {"a": Part(1, (digest,))}, 0)
    other = begin(store)
    with pytest.raises(StoreError):
        store.get_blob(other, digest)


@pytest.mark.parametrize("address", ["", "x", "a" * 31, "a" * 33, "a" * 31 + "/", "a" * 32, "../" * 10 + "aa"])
def test_addresses_that_lead_nowhere_are_refused_in_one_sentence(store, address):
    with pytest.raises(StoreError, match="There is no workspace at this address"):
        store.load(address)


def test_versions_stay_what_they_were(store, workspace):
    store.save(workspace, {"a": Part(1)}, 0)
    first = store.add_version(workspace, " first ", "why")
    store.save(workspace, {"a": Part(2)}, 1)
    second = store.add_version(workspace, "second")
    assert [(v.number, v.name, v.notes) for v in store.versions(workspace)] == [(2, "second", ""), (1, "first", "why")]
    assert store.read_version(workspace, first.number) == {"a": Part(1)}
    store.delete_version(workspace, second.number)
    assert [v.number for v in store.versions(workspace)] == [1]
    with pytest.raises(StoreError):
        store.read_version(workspace, second.number)
    store.restore_version(workspace, second.number)
    assert store.read_version(workspace, second.number) == {"a": Part(2)}
    store.describe_version(workspace, 1, "renamed", "")
    assert store.versions(workspace)[-1].name == "renamed"
    for name, notes in (("", ""), ("x" * 201, ""), ("x", "n" * 10_001), ("a\0b", ""), ("x", "\ud800")):
        with pytest.raises(StoreError, match="version"):
            store.describe_version(workspace, 1, name, notes)


def test_versions_are_bounded(store, workspace):
    for i in range(MAX_VERSIONS):
        store.add_version(workspace, str(i))
    with pytest.raises(StoreError, match=f"at most {MAX_VERSIONS}"):
        store.add_version(workspace, "one more")


def test_a_deleted_workspace_can_be_restored(store, workspace):
    store.save(workspace, {"a": Part(1)}, 0)
    store.delete(workspace)
    with pytest.raises(StoreError):
        store.load(workspace)
    store.restore(workspace)
    assert store.load(workspace).parts == {"a": Part(1)}


def test_a_clone_goes_its_own_way(store, workspace):
    store.save(workspace, {"a": Part(1)}, 0)
    store.add_version(workspace, "then")
    store.save(workspace, {"a": Part(2)}, 1)
    now, then = store.clone(workspace), store.clone(store.read_only_id(workspace), 1)
    store.save(now, {"a": Part(9)}, 1)
    found = [store.load(w).parts["a"].document for w in (workspace, now, then)]
    assert found == [2, 9, 1]


def test_a_part_with_a_file_that_is_not_there_is_not_saved(store, workspace):
    with pytest.raises(MissingBlob) as missing:
        store.save(workspace, {"a": Part(1), "b": Part(2, ("0" * 64,))}, 0)
    assert missing.value.digests == ("0" * 64,) and store.load(workspace).parts == {}


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(st.text(st.characters(codec="ascii", min_codepoint=33), min_size=1, max_size=9), VALUES), st.data()
)
def test_any_documents_and_files_come_back_also_through_a_file(store, documents, data):
    workspace = begin(store)
    files = data.draw(st.lists(st.binary(max_size=200), max_size=3))
    digests = tuple(store.put_blob(content) for content in files)
    parts = {key: Part(document, digests) for key, document in documents.items()}
    store.save(workspace, parts, 0)
    store.add_version(workspace, "then", "notes")
    assert store.load(workspace).parts == parts
    content = export_file(store, workspace)
    other = MemoryStore()
    copy = import_file(other, content, "x.zip")
    assert other.load(copy).parts == parts and other.read_version(copy, 1) == parts
    assert export_file(other, copy) == content
    if parts:
        assert [store.get_blob(workspace, digest) for digest in digests] == files


class SameAsInMemory(RuleBasedStateMachine):
    """Whatever is done in whatever order, the database answers as the dictionaries do."""

    workspaces = Bundle("workspaces")
    keys = st.sampled_from("abc")

    @initialize()
    def begin(self):
        self.pair = SqlStore(self.url(), self.folder()), MemoryStore()

    def url(self):
        return "sqlite://"

    def folder(self):
        self.temporary = tempfile.TemporaryDirectory()
        return Path(self.temporary.name)

    def teardown(self):
        if hasattr(self, "temporary"):
            self.pair[0].database.engine.dispose()
            self.temporary.cleanup()

    def both(self, call):
        answers = []
        for store in self.pair:
            try:
                answers.append(call(store))
            except StoreError as error:
                answers.append(type(error))
        assert answers[0] == answers[1]
        return answers[0]

    @rule(target=workspaces)
    def create(self):
        address = new_workspace_id()
        self.both(lambda store: store.create(address))
        return address

    @rule(w=workspaces, key=keys, value=VALUES, seen=st.integers(0, 4), content=st.none() | st.binary(max_size=5))
    def save(self, w, key, value, seen, content):
        def call(store):
            blobs = () if content is None else (store.put_blob(content),)
            return store.save(w, {key: Part(value, blobs)}, seen)

        self.both(call)

    @rule(w=workspaces, key=keys, seen=st.integers(0, 4))
    def take_out(self, w, key, seen):
        self.both(lambda store: store.save(w, {key: None}, seen))

    @rule(w=workspaces)
    def replace_reader(self, w):
        self.both(lambda store: store.replace_read_only_id(w))
        self.both(lambda store: store.read_only_id(w))

    @rule(w=workspaces, reads=st.none() | st.integers(0, 2))
    def look(self, w, reads):
        address = read_only_id(w, reads) if reads is not None else w
        self.both(lambda store: store.load(address))
        self.both(lambda store: [(v.number, v.name, store.read_version(address, v.number)) for v in store.versions(w)])

    @rule(w=workspaces, number=st.integers(1, 3), what=st.sampled_from(["delete_version", "restore_version"]))
    def version(self, w, number, what):
        self.both(lambda store: store.add_version(w, "v").number)
        self.both(lambda store: getattr(store, what)(w, number))

    @rule(w=workspaces, what=st.sampled_from(["delete", "restore"]))
    def whole(self, w, what):
        if what == "restore":
            self.both(lambda store: store.restore(w))
        else:
            self.both(lambda store: store.delete(w))

    @rule()
    def collect(self):
        self.pair[0].collect_garbage()


TestSameAsInMemory = SameAsInMemory.TestCase
TestSameAsInMemory.settings = settings(max_examples=60, stateful_step_count=25)


def test_whatever_is_done_postgres_answers_as_the_dictionaries_do(postgres):
    class OnPostgres(SameAsInMemory):
        def url(self):
            return postgres.new_database()

    run_state_machine_as_test(OnPostgres, settings=settings(max_examples=8, stateful_step_count=15))
