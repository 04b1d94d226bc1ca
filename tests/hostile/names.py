"""Names that mean something to whatever shows them: HTML, Markdown, LaTeX, icons, Plotly's text, spreadsheets."""

from app.state.keeping import Keeper
from app.state.kept import Keeping
from app.state.session import Session
from app.store import new_workspace_id
from planner.scenario.schema import Scenario
from tests.store_cases import sql_store

# What a name says stands between two marks, so that it is found wherever it is shown: zqa...zza.
SAYINGS = {
    "a": "<img src onerror=pwned=1>",
    "b": "<script>pwned=1</script>",
    "c": "**b** _i_ `c` [l](data:x)",
    "d": "![p](http://evil.example)",
    "e": "$\\frac{a}{b}$ :smile:",
    "f": "<b>b</b><br>&lt;i&amp;",
    "g": "%{x} {{7*7}} <extra>",
    "h": "=cmd|' /C calc'!A0",
    "i": "\u202edlrow\u202c \u2066x\u2069",
    "j": "# head\n- list",
    "k": "' onclick='pwned=1' x=\"",
    "l": "very " * 37,
    "m": ":material/rocket_launch:",
    "n": ":red[r] :streamlit: ~~s~~",
    "o": "<a href=javascript:0>l</a>",
    "p": "http://evil.example/u",
}
FORMULA = '=HYPERLINK("http://evil.example")'


def name(letter: str) -> str:
    """The name with this saying."""
    return f"zq{letter}{SAYINGS[letter]}zz{letter}"


def hostile_file() -> tuple[str, bytes]:
    """A trace whose sources, columns and own name are hostile."""
    sources = [name(letter) for letter in SAYINGS] + [FORMULA]
    quoted = ['"' + source.replace('"', '""') + '"' for source in sources]
    rows = "".join(f"{i / 20},{quoted[i % len(quoted)]}\n" for i in range(1200))
    return f"{name('a')}{name('e')}.csv", f"arrival_s,model\n{rows}".encode()


def hostile_session() -> Session:
    """A session in which everything that has a name has a hostile one."""
    session = Session(keeping=Keeping(workspace=new_workspace_id()))
    file = hostile_file()
    trace = session.uploads.add_trace([file])
    models = [*map(name, SAYINGS), FORMULA]
    half = len(models) // 2
    document = {
        "version": 1, "name": name("f") + name("c"),
        "cluster": {"devices": 4, "device": name("g")},
        "models": [{"name": one, "profile": "bert-1.3b", "slo_scale": 5} for one in models],
        "workload": {"trace": {"path": file[0], "sha256": trace.digest, "map_models": "by_name"}},
        "placements": [
            {"name": name(letter), "groups": [{"pp": 2, "tp": 1, "models": models[:half]},
                                              {"pp": 2, "tp": 1, "models": models[half:]}]}
            for letter in ("a", "e", "g", "m", "o", "p")
        ] + [{"name": name("f"), "search": {"algorithm": "selective_replication"}}],
    }  # fmt: skip
    session.replace("test", Scenario.model_validate(document))
    assert not session.complaints
    return session


def keep_hostile_workspace(folder) -> str:
    """Keep such a session in the data folder of a server, with versions; gives its address."""
    session = hostile_session()
    keeper = Keeper(sql_store(folder))
    keeper.save(session)
    assert session.keeping.problem is None
    for letter in "acdemnp":
        keeper.store.add_version(session.keeping.workspace, name(letter), "\n".join(SAYINGS.values()))
    keeper.store.database.engine.dispose()
    return session.keeping.workspace
