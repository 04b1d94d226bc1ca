"""Placements of models that generate, side by side on the same requests: ranked, and who gains and loses."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st
from markupsafe import Markup

from app.controls.fields import shown
from app.figures.compare import build_differences_figure, describe_differences
from app.look import words
from app.look.causes import causes_in_words
from app.look.markup import render
from app.look.style import colour_of, plain_text, verdict_html
from app.panels import generation_compare_time, generation_plan
from app.panels.compare_draw import draw_kept
from app.panels.compare_outcomes import chance_note, difference_in_words
from app.panels.compare_table import difference_cell, draw_pair, lowest, range_marks, unsaid_rules
from app.panels.compare_view import TokenView, change_view, current_token_view, write_address
from app.panels.keep import draw_download
from app.panels.verdict import draw_remarks
from app.state.answer import TokenAnswer, TokenAnswered
from app.state.results import kept
from app.state.session import Session
from planner.explain import PairedDifference
from planner.generation.causes import missed_by_cause
from planner.generation.figures import deadlines_kept
from planner.generation.inputs import TokenInputs
from planner.generation.paired import fixed_requests, met_requests, rows_of, token_model_differences
from planner.what_if.unseen import Unseen, UnseenScore
from planner.what_if.unseen_words import unseen_cell
from simulator.generation import GenerationFigures
from simulator.intervals import known_interval, share_half_width, share_interval


@dataclass(frozen=True)
class TokenRow:
    """One placement in the table: deadlines met together, shares in 0..1, and how it differs from the rival.

    figures: of the requests in view; half_widths: of the 95 % intervals of their single attainments. is_all: whether
    these are the requests of all models.
    """

    entry: TokenAnswered
    figures: GenerationFigures
    half_widths: dict[str, float]
    is_all: bool
    met: float
    half_width: float
    missed: int
    requests: int
    difference: PairedDifference

    @property
    def interval(self) -> tuple[float, float]:
        """Both ends of the 95 % interval of `met`."""
        return share_interval(self.met, self.half_width)


def draw_comparison(session: Session, answer: TokenAnswer, unseen: Unseen | None = None) -> None:
    """The pair in a sentence, all placements in a table, and the models that gain and lose."""
    view = current_token_view(session, answer)
    write_address(session)
    gap = generation_plan.paired(view.first, view.second, answer, view.model)
    whose = f" Only requests to {words.shorten(view.model)} are counted." if view.model is not None else ""
    st.html(verdict_html(view.second.hue, difference_in_words(gap, view) + whose))
    draw_remarks(view.shown)
    left, middle, right = st.columns([3, 3, 2])
    draw_pair(session, view, answer, left, middle)
    shown(session, right.selectbox, "Look at one model", "compare.model", view.model,
          lambda model: change_view(session, model=model), options=list(answer.inputs.problem.workload.models),
          placeholder="all models", format_func=lambda name: words.shorten(name, 48),
          help="Everything then counts only the requests of this model.")  # fmt: skip
    rows, unseen = ranked_rows(view, answer), unseen if view.model is None else None
    with st.container(key="ranked", gap="small"):
        st.html(table_html(rows, view, unseen))
        draw_download(as_frame(rows, view, unseen), "compare-table")
    if answer.inputs.fixed is not None and view.model is None:
        st.caption(plain_text(counted_in_words(answer.inputs)))
    st.header("Why are they late?", anchor=False)
    st.html(render("panels/late.html", rows=late_rows(view, answer)))
    generation_compare_time.draw(session, view, answer)
    st.header("Which models gain, which lose?", anchor=False)
    _draw_models(view, answer)


def late_rows(view: TokenView, answer: TokenAnswer) -> list[dict[str, str]]:
    """What the requests of the view that miss a deadline spent their time on, a row a placement."""
    warmup_s, inputs = answer.inputs.warmup_s, answer.inputs
    return [
        {
            "name": words.shorten(entry.section.name),
            "colour": colour_of(entry.hue),
            "why": causes_in_words(kept(("causes", entry.outcome_key, warmup_s, view.model), lambda entry=entry: (
                missed_by_cause(entry.outcome, inputs, view.model)
            )), len(inputs.problem.models)),
        }
        for entry in view.shown
    ]  # fmt: skip


def counted_in_words(inputs: TokenInputs) -> str:
    """What the columns count where models with fixed latencies stand in the same scenario."""
    fixed = words.plural(fixed_requests(inputs), "request")
    return (
        f"All deadlines met, missed and the difference count {fixed} to models with fixed latencies too; times, "
        "goodput, tokens and price are of models that generate alone."
    )


def ranked_rows(view: TokenView, answer: TokenAnswer) -> list[TokenRow]:
    """One row a placement, in the order of the view."""

    def row(entry: TokenAnswered) -> TokenRow:
        met = met_requests(entry.outcome, answer.inputs, view.model)
        share = float(met.mean()) if met.size else math.nan
        gap = generation_plan.paired(view.first, entry, answer, view.model)
        placement = entry.outcome.figures
        figures = placement.total if view.model is None else placement.models[view.model]
        kept_by_each = deadlines_kept(answer.inputs.problem, entry.outcome.result)
        rows = rows_of(answer.inputs, view.model)
        widths = {name: share_half_width(kept_by_each[name][rows]) for name in figures.attainment}
        return TokenRow(
            entry, figures, widths, view.model is None, share, share_half_width(met), int((~met).sum()), met.size, gap
        )  # fmt: skip

    return [kept(("compare row", view.first.outcome_key, e.outcome_key, e.hue, answer.inputs.warmup_s, view.model),
                 lambda e=e: row(e)) for e in view.shown]  # fmt: skip


def table_html(rows: list[TokenRow], view: TokenView, unseen: Unseen | None = None) -> Markup:
    """The rows as an HTML table."""
    low = lowest([end for row in rows for end in (row.interval[0], row.met)])
    return render(
        "panels/generation_compare.html",
        rows=[_cells(row, view, low, unseen) for row in rows],
        low=words.share(low),
        priced=any(_cost(row) is not None for row in rows),
        rival=words.shorten(view.first.section.name, 24),
        rival_colour=colour_of(view.first.hue),
    )


def as_frame(rows: list[TokenRow], view: TokenView, unseen: Unseen | None = None) -> pd.DataFrame:
    """The table as plain numbers, shares in per cent; what is not known is empty."""
    return pd.DataFrame(
        {
            "placement": row.entry.section.name,
            "met": 100 * row.met,
            "met_from": 100 * row.interval[0],
            "met_to": 100 * row.interval[1],
            "unseen_met": 100 * score.mean if (score := _score(unseen, row)) else None,
            "unseen_half_width": 100 * score.half_width if score else None,
            **{f"{name}_met": None if share is None else 100 * share for name, share in _single(row).items()},
            **{f"{name}_met_{end}": value for name in _single(row) for end, value in _ends(row, name).items()},
            "missed": row.missed,
            "requests": row.requests,
            **{f"{name}_p99_s": value for name, value in _p99_s(row).items()},
            "goodput_per_s": row.figures.goodput_per_s,
            "output_tokens_per_s": row.figures.output_tokens_per_s,
            "usd_per_million_output_tokens": _cost(row),
            "against": view.first.section.name,
            "difference_points": 100 * row.difference.difference,
            "half_width_points": 100 * row.difference.half_width,
            "remark": row.entry.outcome.remark or "",
        }
        for row in rows
    )


def _score(unseen: Unseen | None, row: TokenRow) -> UnseenScore | None:
    return unseen.score(row.entry.section.name) if unseen else None


def _single(row: TokenRow) -> dict[str, float | None]:
    attainment = row.figures.attainment
    return {name: attainment.get(name) for name in ("ttft", "tpot", "e2e")}


def _ends(row: TokenRow, quantity: str) -> dict[str, float | None]:
    """Both ends of the 95 % interval of a single attainment, per cent; None where they are not known."""
    ends = known_interval(row.figures.attainment.get(quantity), row.half_widths.get(quantity))
    return {"from": None, "to": None} if ends is None else {"from": 100 * ends[0], "to": 100 * ends[1]}


def _in_time(row: TokenRow, quantity: str, share: float | None) -> str:
    """`98.1 % in time, 97.2 to 98.7 %`."""
    if share is None:
        return ""
    ends = known_interval(share, row.half_widths.get(quantity))
    return f"{words.share(share)} in time" + ("" if ends is None else f", {words.interval(*ends)}")


def _p99_s(row: TokenRow) -> dict[str, float | None]:
    total = row.figures
    spreads = {"ttft": total.ttft_s, "tpot": total.tpot_s, "e2e": total.e2e_s}
    return {name: None if spread is None else spread.p99 for name, spread in spreads.items()}


def _cost(row: TokenRow) -> float | None:
    """USD a million output tokens; devices are paid for all models together, so there is none of a single one."""
    return row.entry.outcome.figures.usd_per_million_tokens if row.is_all else None


def _cells(row: TokenRow, view: TokenView, low: float, unseen: Unseen | None) -> dict[str, Any]:
    figures, total, cost = row.entry.outcome.figures, row.figures, _cost(row)
    p99_s = _p99_s(row)
    difference, sure = difference_cell(row.difference, row.entry is view.first)
    return {
        "name": words.shorten(row.entry.section.name),
        "rules": unsaid_rules(row.entry.section),
        "unseen": unseen_cell(unseen, row.entry.section.name),
        "colour": colour_of(row.entry.hue),
        "met": words.share(row.met),
        "width": words.uncertainty(row.met, row.half_width),
        "range": range_marks(row.met, row.interval, low),
        "times": [
            (
                words.NOTHING if (within_s := p99_s[name]) is None else words.duration(within_s),
                _in_time(row, name, share),
            )
            for name, share in _single(row).items()
        ],
        "missed": words.count(row.missed),
        "requests": words.count(row.requests),
        "goodput": words.NOTHING if total.goodput_per_s is None else words.rate(total.goodput_per_s),
        "tokens": words.NOTHING if total.output_tokens_per_s is None else words.count(round(total.output_tokens_per_s)),
        "cost": words.NOTHING if cost is None else f"$ {words.fixed(cost, 2)}",
        "devices": words.plural(figures.devices, "device"),
        "difference": difference,
        "sure": sure,
    }


def _draw_models(view: TokenView, answer: TokenAnswer) -> None:
    key = (view.first.outcome_key, view.second.outcome_key, answer.inputs.warmup_s)
    found = kept(("differences by model", key), lambda: token_model_differences(
        view.first.outcome, view.second.outcome, answer.inputs
    ))  # fmt: skip
    names = view.first.section.name, view.second.section.name
    hues = view.first.hue, view.second.hue
    draw_kept("compare-differences", (key, names, hues), lambda theme: (
        build_differences_figure(found, names, theme, hues), describe_differences(found, names)
    ))  # fmt: skip
    st.caption(chance_note(len(found)))
