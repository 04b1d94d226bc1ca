"""The pieces of the report that are text and tables; every name in them is escaped."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Sequence

from app.figures.drawing import calm
from app.look import words
from app.look.theme import LIGHT, placement_style
from planner import Comparison, PlacementOutcome
from planner.evidence.validate import known_errors
from planner.explain import paired_difference
from simulator import Figures, Group, Schedule, Serving
from simulator.metrics import Fates
from simulator.traces import count_arrivals

MOST_ROWS = 200
MOST_LINES_OPEN = 60
_SOURCES = {
    "measured": "measured on the device",
    "recovered": "recovered from published results, within about 1 %",
    "estimated": "estimated; the published results do not determine it",
    "modelled": "from the parallelisation model",
}


def text(value: object) -> str:
    """Anything as HTML text."""
    return html.escape(calm(str(value)))


def dot(hue: int) -> str:
    """A dot in the hue of a placement."""
    return f'<span class="dot" style="background:{placement_style(hue, LIGHT).colour}"></span>'


def attainment(figures: Figures) -> float:
    """Deadlines met, 0..1; -1 where there were no requests, so that it ranks last."""
    return figures.total.slo_attainment if math.isfinite(figures.total.slo_attainment) else -1.0


def head(comparison: Comparison, made_on: str) -> str:
    """The scenario's name, and what was compared on what."""
    cluster, workload = comparison.inputs.problem.cluster, comparison.inputs.problem.workload
    about = [
        f"{words.plural(len(workload), 'request')} over {words.span(workload.span_s)}",
        words.plural(len(comparison.inputs.problem.models), "model"),
        f"{words.plural(cluster.devices, 'device')} ({cluster.device}, {words.gib(cluster.memory_gib)} for weights)",
        *([made_on] if made_on else []),
    ]
    return f'<h1>{text(comparison.scenario.name)}</h1><p class="quiet">{text(" · ".join(about))}</p>'


def verdict(comparison: Comparison) -> str:
    """The best placement in one sentence, the others in the next, then those that this run cannot tell from it."""
    outcomes = comparison.outcomes
    ranked = sorted(outcomes, key=lambda o: -attainment(o.figures))
    figures = [o.figures for o in ranked]
    sentences = words.verdict(
        [o.name for o in ranked],
        [f.total.slo_attainment for f in figures],
        [f.half_width for f in figures],
        [comparison.inputs.problem.cluster.devices] * len(ranked),
    )
    near = [
        outcome.name
        for outcome in ranked[1:]
        if not paired_difference(outcome.result, ranked[0].result, comparison.inputs.warmup_s).is_clear
    ]
    sentences = f"{sentences} {words.undecided(near)}".rstrip()
    first, _, rest = sentences.partition(". ")
    more = f'<p class="verdict-more">{text(rest)}</p>' if rest else ""
    return f'<p class="verdict">{dot(outcomes.index(ranked[0]))}{text(first.rstrip("."))}.</p>{more}'


def tiles(comparison: Comparison, best: PlacementOutcome) -> str:
    """Headline numbers of the best placement, with the differences against three others."""
    outcomes, mine = comparison.outcomes, best.figures
    others = [(hue, o) for hue, o in enumerate(outcomes) if o is not best][:3]
    total, price = mine.total, comparison.inputs.problem.cluster.usd_per_hour

    def tile(label: str, value: str, side: str, difference: Callable[[Figures], str] | None) -> str:
        lines = "".join(
            f'<div class="tile-more">{dot(hue)}'
            f"{text(f'{difference(o.figures)} against {words.shorten(o.name, 26)}')}</div>"
            for hue, o in others
            if difference
        )
        small = f" <small>{text(side)}</small>" if side else ""
        return (
            f'<div><div class="tile-label">{text(label)}</div>'
            f'<div class="tile-value">{text(value)}{small}</div>{lines}</div>'
        )

    drawn = [
        tile("deadlines met (SLO attainment)", words.share(total.slo_attainment),
             words.uncertainty(total.slo_attainment, mine.half_width),
             lambda f: words.points_difference(total.slo_attainment, f.total.slo_attainment)),
        tile("missed deadlines", words.count(_missed(total)), f"of {words.count(total.requests)}",
             lambda f: words.count_difference(_missed(total), _missed(f.total))),
        tile("99 of 100 answers within (p99)", words.duration(total.latency_s.p99), "",
             lambda f: words.duration_difference(total.latency_s.p99, f.total.latency_s.p99)),
        tile("devices busy (utilisation)", words.share(mine.utilization), "",
             lambda f: words.points_difference(mine.utilization, f.utilization)),
    ]  # fmt: skip
    if price > 0:
        devices = words.plural(comparison.inputs.problem.cluster.devices, "device")
        drawn.append(tile(f"price of {devices}", words.usd_per_hour(price), "", None))
    return f'<div class="tiles">{"".join(drawn)}</div>'


