"""The answer for models that generate: deadlines one by one and together, speed, cost, and what engines do."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from app.figures.drawing import on_clock
from app.figures.generation_over_time import build_engines_figure, describe_engines
from app.figures.generation_plan import (
    DEADLINES,
    build_deadlines_figure,
    build_token_latency_figure,
    describe_deadlines,
    describe_token_latency,
)
from app.look import words
from app.look.causes import causes_in_words
from app.look.markup import piece
from app.look.style import current_theme, draw_figure, plain_text, tile_html, title_apart, verdict_html
from app.look.table import show_table
from app.panels.clock import began_at
from app.panels.keep import draw_wrapped
from app.panels.verdict import draw_remarks
from app.state.answer import TokenAnswer, TokenAnswered, nothing_last
from app.state.results import kept
from planner.explain import PairedDifference
from planner.generation.causes import missed_by_cause
from planner.generation.compare import never_run
from planner.generation.figures import deadlines_kept
from planner.generation.known_errors import NOT_MODELLED
from planner.generation.paired import half_width, paired_token_difference
from planner.what_if.unseen import Unseen
from planner.what_if.unseen_words import changed_sentence, unseen_cell, unseen_sentence
from simulator import Workload
from simulator.metrics import counted_rows

MOST_ENGINE_ROWS = 200


def draw_verdict(answer: TokenAnswer, unseen: Unseen | None = None) -> None:
    """The best placement in one sentence, the others in the next; and what is not simulated.

    unseen: scores on traffic that was not planned for; where the first is another one there, that is said first.
    """
    ranked = sorted(answer.shown, key=lambda entry: -nothing_last(entry.outcome.slo_attainment))
    shares = [(entry, entry.outcome.slo_attainment) for entry in ranked]
    met = [(entry, share) for entry, share in shares if share is not None]
    known = [entry for entry, _ in met]
    if not known:
        st.html(verdict_html(ranked[0].hue, "No request counts, so there is no deadline to meet."))
        return
    sentences = words.verdict(
        [entry.section.name for entry in known],
        [share for _, share in met],
        [_half_width(entry, answer) for entry in known],
        [entry.outcome.placement.devices for entry in known],
    )
    first, more = (changed_sentence(unseen), unseen_sentence(unseen)) if unseen else ("", "")
    hue = next((e.hue for e in known if first and unseen and e.section.name == unseen.first.name), known[0].hue)
    st.html(verdict_html(hue, " ".join(filter(None, (first, sentences, undecided(known, answer), more)))))
    draw_remarks(ranked)
    for sentence in never_run_in_words(ranked, answer):
        st.warning(plain_text(sentence))
    st.caption(
        ":material/info: A request meets its deadlines if it keeps every one that its model has. "
        + plain_text(NOT_MODELLED)
    )


def never_run_in_words(entries: Sequence[TokenAnswered], answer: TokenAnswer) -> list[str]:
    """Which requests of which placement are longer than every cache; what is true of all is said once."""
    if not answer.is_current:
        return []
    said = {entry.section.name: never_run(entry.outcome, answer.inputs) for entry in entries}
    different = dict.fromkeys(said.values())
    if len(different) == 1:
        return [sentence for sentence in different if sentence]
    return [f"{words.shorten(name)}: {sentence}" for name, sentence in said.items() if sentence]


def undecided(ranked: Sequence[TokenAnswered], answer: TokenAnswer) -> str:
    """Which of the others this run cannot tell from the best one; empty if there is none."""
    best, *others = ranked
    if not answer.is_current:
        return ""
    same = [e for e in others if is_same(e, best)]
    near = [e.section.name for e in others if e not in same and not paired(e, best, answer).is_clear]
    return " ".join(filter(None, (words.undecided(near), same_in_words(same, best, answer))))


def is_same(first: TokenAnswered, second: TokenAnswered) -> bool:
    """Whether two placements have the same groups."""
    return first.outcome.placement.groups == second.outcome.placement.groups


def same_in_words(same: Sequence[TokenAnswered], best: TokenAnswered, answer: TokenAnswer) -> str:
    """That others are the best placement under another name, and what would set them apart; empty without any."""
    if not same:
        return ""
    names = words.join([words.shorten(entry.section.name) for entry in same])
    said = f"{names} {'has' if len(same) == 1 else 'have'} the same groups as {words.shorten(best.section.name)}"
    if len(answer.inputs.problem.models) > 1:
        return f"{said}."
    return f"{said}: with one model there is nothing to share. A second one, under Models, can set them apart."


def paired(
    first: TokenAnswered, second: TokenAnswered, answer: TokenAnswer, model: str | None = None
) -> PairedDifference:
    """By how much the second meets more than the first, of one model's requests or all, and how sure that is."""
    key = ("paired difference", first.outcome_key, second.outcome_key, answer.inputs.warmup_s, model)
    return kept(key, lambda: paired_token_difference(first.outcome, second.outcome, answer.inputs, model))


