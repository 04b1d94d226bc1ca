"""The house stands as designed: imports run one way, and each library stays in its room."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("app", "planner", "simulator", "sample_traces")


def modules(room):
    return sorted((ROOT / room).rglob("*.py"))


def imported(path):
    """Top-level names of everything a module imports, also inside functions."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add(node.module)
    return names


def kernel_files_imported(path):
    """Names of the kernel modules that a file imports, itself or something out of them."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    names = {
        n for node in nodes if isinstance(node, ast.ImportFrom) for n in (node.module, *(a.name for a in node.names))
    }
    return {name.split(".")[-1] for name in names if name.endswith("kernels")}


def followed(path):
    """The modules that a file hands to `follow_stamps` after its own name."""
    found = re.search(r"^follow_stamps\(__file__, (.*)\)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return set(found[1].split(", ")) if found else set()


def rooms_imported(room):
    return {name.split(".")[0] for path in modules(room) for name in imported(path)}


def test_every_room_has_modules():
    assert all(modules(room) for room in ROOMS)


@pytest.mark.parametrize(
    ("room", "forbidden"),
    [
        ("simulator", {"planner", "app", "sample_traces", "streamlit", "plotly", "tests"}),
        ("sample_traces", {"planner", "app", "streamlit", "plotly", "tests"}),
        ("planner", {"app", "streamlit", "plotly", "tests"}),
        ("app", {"tests", "benchmarks", "numba"}),
    ],
)
def test_imports_run_one_way(room, forbidden):
    assert not rooms_imported(room) & forbidden


def test_chart_builders_do_not_import_streamlit():
    builders = [*modules("app/figures"), ROOT / "app" / "look" / "theme.py", ROOT / "app" / "look" / "words.py"]
    assert len(builders) > 5
    assert not [path.name for path in builders if any(n.split(".")[0] == "streamlit" for n in imported(path))]


def test_numba_stays_in_the_kernels():
    users = {path.name for room in ROOMS for path in modules(room) if "numba" in imported(path)}
    users.discard("kernel_stamps.py")
    assert users and all(name.endswith("kernels.py") for name in users)


def test_kernels_that_call_kernels_of_other_files_follow_their_stamps():
    """Numba's cache looks at the caller's file only; without this an edit elsewhere brings the old result back."""
    checked = 0
    for path in (path for room in ROOMS for path in modules(room) if path.name.endswith("kernels.py")):
        callees = kernel_files_imported(path)
        assert followed(path) == callees, path
        checked += bool(callees)
    assert checked >= 3


def test_the_map_of_the_house_names_every_room_and_nothing_that_is_not_there():
    named = set(re.findall(r"`([a-z_/]+)/`", (ROOT / "docs" / "house.md").read_text(encoding="utf-8")))
    packages = {str(path.parent.relative_to(ROOT)) for path in ROOT.glob("*/**/*.py") if "." not in path.parts[-2]}
    inner = {name for name in packages if name.count("/") <= 1 and not name.startswith(".")}
    assert named >= {name for name in inner if (ROOT / name / "__init__.py").exists()} - {
        "app",
        "planner/scenario/examples",
    }
    assert all((ROOT / name).is_dir() for name in named)


def test_no_file_shadows_a_package_for_the_app():
    """Streamlit puts app/ first on the path."""
    shadows = {path.stem for path in (ROOT / "app").iterdir()} & {"planner", "simulator", "sample_traces"}
    assert not shadows


def test_files_and_functions_stay_short():
    for room in (*ROOMS, "tests", "benchmarks", "tools", "examples"):
        for path in modules(room):
            source = path.read_text(encoding="utf-8")
            assert source.count("\n") <= 400, f"{path} has {source.count(chr(10))} lines"
            for node in ast.walk(ast.parse(source)):
                if isinstance(node, ast.FunctionDef):
                    assert node.end_lineno - node.lineno < 80, f"{path}: {node.name}"


def test_docstrings_cite_documents_that_a_clone_has():
    for path in (path for room in (*ROOMS, "tests") for path in modules(room) if path != Path(__file__)):
        content = path.read_text(encoding="utf-8")
        assert not re.search(r"\bdesign( section|\.md)", content, re.IGNORECASE), path
        for cited in re.findall(r"\bdocs/[\w/]+\.md", content):
            assert (ROOT / cited).exists(), f"{path} cites {cited}"


def test_page_scripts_are_recipes():
    pages = modules("app/views")
    assert pages
    assert not [path.name for path in pages if path.read_text(encoding="utf-8").count("\n") > 120]


def test_sources_are_cited_that_a_reader_has():
    """Notes that are not part of a clone are no source: the paper, the authors' code and docs/ are."""
    notes = "alpaserve" + ".md"
    files = [p for room in (*ROOMS, "tests", "benchmarks", "docs") for p in (ROOT / room).rglob("*")]
    texts = [p for p in files if p.suffix in (".py", ".md")]
    assert texts and not [p.name for p in texts if notes in p.read_text(encoding="utf-8")]


def test_headings_follow_one_another_by_one_level():
    """A page has one title and below it headers; who cannot see the page goes from one to the next by them."""
    others = re.compile(r"""st\.subheader\(|["']#{1,6} """)
    pages = [path for path in modules("app") if "report" not in path.parts]
    assert pages and not [path.name for path in pages if others.search(path.read_text(encoding="utf-8"))]


@pytest.mark.parametrize(
    ("call", "home"), [("st.plotly_chart(", "app/look/style.py"), ("st.dataframe(", "app/look/table.py")]
)
def test_charts_and_tables_are_drawn_in_one_place(call, home):
    found = {str(path.relative_to(ROOT)) for path in modules("app") if call in path.read_text(encoding="utf-8")}
    assert found == {home}
