"""What the report says, as plain values; the templates make HTML of them and escape every one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from app.look import words
from app.look.theme import LIGHT, placement_style
from planner import Comparison, PlacementOutcome
from planner.evidence.validate import known_errors
from planner.explain import paired_difference
from planner.search import SearchResult
from planner.what_if.unseen import HeldOut, Unseen
from planner.what_if.unseen_words import unseen_met
from planner.wishes import Wishes
from simulator import Group, Schedule, Serving
from simulator.metrics import Fates
from simulator.traces import count_arrivals

MOST_ROWS = 200
MOST_NAMES = 12
_SOURCES = {
    "measured": "measured on the device",
    "recovered": "recovered from published results, within about 1 %",
    "estimated": "estimated; the published results do not determine it",
    "modelled": "from the parallelisation model",
}

Cell = str | list[str]
"""Text, or names in a row."""


@dataclass(frozen=True)
class Table:
    """Rows of cells; the first of each is a name, with a dot where there are colours.

    left: columns of text beside the first. total: how many rows there would be without MOST_ROWS.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    total: int
    left: Sequence[int] = ()
    colours: Sequence[str] = ()
    title: str = ""


@dataclass(frozen=True)
class Tile:
    """A headline number: its label, a smaller remark beside it, and (colour, difference) of other placements."""

    label: str
    value: str
    side: str
    differences: Sequence[tuple[str, str]] = ()


def colour_of(hue: int) -> str:
    """The colour of a placement on paper."""
    return placement_style(hue, LIGHT).colour


def about(comparison: Comparison, made_on: str) -> str:
    """What was compared on what."""
    problem = comparison.inputs.problem
    cluster, workload = problem.cluster, problem.workload
    facts = [
        f"{words.plural(len(workload), 'request')} over {words.span(workload.span_s)}",
        words.plural(len(problem.models), "model"),
        f"{words.plural(cluster.devices, 'device')} ({cluster.device}, {words.gib(cluster.memory_gib)} for weights)",
        *([made_on] if made_on else []),
    ]
    return " · ".join(facts)


def verdict(comparison: Comparison) -> tuple[int, str]:
    """The hue of the best placement; it in one sentence, the others, and those that this run cannot tell from it."""
    outcomes = comparison.outcomes
    wishes, cluster = Wishes.of(comparison.inputs), comparison.inputs.problem.cluster
    ranked = sorted(outcomes, key=lambda o: wishes.rank(o, cluster), reverse=True)
    figures = [o.figures for o in ranked]
    sentences = words.verdict(
        [o.name for o in ranked],
        [f.total.slo_attainment for f in figures],
        [f.half_width for f in figures],
        [cluster.devices] * len(ranked),
    )
    near = [
        outcome.name
        for outcome in ranked[1:]
        if not paired_difference(outcome.result, ranked[0].result, comparison.inputs.warmup_s).is_clear
    ]
    return outcomes.index(ranked[0]), " ".join(
        filter(None, (sentences, words.undecided(near), wishes.ranking_sentence(ranked, cluster)))
    )


def tiles(comparison: Comparison, best: PlacementOutcome) -> list[Tile]:
    """Headline numbers of the best placement, with the differences against three others."""
    outcomes, mine = comparison.outcomes, best.figures
    others = [(hue, o) for hue, o in enumerate(outcomes) if o is not best][:3]
    total, cluster = mine.total, comparison.inputs.problem.cluster

    def tile(label: str, value: str, side: str, difference) -> Tile:
        return Tile(label, value, side, [
            (colour_of(hue), f"{difference(o.figures)} against {words.shorten(o.name, 26)}") for hue, o in others
        ])  # fmt: skip

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
    if cluster.usd_per_hour > 0:
        devices = words.plural(cluster.devices, "device")
        drawn.append(Tile(f"price of {devices}", words.usd_per_hour(cluster.usd_per_hour), ""))
    return drawn


def comparison_table(comparison: Comparison, unseen: HeldOut = None) -> Table:
    """One row a placement, in the scenario's order; `unseen`: a column for scores on unseen traffic."""
    held = unseen if isinstance(unseen, Unseen) else None
    header = ("placement", "deadlines met", *(("on unseen traffic",) if held else ()), "requests",
              "served", "late", "rejected", "unplaced", "goodput (req/s)",
              "mean", "p50", "p90", "p95", "p99", "devices busy")  # fmt: skip
    rows = []
    for outcome in comparison.outcomes:
        f, latency_s = outcome.figures, outcome.figures.total.latency_s
        width = words.uncertainty(f.total.slo_attainment, f.half_width)
        latencies_s = (latency_s.mean, latency_s.p50, latency_s.p90, latency_s.p95, latency_s.p99)
        rows.append(
            [outcome.name, f"{words.share(f.total.slo_attainment)} {width}".rstrip(),
             *([unseen_met(held, outcome.name)] if held else []), *_counts(f.total),
             words.number(f.goodput_per_s), *map(words.duration, latencies_s), words.share(f.utilization)]
        )  # fmt: skip
    return Table(header, rows, len(rows), colours=[colour_of(hue) for hue in range(len(rows))])