def draw_tiles(entry: TokenAnswered, answer: TokenAnswer, unseen: Unseen | None = None) -> None:
    """Headline numbers of one placement, each with the difference against the others."""
    others = [other for other in answer.shown if other is not entry][:3]
    mine = entry.outcome.figures
    total = mine.total

    def against(difference) -> list[tuple[int, str]]:
        rows = ((other, difference(other.outcome.figures)) for other in others)
        return [(o.hue, f"{text} against {words.shorten(o.section.name, 26)}") for o, text in rows if text]

    def share_tile(label: str, quantity: str) -> str:
        share = total.attainment[quantity]
        width = words.uncertainty(share, mine.half_widths[quantity])
        # Both ends of an interval are too long to stand beside the number.
        label, width = (label, width) if len(width) <= 6 else (f"{label} ({width})", "")
        said = unseen_cell(unseen, entry.section.name) if quantity == "all" else ""
        held = [(entry.hue, said)] if said else []
        return tile_html(label, words.share(share), width,
                         held + against(lambda f: words.points_difference(share, f.total.attainment[quantity]))
                         )  # fmt: skip

    tiles = []
    if total.attainment:
        tiles.append(share_tile("all deadlines met", "all"))
        single = [name for name in ("ttft", "tpot", "e2e") if name in total.attainment]
        tiles += [share_tile(f"{DEADLINES[name]} in time", name) for name in single if len(single) > 1]
    for label, spread in (("first token (TTFT)", "ttft_s"), ("each later token (TPOT)", "tpot_s")):
        value = getattr(total, spread)
        if value is not None:
            tiles.append(tile_html(
                f"99 of 100: {label}", words.duration(value.p99), "p99",
                against(lambda f, s=spread, v=value: _longer(v, getattr(f.total, s))),
            ))  # fmt: skip
    if total.output_tokens_per_s is not None:
        rate = round(total.output_tokens_per_s)
        tiles.append(tile_html(
            "tokens generated", words.count(rate), "a second",
            against(lambda f: words.count_difference(rate, round(f.total.output_tokens_per_s or 0))),
        ))  # fmt: skip
    if total.goodput_per_s is not None:
        tiles.append(tile_html("requests in time (goodput)", words.rate(total.goodput_per_s)))
    cost = mine.usd_per_million_tokens
    if cost is not None:
        tiles.append(tile_html("price of a million tokens", f"$ {words.fixed(cost, 2)}", f"{mine.devices} devices",
                               against(lambda f: _dearer(cost, f.usd_per_million_tokens))))  # fmt: skip
    st.html(piece("tiles", tiles))


def _longer(mine, other) -> str:
    return "" if other is None else words.duration_difference(mine.p99, other.p99)


def _dearer(mine: float, other: float | None) -> str:
    if other is None:
        return ""
    return "same" if round(mine - other, 2) == 0 else f"$ {words.signed(mine - other, 2)}"


