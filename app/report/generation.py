"""The report of models that generate: the same file as of the others, about tokens, engines and caches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from app.figures.compare import build_differences_figure, describe_differences
from app.figures.generation_over_time import build_engines_figure, describe_engines, engine_name
from app.figures.generation_placement import build_engine_memory_figure, cache_in_use, describe_memory
from app.figures.generation_plan import (
    DEADLINES,
    build_deadlines_figure,
    build_token_latency_figure,
    describe_deadlines,
    describe_token_latency,
)
from app.look import words
from app.look.causes import causes_in_words
from app.look.markup import render
from app.report import parts
from app.report.answers import AnswerInReport
from app.report.build import MOST_IN_FIGURES, Drawn, drawn, frame
from app.report.parts import MOST_ROWS, Table, colour_of
from planner.export.layout import lay_out_engines
from planner.generation.causes import missed_by_cause
from planner.generation.compare import TokenComparison, TokenOutcome, groups_by_kind, never_run
from planner.generation.figures import deadlines_kept
from planner.generation.inputs import TokenInputs
from planner.generation.known_errors import NOT_MODELLED, known_generation_errors
from planner.generation.paired import fixed_requests, half_width, paired_token_difference, token_model_differences
from planner.scenario.link import repeatable
from simulator import InputError, Placement, Workload
from simulator.generation import GenerationFigures
from simulator.metrics import counted_rows
from simulator.traces import count_arrivals

_SECONDS = ("ttft", "tpot", "e2e")


def build_token_report(comparison: TokenComparison, made_on: str = "", answers: Sequence[AnswerInReport] = ()) -> str:
    """The whole report as HTML, with the scenario and all figures in it, as build_report.

    Raises InputError if the comparison holds no placement.
    """
    if not comparison.outcomes:
        raise InputError("The comparison holds no placement yet; a report needs at least one.")
    comparison = replace(comparison, scenario=repeatable(comparison))
    ranked = sorted(comparison.outcomes, key=lambda o: -_met(o))
    best = ranked[0]
    hue = comparison.outcomes.index(best)
    return render(
        "report/generation.html",
        **frame(comparison),
        about=_about(comparison, made_on),
        not_modelled=NOT_MODELLED,
        best_colour=colour_of(hue),
        best_name=words.shorten(best.name),
        sentences=verdict(comparison, ranked),
        comparison_table=comparison_table(comparison),
        answers=answers,
        overview=_overview(comparison),
        pair=_pair(comparison, best, ranked[1]) if len(ranked) > 1 else None,
        placements=[_placement(comparison, number) for number in range(len(comparison.outcomes))],
        traffic_facts=_traffic_facts(comparison),
        notices=[*comparison.inputs.notices, *_remarks(comparison)],
        engine_facts=_engine_facts(comparison),
        known_error_table=_known_error_table(),
        profile_table=_profile_table(comparison.inputs),
    )


def _remarks(comparison: TokenComparison) -> list[str]:
    said = ((o.name, sentence) for o in comparison.outcomes for sentence in (o.remark, never_run(o, comparison.inputs)))
    return [f"{words.shorten(name)}: {sentence}" for name, sentence in said if sentence]


def verdict(comparison: TokenComparison, ranked: list[TokenOutcome]) -> str:
    """The best of the placements in one sentence, the others, and those that this run cannot tell from it."""
    known = [o for o in ranked if o.slo_attainment is not None]
    if not known:
        return "No request counts, so there is no deadline to meet."
    inputs = comparison.inputs
    sentences = words.verdict(
        [o.name for o in known], [_met(o) for o in known], [half_width(o, inputs) for o in known],
        [o.placement.devices for o in known],
    )  # fmt: skip
    near = [o.name for o in known[1:] if not paired_token_difference(o, known[0], inputs).is_clear]
    said = (sentences, words.undecided(near), mixed_in_words(inputs))
    return " ".join(sentence for sentence in said if sentence)


def mixed_in_words(inputs: TokenInputs) -> str:
    """What counts where, in scenarios with models of both kinds; empty in others."""
    if inputs.fixed is None:
        return ""
    return (
        f"This counts {words.plural(fixed_requests(inputs), 'request')} to models with fixed latencies too; the table "
        "and the pictures below are of models that generate alone."
    )


def comparison_table(comparison: TokenComparison) -> Table:
    """One row a placement, in the scenario's order: deadlines apart and together, times, speed, cost, fates."""
    asked = [name for name in (*_SECONDS, "all") if any(name in o.figures.total.attainment for o in
                                                        comparison.outcomes)]  # fmt: skip
    labels = {name: "all deadlines met" if name == "all" else f"{DEADLINES[name]} in time" for name in asked}
    header = ("placement", "devices", *labels.values(), *(f"{name.upper()} p99" for name in _SECONDS),
              "goodput (req/s)", "tokens/s", "$ a million tokens", "requests", "preempted", "too long",
              "unplaced", "turned away")  # fmt: skip
    rows = []
    for outcome in comparison.outcomes:
        figures, total = outcome.figures, outcome.figures.total
        rows.append([
            outcome.name,
            words.count(outcome.placement.devices),
            *(_share(total.attainment.get(name), figures.half_widths.get(name)) for name in asked),
            *(_p99(total, name) for name in _SECONDS),
            _known(total.goodput_per_s, words.number),
            _known(total.output_tokens_per_s, words.count),
            _known(figures.usd_per_million_tokens, partial(words.fixed, digits=2)),
            *map(words.count, (total.requests, total.preemptions, total.too_long, total.unplaced, total.rejected)),
        ])  # fmt: skip
    return Table(header, rows, len(rows), colours=[colour_of(hue) for hue in range(len(rows))])


