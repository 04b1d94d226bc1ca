"""The answer first: a sentence, and the headline numbers with their differences."""

from __future__ import annotations

import math
from collections.abc import Sequence

import streamlit as st

from app.background.cluster import RAN_HERE
from app.look import words
from app.look.markup import piece
from app.look.style import plain_text, tile_html, verdict_html
from app.state.answer import Answer, Answered, AnyAnswered
from app.state.results import kept
from planner.compare import MeasuredPlacement
from planner.explain import PairedDifference, paired_difference
from planner.rules import rule_notices
from planner.scenario.inputs import Inputs
from planner.targets import misses_in_words, targets_missed
from planner.what_if.unseen import Unseen
from planner.what_if.unseen_words import changed_sentence, first_unseen_sentence, unseen_cell, unseen_sentence
from planner.wishes import Wishes
from simulator import Cluster, Figures, Placement, Schedule

# Of more the targets are folded, so that the first screen shows the answer.
MOST_UNFOLDED = 2
ALL_MEET = "every model with a target of its own meets it."


def draw_verdict(answer: Answer, unseen: Unseen | None = None) -> None:
    """The best placement in one sentence, the others in the next; what changes on unseen traffic before them."""
    st.html(verdict_html(*verdict_said(answer, unseen)))
    ranked = _ranked(answer)
    draw_remarks(ranked)
    draw_wishes(ranked, answer.inputs)
    if len(ranked) > 1:
        st.page_link("views/accuracy.py", label="Does this ranking survive errors and other traffic?",
                     icon=":material/verified:")  # fmt: skip


def verdict_said(answer: Answer, unseen: Unseen | None = None) -> tuple[int, str]:
    """The verdict, with the hue of the placement that its first sentence is about."""
    ranked = _ranked(answer)
    figures = [entry.outcome.figures for entry in ranked]
    sentences = words.verdict(
        [entry.section.name for entry in ranked],
        [f.total.slo_attainment for f in figures],
        [f.half_width for f in figures],
        [answer.inputs.problem.cluster.devices] * len(ranked),
    )
    first, more = "", ""
    if unseen:
        # Of many placements the tiles and the page Compare say the rest.
        say = unseen_sentence if len(ranked) <= words.MOST_NAMED else first_unseen_sentence
        first, more = changed_sentence(unseen), say(unseen)
    hue = answer.entry(unseen.first.name).hue if unseen and unseen.is_changed else ranked[0].hue
    wishes = Wishes.of(answer.inputs).ranking_sentence([e.outcome for e in ranked], answer.inputs.problem.cluster)
    return hue, " ".join(filter(None, (first, sentences, undecided(ranked, answer), wishes, more)))


def _ranked(answer: Answer) -> list[Answered]:
    """Those that keep targets of single models and rules first, then those that meet more deadlines."""
    wishes, cluster = Wishes.of(answer.inputs), answer.inputs.problem.cluster
    return sorted(answer.shown, key=lambda entry: wishes.rank(entry.outcome, cluster), reverse=True)


def draw_wishes(entries: Sequence[Answered], inputs: Inputs) -> None:
    """For each placement, the models below their own targets, and the rules that it breaks."""
    problem, targets = inputs.problem, inputs.targets
    others, seen = len(entries) - MOST_UNFOLDED, st.container()
    folded = seen
    if targets and others > 0:
        folded = st.expander(f"Targets of single models with {words.plural(others, 'other placement')}")
    for number, entry in enumerate(entries):
        placement, name = entry.outcome.placement, words.shorten(entry.section.name)
        for broken in rule_notices(placement, problem.cluster, problem.rules):
            seen.warning(plain_text(broken))
        if targets:
            said = misses_in_words(targets_missed(entry.outcome.figures, targets))
            place = seen if number < MOST_UNFOLDED else folded
            place.markdown(plain_text(f"{name}: {said or ALL_MEET}"))
    if weights := Wishes.of(inputs).weights_sentence:
        st.caption(plain_text(weights))