def draw_causes(entry: TokenAnswered, answer: TokenAnswer) -> None:
    """What the requests that miss a deadline spent their time on."""
    if not answer.is_current:
        return
    key = ("causes", entry.outcome_key, answer.inputs.warmup_s)
    causes = kept(key, lambda: missed_by_cause(entry.outcome, answer.inputs))
    sentence = causes_in_words(causes, len(answer.inputs.problem.models))
    st.markdown(f"**Why are they late?** {plain_text(sentence)}")


def draw_deadlines(answer: TokenAnswer) -> None:
    """Every deadline apart, all placements."""
    names, figures = [e.section.name for e in answer.shown], [e.outcome.figures for e in answer.shown]
    hues = [e.hue for e in answer.shown]
    _draw("deadlines", answer.shown, lambda theme: (
        build_deadlines_figure(names, figures, theme, hues), describe_deadlines(names, figures)
    ))  # fmt: skip


def draw_latency(answer: TokenAnswer) -> None:
    """How long first tokens, later tokens and whole requests take, all placements."""
    names, results = [e.section.name for e in answer.shown], [e.outcome.result for e in answer.shown]
    hues, slos, rows = [e.hue for e in answer.shown], [m.slo for m in answer.inputs.problem.models], counted(answer)
    _draw("token-latency", answer.shown, lambda theme: (
        build_token_latency_figure(names, results, slos, theme, hues, rows),
        describe_token_latency(names, results, rows),
    ))  # fmt: skip


def draw_over_time(entry: TokenAnswered, answer: TokenAnswer) -> None:
    """What every engine did over time."""
    outcome = entry.outcome
    name, figures = entry.section.name, outcome.figures

    def make(theme):
        met = deadlines_kept(answer.inputs.problem, outcome.result)["all"][counted(answer)]
        arrivals_s = answer.inputs.problem.workload.arrival_s[counted(answer)]
        bins = figures.over_time
        figure = build_engines_figure(name, figures.engines, bins, arrivals_s, met, theme, entry.hue)
        return on_clock(figure, began_at(answer)), describe_engines(name, figures.engines, bins)

    _draw("engines", [entry], make)


def draw_placements(answer: TokenAnswer) -> None:
    """All placements in one table: groups, deadlines, percentiles, speed, cost."""
    st.header("Dedicated, shared or replicated: the placements side by side", anchor=False)
    table = placement_table(answer.shown)
    # A placement may be called so, too.
    draw_wrapped(table.reset_index(allow_duplicates=True), "placements-table")


def placement_table(entries: Sequence[TokenAnswered]) -> pd.DataFrame:
    """One column a placement, one row a figure, in words."""
    columns = {entry.section.name: _figures_in_words(entry) for entry in entries}
    return pd.DataFrame(columns).fillna(words.NOTHING).rename_axis("figure")


def _figures_in_words(entry: TokenAnswered) -> dict[str, str]:
    figures = entry.outcome.figures
    total = figures.total
    rows = {"groups": entry.outcome.groups_in_words, "devices": words.count(figures.devices)}
    for name, share in total.attainment.items():
        ends = figures.interval(name)
        between = f" ({words.interval(*ends)})" if ends is not None else ""
        rows[f"{DEADLINES[name]} in time" if name != "all" else "all deadlines met"] = words.share(share) + between
    for name in ("ttft", "tpot", "e2e"):
        spread = getattr(total, f"{name}_s")
        if spread is not None:
            values = (words.duration(value) for value in (spread.mean, spread.p50, spread.p90, spread.p99))
            rows[f"{DEADLINES[name]}: mean, p50, p90, p99"] = " / ".join(values)
    if total.goodput_per_s is not None:
        rows["requests in time (goodput)"] = words.rate(total.goodput_per_s)
    if total.output_tokens_per_s is not None:
        rows["tokens a second"] = words.count(total.output_tokens_per_s)
    if figures.usd_per_million_tokens is not None:
        rows["price of a million output tokens"] = f"$ {words.fixed(figures.usd_per_million_tokens, 2)}"
    fates = {
        "preempted, times": total.preemptions,
        "longer than the cache": total.too_long,
        "no engine": total.unplaced,
        "turned away": total.rejected,
    }
    return rows | {name: words.count(number) for name, number in fates.items()}