def how_found(found: SearchResult | None) -> str:
    """By hand, or by which search."""
    if found is None:
        return "Given by hand."
    answer_after_s = found.steps[-1].seconds if found.steps else None
    sentence = (
        f"Found by {found.algorithm}: {words.search_took(found.seconds, found.evaluations, answer_after_s)}; "
        f"{words.STOP_REASONS.get(found.stop_reason, found.stop_reason)}."
    )
    return " ".join([sentence, *found.notes])


def model_table(outcome: PlacementOutcome) -> Table:
    """One row a model, the one that misses most on top."""
    deadline_s = {model.name: model.slo_s for model in outcome.result.models}
    ranked = sorted(outcome.figures.models, key=lambda item: -_missed(item[1]))
    header = ("model", "deadline", "deadlines met", "requests", "served", "late", "rejected", "unplaced", "p50", "p99")
    rows = [
        [name, words.duration(deadline_s[name]), words.share(f.slo_attainment), *_counts(f),
         words.duration(f.latency_s.p50), words.duration(f.latency_s.p99)]
        for name, f in ranked[:MOST_ROWS]
    ]  # fmt: skip
    return Table(header, rows, len(ranked), title=f"Model by model ({words.count(len(ranked))})")


def group_table(outcome: PlacementOutcome) -> Table:
    """One row a group, in the order of the placement."""
    groups = outcome.figures.groups
    header = ("group", "models", "deadlines met", "requests", "busy", "waiting, mean", "between stages",
              "waiting, most")  # fmt: skip
    rows = [
        [f"{g.index}: {words.group_size(g.pp, g.tp)}", _names(g.models), words.share(g.fates.slo_attainment),
         words.count(g.fates.requests), words.share(g.utilization), words.number(g.mean_queue),
         words.number(g.mean_queue_between_stages), words.count(g.max_queue)]
        for g in groups[:MOST_ROWS]
    ]  # fmt: skip
    return Table(header, rows, len(groups), left=(1,), title=f"Group by group ({words.count(len(groups))})")


def traffic_facts(comparison: Comparison) -> list[tuple[str, str]]:
    """The requests, and the file they come from."""
    workload, trace = comparison.inputs.problem.workload, comparison.inputs.trace
    numbers = count_arrivals(workload.arrival_s)
    facts = [
        ("requests", words.count(len(workload))),
        ("over", words.span(numbers.span_s)),
        ("mean rate", words.rate(numbers.rate_per_s)),
        ("burstiness (CV)", words.number(numbers.cv)),
    ]
    if trace is not None:
        paths = ", ".join(comparison.scenario.workload.replayed.paths)
        facts += [("trace", paths), ("SHA-256", f"{trace.digest[:16]}…")]
    if comparison.inputs.warmup_s > 0:
        facts.append(("left out at both ends", words.span(comparison.inputs.warmup_s)))
    return facts


def serving_facts(serving: Serving) -> list[tuple[str, str]]:
    """The rules of the serving system."""
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


def known_error_table() -> Table:
    """Simulated attainment against that of published runs."""
    header = ("published runs", "serving preset", "runs", "mean error (points)", "largest error (points)", "bias")
    points = partial(words.fixed, digits=2)
    rows = [
        [s.runs, s.preset, words.count(s.count), points(100 * s.mean_abs), points(100 * s.max_abs),
         words.signed(100 * s.bias, 2)]
        for s in known_errors()
    ]  # fmt: skip
    return Table(header, rows, len(rows), left=(1,))


def profile_table(comparison: Comparison) -> Table:
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
        [name, words.group_size(pp, tp), words.duration(entry.latency_s), words.duration(max(entry.stage_latency_s)),
         words.gib(entry.max_weight_gib), _SOURCES[entry.source]]
        for (name, pp, tp), entry in sorted(used.items())
    ]  # fmt: skip
    return Table(header, rows[:MOST_ROWS], len(rows), left=(1, 5))


def _groups(outcome: PlacementOutcome) -> list[Group]:
    placement = outcome.placement
    epochs = [p for _, p in placement.epochs] if isinstance(placement, Schedule) else [placement]
    return [group for epoch in epochs for group in epoch.groups]


def _names(names: Sequence[str]) -> list[str]:
    shown = [words.shorten(name, 30) for name in names[:MOST_NAMES]]
    return [*shown, f"and {words.count(len(names) - MOST_NAMES)} more"] if len(names) > MOST_NAMES else shown


def _counts(fates: Fates) -> list[str]:
    return [words.count(n) for n in (fates.requests, fates.served, fates.late, fates.rejected, fates.unplaced)]


def _missed(fates: Fates) -> int:
    return fates.requests - fates.served