def _met(outcome: TokenOutcome) -> float:
    return -1.0 if outcome.slo_attainment is None else outcome.slo_attainment


def _share(share: float | None, half: float | None) -> str:
    if share is None:
        return words.NOTHING
    return f"{words.share(share)} {'' if half is None else words.uncertainty(share, half)}".rstrip()


def _p99(figures: GenerationFigures, quantity: str) -> str:
    spread = getattr(figures, f"{quantity}_s")
    return words.NOTHING if spread is None else words.duration(spread.p99)


def _known(value: float | None, said) -> str:
    return words.NOTHING if value is None else said(value)


def _about(comparison: TokenComparison, made_on: str) -> str:
    problem = comparison.inputs.problem
    cluster, workload = problem.cluster, problem.workload
    facts = [
        f"{words.plural(len(workload), 'request')} that generate",
        words.plural(len(problem.models), "model"),
        f"{words.plural(cluster.devices, 'device')} ({cluster.device}, {words.gib(cluster.memory_gib)} for weights and "
        "cache)",
        *([made_on] if made_on else []),
    ]
    return " · ".join(facts)


def _counted(inputs: TokenInputs) -> slice:
    workload = inputs.problem.workload
    return counted_rows(Workload(workload.arrival_s, workload.model, len(workload.models)), inputs.warmup_s)


def _overview(comparison: TokenComparison) -> dict[str, Drawn]:
    shown = comparison.outcomes[:MOST_IN_FIGURES]
    names, figures, results = [o.name for o in shown], [o.figures for o in shown], [o.result for o in shown]
    slos, rows = [model.slo for model in comparison.inputs.problem.models], _counted(comparison.inputs)
    return {
        "deadlines": drawn("deadlines", build_deadlines_figure(names, figures), describe_deadlines(names, figures)),
        "latency": drawn(
            "latency", build_token_latency_figure(names, results, slos, rows=rows),
            describe_token_latency(names, results, rows),
        ),
    }  # fmt: skip


def _pair(comparison: TokenComparison, best: TokenOutcome, rival: TokenOutcome) -> dict[str, Any]:
    """The best placement against the next best, model by model."""
    hues, names = tuple(comparison.outcomes.index(o) for o in (rival, best)), (rival.name, best.name)
    gaps = token_model_differences(rival, best, comparison.inputs)
    figure = build_differences_figure(gaps, names, hues=(hues[0], hues[1]))
    return {
        "colour": colour_of(hues[0]),
        "name": words.shorten(rival.name),
        "differences": drawn("differences", figure, describe_differences(gaps, names)),
    }


def _placement(comparison: TokenComparison, hue: int) -> dict[str, Any]:
    outcome, inputs = comparison.outcomes[hue], comparison.inputs
    figures, memory, over_time = outcome.figures, None, None
    groups = groups_by_kind(outcome.placement, inputs)[0]
    if groups:
        layout = lay_out_engines(Placement(groups, outcome.name), inputs.problem)
        used = cache_in_use(layout, figures.engines)
        picture = build_engine_memory_figure(layout, used, hue=hue)
        memory = drawn(f"memory-{hue}", picture, describe_memory(layout, used))
        rows = _counted(inputs)
        met = deadlines_kept(inputs.problem, outcome.result)["all"][rows]
        arrivals_s = inputs.problem.workload.arrival_s[rows]
        series = (outcome.name, figures.engines, figures.over_time)
        over_time = drawn(f"engines-{hue}", build_engines_figure(*series, arrivals_s, met, hue=hue),
                          describe_engines(*series))  # fmt: skip
    return {
        "colour": colour_of(hue),
        "name": outcome.name,
        "how_found": parts.how_found(outcome.search),
        "memory": memory,
        "over_time": over_time,
        "causes": f"Why are they late? {causes_in_words(missed_by_cause(outcome, inputs), len(inputs.problem.models))}",
        "models": _model_table(outcome),
        "engines": _engine_table(outcome),
    }