def draw_models(entry: TokenAnswered) -> None:
    """One row a model, and one for each with fixed latencies."""
    st.header("Model by model", anchor=False)
    rows = []
    for name, figures in entry.outcome.figures.models.items():
        row = {"Model": name, "Requests": figures.requests}
        row |= {("All met (%)" if q == "all" else f"{q.upper()} met (%)"): _percent(s) for q, s in
                figures.attainment.items()}  # fmt: skip
        for quantity in ("ttft", "tpot", "e2e"):
            spread = getattr(figures, f"{quantity}_s")
            row[f"{quantity.upper()} p99 (s)"] = spread and spread.p99
        row |= {"Tokens/s": figures.output_tokens_per_s,
                "Preemptions": figures.preemptions, "Unplaced": figures.unplaced + figures.too_long,
                "Turned away": figures.rejected}  # fmt: skip
        rows.append(row)
    if entry.outcome.fixed_figures is not None:
        rows += [{"Model": f"{name} (fixed latency)", "Requests": fates.requests,
                  "All met (%)": _percent(fates.slo_attainment), "E2E p99 (s)": fates.latency_s.p99}
                 for name, fates in entry.outcome.fixed_figures.models]  # fmt: skip
    show_table(pd.DataFrame(rows), "models-table", "Requests, deadlines met and times of every model", _formats(rows))


def draw_engines(entry: TokenAnswered) -> None:
    """One row an engine, over the whole run."""
    st.header("Engine by engine", anchor=False)
    engines = entry.outcome.figures.engines
    rows = [
        {
            "Engine": e.engine, "Group": e.group, "Model": e.model, **({"Role": e.role} if e.role else {}), "tp": e.tp,
            "Requests": e.requests,
            "Busy (%)": _percent(e.busy), "Running (mean)": e.mean_running, "KV blocks": e.kv_blocks,
            "KV in use, mean (%)": _percent(e.mean_cache), "KV in use, most (%)": _percent(e.peak_cache),
            "Preemptions": e.preemptions, "Output tokens": e.output_tokens,
        }
        for e in engines[:MOST_ENGINE_ROWS]
    ]  # fmt: skip
    show_table(pd.DataFrame(rows), "engines-table", "Requests, busy time, running requests and cache of every engine",
               _formats(rows))  # fmt: skip
    if len(engines) > MOST_ENGINE_ROWS:
        st.caption(f"The first {MOST_ENGINE_ROWS} of {words.count(len(engines))}; all are in the figures as JSON.")


def counted(answer: TokenAnswer) -> slice:
    """The requests to generating models that count."""
    workload = answer.inputs.problem.workload
    return counted_rows(Workload(workload.arrival_s, workload.model, len(workload.models)), answer.inputs.warmup_s)


def _half_width(entry: TokenAnswered, answer: TokenAnswer) -> float:
    key = ("half width", entry.outcome_key, answer.inputs.warmup_s)
    return kept(key, lambda: half_width(entry.outcome, answer.inputs))


def _formats(rows: Sequence[dict]) -> dict:
    """How columns of numbers are written, by the unit in their names."""
    digits = {"(%)": "%.2f", "(s)": "%.3f", "(mean)": "%.1f", "Tokens/s": "%.0f"}
    names = {name for row in rows for name in row}
    return {name: st.column_config.NumberColumn(format=form)
            for name in names for end, form in digits.items() if name.endswith(end)}  # fmt: skip


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _draw(what: str, entries: Sequence[TokenAnswered], make) -> None:
    theme = current_theme()
    identity = tuple((entry.outcome_key, entry.hue, entry.section.name) for entry in entries)

    def made():
        figure, alt = make(theme)
        return title_apart(figure), figure, alt

    title, figure, alt = kept(("figure", what, theme.name, identity), made)
    draw_figure(title, figure, what, alt)