def comparison_table(comparison: Comparison) -> str:
    """One row a placement, in the scenario's order."""
    header = ("placement", "deadlines met", "requests", "served", "late", "rejected", "unplaced", "goodput (req/s)",
              "mean", "p50", "p90", "p95", "p99", "devices busy")  # fmt: skip
    rows = []
    for hue, outcome in enumerate(comparison.outcomes):
        f, latency_s = outcome.figures, outcome.figures.total.latency_s
        met = (
            f"{words.share(f.total.slo_attainment)} {words.uncertainty(f.total.slo_attainment, f.half_width)}".rstrip()
        )
        rows.append(
            [f"{dot(hue)}<bdi>{text(outcome.name)}</bdi>", text(met), *_counts(f.total),
             text(words.number(f.goodput_per_s)),
             *(text(words.duration(x)) for x in (latency_s.mean, latency_s.p50, latency_s.p90, latency_s.p95,
                                                latency_s.p99)),
             text(words.share(f.utilization))]
        )  # fmt: skip
    note = (
        "Latencies are those of answered requests, from arrival to answer. ± or both ends are the 95 % interval, "
        "in points (batch means)."
    )
    return _table(header, rows) + f'<p class="quiet">{note}</p>'


def how_found(outcome: PlacementOutcome) -> str:
    """By hand, or by which search."""
    found = outcome.search
    if found is None:
        return '<p class="quiet">Given by hand.</p>'
    answer_after_s = found.steps[-1].seconds if found.steps else None
    sentence = (
        f"Found by {found.algorithm}: {words.search_took(found.seconds, found.evaluations, answer_after_s)}; "
        f"{words.STOP_REASONS.get(found.stop_reason, found.stop_reason)}."
    )
    return f'<p class="quiet">{text(" ".join([sentence, *found.notes]))}</p>'


def model_table(outcome: PlacementOutcome) -> str:
    """One row a model, the one that misses most on top."""
    deadline_s = {model.name: model.slo_s for model in outcome.result.models}
    ranked = sorted(outcome.figures.models, key=lambda item: -_missed(item[1]))
    header = ("model", "deadline", "deadlines met", "requests", "served", "late", "rejected", "unplaced", "p50", "p99")
    rows = [
        [f"<bdi>{text(name)}</bdi>", text(words.duration(deadline_s[name])), text(words.share(f.slo_attainment)),
         *_counts(f), text(words.duration(f.latency_s.p50)), text(words.duration(f.latency_s.p99))]
        for name, f in ranked[:MOST_ROWS]
    ]  # fmt: skip
    return _folded(f"Model by model ({words.count(len(ranked))})", header, rows, len(ranked))


def group_table(outcome: PlacementOutcome) -> str:
    """One row a group, in the order of the placement."""
    groups = outcome.figures.groups
    header = (
        "group",
        "models",
        "deadlines met",
        "requests",
        "busy",
        "waiting, mean",
        "between stages",
        "waiting, most",
    )
    rows = [
        [text(f"{g.index}: {words.group_size(g.pp, g.tp)}"), _names(g.models),
         text(words.share(g.fates.slo_attainment)), text(words.count(g.fates.requests)),
         text(words.share(g.utilization)), text(words.number(g.mean_queue)),
         text(words.number(g.mean_queue_between_stages)), text(words.count(g.max_queue))]
        for g in groups[:MOST_ROWS]
    ]  # fmt: skip
    return _folded(f"Group by group ({words.count(len(groups))})", header, rows, len(groups), left=(1,))


def sources(comparison: Comparison) -> str:
    """What went in: the traffic, the serving rules, the profiles, and how far off the simulator is known to be."""
    problem, trace = comparison.inputs.problem, comparison.inputs.trace
    workload = problem.workload
    numbers = count_arrivals(workload.arrival_s)
    facts = [
        ("requests", words.count(len(workload))),
        ("over", words.span(numbers.span_s)),
        ("mean rate", words.rate(numbers.rate_per_s)),
        ("burstiness (CV)", words.number(numbers.cv)),
    ]
    if trace is not None:
        facts += [
            ("trace", ", ".join(comparison.scenario.workload.replayed.paths)),
            ("SHA-256", f"{trace.digest[:16]}…"),
        ]
    if comparison.inputs.warmup_s > 0:
        facts.append(("left out at both ends", words.span(comparison.inputs.warmup_s)))
    notices = "".join(f'<p class="quiet">{text(notice)}</p>' for notice in comparison.notices)
    return (
        f"<h2>Where the numbers come from</h2><h3>Traffic</h3>{_facts(facts)}{notices}"
        f"<h3>Rules of the serving system</h3>{_facts(_serving_facts(problem.serving))}"
        f"<h3>Known error</h3>{_known_error_table()}"
        f"<h3>Profiles</h3>{_profile_table(comparison)}"
    )