def _model_table(outcome: TokenOutcome) -> Table:
    header = ("model", "requests", "all met", *(f"{name.upper()} met" for name in _SECONDS),
              *(f"{name.upper()} p99" for name in _SECONDS), "tokens/s", "preempted", "not served")  # fmt: skip
    rows = [
        [name, words.count(f.requests), *(_share(f.attainment.get(what), None) for what in ("all", *_SECONDS)),
         *(_p99(f, what) for what in _SECONDS), _known(f.output_tokens_per_s, words.count), words.count(f.preemptions),
         words.count(f.too_long + f.unplaced + f.rejected)]
        for name, f in list(outcome.figures.models.items())[:MOST_ROWS]
    ]  # fmt: skip
    total = len(outcome.figures.models)
    return Table(header, rows, total, title=f"Model by model ({words.count(total)})")


def _engine_table(outcome: TokenOutcome) -> Table:
    header = ("engine", "group", "requests", "busy", "running, mean", "KV blocks", "KV in use, mean", "KV in use, most",
              "preempted", "output tokens")  # fmt: skip
    engines = outcome.figures.engines
    rows = [
        [engine_name(e), words.count(e.group), words.count(e.requests), _known(e.busy, words.share),
         _known(e.mean_running, words.number), words.count(e.kv_blocks), _known(e.mean_cache, words.share),
         _known(e.peak_cache, words.share), words.count(e.preemptions), words.count(e.output_tokens)]
        for e in engines[:MOST_ROWS]
    ]  # fmt: skip
    return Table(header, rows, len(engines), title=f"Engine by engine ({words.count(len(engines))})")


def _traffic_facts(comparison: TokenComparison) -> list[tuple[str, str]]:
    inputs = comparison.inputs
    workload, numbers = inputs.problem.workload, count_arrivals(inputs.problem.workload.arrival_s)
    facts = [
        ("requests that generate", words.count(len(workload))),
        ("over", words.span(numbers.span_s)),
        ("mean rate", words.rate(numbers.rate_per_s)),
        ("burstiness (CV)", words.number(numbers.cv)),
    ]
    for name, tokens in (("prompt", workload.input_tokens), ("output", workload.output_tokens)):
        middle, most = np.percentile(tokens, (50, 99))
        facts.append((f"{name} tokens, p50 and p99", f"{words.count(middle)} and {words.count(most)}"))
    if inputs.trace is not None:
        paths = ", ".join(comparison.scenario.workload.replayed.paths)
        facts += [("trace", paths), ("SHA-256", f"{inputs.trace.digest[:16]}…")]
    if inputs.fixed is not None:
        facts.append(("requests to models with fixed latencies", words.count(len(inputs.fixed.workload))))
    if inputs.warmup_s > 0:
        facts.append(("left out at both ends", words.span(inputs.warmup_s)))
    return facts


def _engine_facts(comparison: TokenComparison) -> list[tuple[str, str]]:
    section = comparison.inputs.problem.section
    apart = any(group.role for outcome in comparison.outcomes for group in outcome.placement.groups)
    blocks = "what weights leave" if section.kv_blocks is None else f"{words.count(section.kv_blocks)} blocks"
    return [
        ("new tokens of an iteration, at most", words.count(section.max_num_batched_tokens)),
        ("running requests, at most", words.count(section.max_num_seqs)),
        ("KV cache", f"{blocks}, {words.count(section.block_size)} tokens a block"),
        ("prompts", "cut and mixed with decoding" if section.chunked_prefill else "whole, before decoding"),
        ("dispatch", section.dispatch.replace("_", " ")),
        ("admission", "every request" if section.admission == "none" else "by the predicted time to the first token"),
        ("switching between engines", words.duration(section.switch_s) if section.switch_s else "free"),
        *([("caches move at", f"{section.kv_transfer_gb_per_s:g} GB/s, not validated")] if apart else []),
    ]


def _known_error_table() -> Table:
    header = ("against", "case", "quantity", "error (%)")
    rows = [[e.check, e.case, e.quantity, words.signed(100 * e.error, 1)] for e in known_generation_errors()]
    return Table(header, rows[:MOST_ROWS], len(rows), left=(1, 2))


def _profile_table(inputs: TokenInputs) -> Table:
    header = ("profile", "device", "tp", "weights on a device", "error of the fit, median", "from")
    used = dict.fromkeys(p for model in inputs.problem.models for p in model.profiles.values())
    rows = [
        [p.name, p.device, words.count(p.tp), _known(p.weight_gib, words.gib),
         words.NOTHING if p.error is None else words.share(p.error.median), p.provenance]
        for p in used
    ]  # fmt: skip
    return Table(header, rows[:MOST_ROWS], len(rows), left=(1, 5))
