"""The placement as configuration of a serving system."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import takewhile

import streamlit as st

from app.look.style import plain_text
from app.state.answer import Answer, TokenAnswer, TokenAnswered
from app.state.drafting import Draft
from planner.export import ENGINE_TARGETS, TARGETS, export_engines, export_placement
from simulator import InputError

_TITLES = {
    "ray": "Ray Serve",
    "vllm": "vLLM commands",
    "kubernetes": "Kubernetes",
    "triton": "Triton",
    "json": "JSON",
}


def draw_exports(answer: Answer, draft: Draft) -> None:
    """The placement under one's hands as files of a serving system."""
    problem = answer.inputs.under(answer.entry(draft.start_name).section).problem
    placement = draft.now if draft.is_changed else replace(draft.now, name=draft.start_name)
    _draw_files(TARGETS, lambda target: export_placement(
        placement, problem.models, problem.cluster, problem.serving, target
    ))  # fmt: skip


def draw_engine_exports(answer: TokenAnswer, entry: TokenAnswered) -> None:
    """The engines of a placement of generating models, with their limits, as files of a serving system."""
    placement = entry.outcome.placement
    _draw_files(ENGINE_TARGETS, lambda target: export_engines(placement, answer.inputs.problem, target))


def _draw_files(targets: Sequence[str], export: Callable[[str], dict[str, str]]) -> None:
    """The choice of the system, what is lost there, and its files to look at and to download."""
    st.header("Take it to production", anchor=False)
    target = st.segmented_control(
        "Serving system", targets, key="export.target", format_func=_TITLES.__getitem__, default=None, required=True,
        help="The placement above as files for this system.",
    )  # fmt: skip
    if target is None:
        st.caption("Choose a system to see its files, and what it does otherwise than the simulation.")
        return
    try:
        files = export(target)
    except InputError as error:
        st.error(plain_text(str(error)))
        return
    with st.expander("What is assumed, and what is lost", expanded=True):
        st.markdown(_note(next(iter(files.values()))))
    st.download_button(
        "All files (ZIP)", lambda: _zipped(files), f"{target}.zip", "application/zip", key="export.zip",
        on_click="ignore", type="primary", icon=":material/folder_zip:",
    )  # fmt: skip
    name = st.selectbox("File", list(files), key=f"export.file.{target}") if len(files) > 1 else next(iter(files))
    st.code(files[name], language=_language(name), height=360)
    st.download_button(
        f"{name}", files[name], name.replace("/", "_"), "text/plain", key=f"export.one.{target}", on_click="ignore",
        icon=":material/download:",
    )  # fmt: skip


def _note(text: str) -> str:
    """The head of a file as Markdown: comment lines, or the lists of a JSON document."""
    if text.startswith("{"):
        document = json.loads(text)
        lines = ["The simulation assumed:", *(f"- {line}" for line in document["assumptions"])]
        losses = [f"- {line}" for line in document["losses"]]
        lines += ["", "What a reader of this file has to do otherwise:" if losses else "Nothing is lost.", *losses]
    else:
        comments = (line for line in text.splitlines() if not line.startswith("#!"))
        lines = [line.removeprefix("#").strip() for line in takewhile(lambda line: line.startswith("#"), comments)]
    return "\n".join(line[:2] + plain_text(line[2:]) if line.startswith("- ") else plain_text(line) for line in lines)


def _zipped(files: dict[str, str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return out.getvalue()


def _language(name: str) -> str:
    return {"yaml": "yaml", "json": "json", "sh": "bash"}.get(name.rpartition(".")[2], "text")