def reopening(yaml: str) -> str:
    """The scenario to read, folded where it is long, and how to compute it again."""
    opened = " open" if yaml.count("\n") <= MOST_LINES_OPEN else ""
    return (
        "<h2>Open it again</h2><p>This file holds its scenario, with searched placements filled in as found: open it "
        "on the page Scenario, which asks for an uploaded trace, or save the YAML below as scenario.yaml, put "
        "the trace beside it, and run "
        "<code>python -m planner simulate scenario.yaml --json</code>. Both give the same numbers to the last digit; "
        "they stand in full in this file, in the script with the id <code>figures</code>.</p>"
        f'<details{opened}><summary>Scenario (YAML)</summary><pre id="yaml">{html.escape(yaml)}</pre></details>'
    )


def _serving_facts(serving: Serving) -> list[tuple[str, str]]:
    batch = f"up to {serving.max_batch_size}" if serving.max_batch_size > 1 else "one by one"
    return [
        ("dispatch", serving.dispatch.replace("_", " ")),
        ("admission", "by deadline" if serving.admission == "deadline" else "everything"),
        ("margin of admission", words.duration(serving.admission_margin_s)),
        ("delay from the client", words.duration(serving.client_delay_s)),
        ("to the group", words.duration(serving.dispatch_delay_s)),
        ("before the start", words.duration(serving.start_delay_s)),
        ("of the answer", words.duration(serving.response_delay_s)),
        ("overhead of a stage", f"{100 * serving.stage_overhead:g}{words.SPACE}% for each stage"),
        ("batches", batch),
        ("loading weights", f"{serving.load_s_per_gib:g}{words.SPACE}s/GiB"),
        ("a change of placement", "forgets the backlog" if serving.forget_backlog else "keeps the backlog"),
    ]


def _known_error_table() -> str:
    header = ("published runs", "serving preset", "runs", "mean error (points)", "largest error (points)", "bias")
    rows = [
        [text(s.runs), text(s.preset), text(words.count(s.count)), words.fixed(100 * s.mean_abs, 2),
         words.fixed(100 * s.max_abs, 2),
         text(words.signed(100 * s.bias, 2))]
        for s in known_errors()
    ]  # fmt: skip
    note = "Simulated attainment against that of published runs, with the built-in profiles."
    return f'<p class="quiet">{note}</p>' + _table(header, rows, left=(1,))


def _profile_table(comparison: Comparison) -> str:
    """Every profile entry that some group of some placement runs."""
    profiles = {model.name: model.profile for model in comparison.inputs.problem.models}
    used = {
        (profiles[name].name, group.pp, group.tp): profiles[name].entry(group.pp, group.tp)
        for outcome in comparison.outcomes
        for group in _groups(outcome)
        for name in group.models
    }
    header = ("profile", "cut into", "latency alone", "slowest stage", "weights on a device", "source")
    rows = [
        [f"<bdi>{text(name)}</bdi>", text(words.group_size(pp, tp)), text(words.duration(entry.latency_s)),
         text(words.duration(max(entry.stage_latency_s))), text(words.gib(entry.max_weight_gib)),
         text(_SOURCES[entry.source])]
        for (name, pp, tp), entry in sorted(used.items())
    ]  # fmt: skip
    return _table(header, rows[:MOST_ROWS], left=(1, 5)) + _more(len(rows))


def _groups(outcome: PlacementOutcome) -> list[Group]:
    placement = outcome.placement
    epochs = [p for _, p in placement.epochs] if isinstance(placement, Schedule) else [placement]
    return [group for epoch in epochs for group in epoch.groups]


def _names(names: Sequence[str], most: int = 12) -> str:
    shown = ", ".join(f"<bdi>{text(words.shorten(name, 30))}</bdi>" for name in names[:most])
    return shown + (f" and {words.count(len(names) - most)} more" if len(names) > most else "")


def _counts(fates: Fates) -> list[str]:
    return [text(words.count(n)) for n in (fates.requests, fates.served, fates.late, fates.rejected, fates.unplaced)]


def _missed(fates: Fates) -> int:
    return fates.requests - fates.served


def _folded(title: str, header: Sequence[str], rows: list, total: int, left: Sequence[int] = ()) -> str:
    opened = " open" if total <= 12 else ""
    return f"<details{opened}><summary>{text(title)}</summary>{_table(header, rows, left)}{_more(total)}</details>"


def _more(total: int) -> str:
    if total <= MOST_ROWS:
        return ""
    return f'<p class="quiet">The first {MOST_ROWS} of {words.count(total)}; all stand in the script figures.</p>'


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], left: Sequence[int] = ()) -> str:
    """header: plain text; rows: cells of HTML; left: columns of text beside the first."""

    def cells(row: Sequence[str], tag: str) -> str:
        return "".join(
            f"<{tag}{' class=text' if column in left else ''}>{cell}</{tag}>" for column, cell in enumerate(row)
        )

    lines = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows)
    head_line = cells([text(name) for name in header], "th")
    return f'<div class="wide"><table><thead><tr>{head_line}</tr></thead><tbody>{lines}</tbody></table></div>'


def _facts(facts: Sequence[tuple[str, str]]) -> str:
    return "<dl>" + "".join(f"<div><dt>{text(n)}</dt><dd>{text(v)}</dd></div>" for n, v in facts) + "</dl>"