def draw_remarks(entries: Sequence[AnyAnswered]) -> None:
    """A warning for each placement whose figures are not those of a finished plan; that searches ran here, once."""
    notes = [note for entry in entries if entry.outcome.search is not None for note in entry.outcome.search.notes]
    for note in dict.fromkeys(note for note in notes if note.endswith(RAN_HERE)):
        st.info(plain_text(note))
    for entry in entries:
        if entry.outcome.remark is not None:
            st.warning(plain_text(f"{words.shorten(entry.section.name)}: {entry.outcome.remark}"))


def undecided(ranked: Sequence[Answered], answer: Answer) -> str:
    """Which of the others this run cannot tell from the best one; empty if there is none."""
    best, *others = ranked
    # Results of earlier settings may be of other requests.
    if not answer.is_current or not math.isfinite(best.outcome.figures.total.slo_attainment):
        return ""
    return words.undecided([e.section.name for e in others if not paired(e, best, answer).is_clear])


def paired(first: Answered, second: Answered, answer: Answer) -> PairedDifference:
    """By how much the second attains more than the first, and how sure that is."""
    warmup_s = answer.inputs.warmup_s
    key = ("paired difference", first.outcome_key, second.outcome_key, warmup_s)
    return kept(key, lambda: paired_difference(first.outcome.result, second.outcome.result, warmup_s))


def draw_tiles(entry: Answered, answer: Answer, unseen: Unseen | None = None) -> None:
    """Headline numbers of one placement, each with the difference against the others."""
    mine, others = entry.outcome.figures, [e for e in answer.shown if e is not entry][:3]

    def against(difference) -> list[tuple[int, str]]:
        return [
            (other.hue, f"{difference(other.outcome.figures)} against {words.shorten(other.section.name, 26)}")
            for other in others
        ]

    total, cluster = mine.total, answer.inputs.problem.cluster
    tiles = [
        tile_html("deadlines met (SLO attainment)", words.share(total.slo_attainment),
                  words.uncertainty(mine.total.slo_attainment, mine.half_width),
                  [(entry.hue, said) for said in [unseen_cell(unseen, entry.section.name)] if said]
                  + against(lambda f: words.points_difference(total.slo_attainment, f.total.slo_attainment))),
        tile_html("missed deadlines", words.count(missed(mine)), f"of {words.count(total.requests)}",
                  against(lambda f: words.count_difference(missed(mine), missed(f)))),
        tile_html("99 of 100 answers within (p99)", words.duration(total.latency_s.p99), "",
                  against(lambda f: words.duration_difference(total.latency_s.p99, f.total.latency_s.p99))),
        tile_html("devices busy (utilisation)", words.share(mine.utilization), "",
                  against(lambda f: words.points_difference(mine.utilization, f.utilization))),
    ]  # fmt: skip
    if cluster.usd_per_hour > 0:
        devices, price = entry.outcome.placement.devices, price_of(entry.outcome, cluster)
        tiles.append(tile_html(
            f"price of its {words.plural(devices, 'device')}", words.usd_per_hour(price), "",
            [(e.hue, f"{_dearer(price, price_of(e.outcome, cluster))} against {words.shorten(e.section.name, 26)}")
             for e in others],
        ))  # fmt: skip
    st.html(piece("tiles", tiles))


def price_of(outcome: MeasuredPlacement, cluster: Cluster) -> float:
    """Of the devices that its groups take, USD per hour."""
    return cluster.usd_per_hour * outcome.placement.devices / cluster.devices


def _dearer(price: float, other: float) -> str:
    if price == other:
        return "same"
    return ("+" if price > other else words.MINUS) + words.usd_per_hour(abs(price - other))


def missed(figures: Figures) -> int:
    """Requests that did not meet their deadline."""
    return figures.total.requests - figures.total.served


def placement_now(entry: AnyAnswered) -> Placement:
    """The placement to draw: of a schedule its first one."""
    placement = entry.outcome.placement
    return placement.epochs[0][1] if isinstance(placement, Schedule) else placement
