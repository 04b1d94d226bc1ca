"""Lesson 7: Algorithm 1 on a board."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from app.figures.lesson_board import build_board_figure, build_progress_figure
from app.lessons.frame import Exercise, Lesson, Moves, Paper, Picture, Said, burstiness, deadline
from app.look import words
from app.look.theme import Theme
from planner.lessons.greedy_board import (
    DEVICES,
    EMPTY,
    MEMORY_GIB,
    NAMES,
    RATES_PER_S,
    WEIGHTS_GIB,
    Board,
    Move,
    Selection,
    best_move,
    greedy,
    legal,
    optimum,
    play,
    possible,
    scores,
)


@dataclass(frozen=True)
class Settings:
    """CV, deadline as a multiple of a request alone, and the moves so far as in "B0.D1"."""

    cv: float = 3.0
    slo_scale: float = 5.0
    moves: str = ""


@dataclass(frozen=True)
class Run:
    """What was played.

    Attributes:
        moves: those that fit. yours: score after each. before: the board before the last one, with every score there.
        greedy: score after each of as many greedy moves from the empty board.
        best, best_selection, placements: the optimum and how many placements there are; None until the board is full.
    """

    board: Board
    moves: tuple[Move, ...]
    yours: tuple[float, ...]
    before: Selection
    scores: dict[Move, float]
    greedy: tuple[float, ...]
    is_full: bool
    best: tuple[float, Selection, int] | None


def run(settings: Settings) -> Run:
    """Play the moves; the optimum is looked for once the board is full."""
    board = Board(settings.cv, settings.slo_scale)
    moves = legal(parse(settings.moves))
    yours = [board.score(play(moves[: k + 1])) for k in range(len(moves))]
    before = play(moves[:-1])
    is_full = not possible(play(moves))
    known = greedy(board)
    return Run(
        board, tuple(moves), tuple(yours), before, scores(board, before) if moves else {},
        tuple(score for _, score in (known if is_full else known[: len(moves)])), is_full,
        optimum(board) if is_full else None,
    )  # fmt: skip


def parse(text: str) -> list[Move]:
    """The moves of a text; what is none ends it."""
    moves = []
    for word in text.split("."):
        if len(word) != 2 or word[0] not in NAMES or not word[1].isdecimal() or int(word[1]) >= DEVICES:
            break
        moves.append((NAMES.index(word[0]), int(word[1])))
    return moves


def write(move: Move) -> str:
    """A move as it stands in the address."""
    return f"{NAMES[move[0]]}{move[1]}"


def told(moves: str) -> str:
    """Moves in words, by device: "B, D and E to device 0"."""
    taken = {device: [NAMES[model] for model, at in parse(moves) if at == device] for device in range(DEVICES)}
    parts = [f"{words.join(names)} to {words.numbered('device', device)}" for device, names in taken.items() if names]
    return "; ".join(parts)


def choices(settings: Settings, found: Run) -> dict[str, str]:
    """What can be taken next, by the word that is added."""
    return {
        write(move): f"{NAMES[move[0]]} to {words.numbered('device', move[1])}" for move in possible(play(found.moves))
    }


def outcome(found: Run) -> str:
    """How far greedy stays behind the optimum, in points."""
    gap = 100 * (optimum(found.board)[0] - greedy(found.board)[-1][1])
    return "optimal" if gap < 0.005 else "near" if gap < 1 else "far"


def say(settings: Settings, found: Run) -> Said:
    """How far you and greedy have come; at the end both against the optimum."""
    if found.is_full:
        return Said(None, end_sentence(found))
    if not found.moves:
        says = "Take the first replica. No score is shown before you have chosen; then the greedy choice is revealed."
        return Said(None, says)
    return Said(None, step_sentence(found))


def step_sentence(found: Run) -> str:
    """What you took and what greedy would have taken there."""
    mine, best = found.moves[-1], best_move(found.scores)
    took = f"You took {_named(mine)}: {words.share(found.scores[mine])} of deadlines"
    if found.scores[mine] == found.scores[best]:
        other = f"as good as {_named(best)}, which greedy would take"
        same = "greedy would have done the same" if mine == best else other
        return f"{took}, {same}. {_so_far(found)}"
    return f"{took}. Greedy would have taken {_named(best)}: {words.share(found.scores[best])}. {_so_far(found)}"


def end_sentence(found: Run) -> str:
    """Both distances to the optimum."""
    assert found.best is not None
    best, selection, placements = found.best
    mine = words.points_difference(found.yours[-1], best)
    theirs = words.points_difference(found.greedy[-1], best)
    return (f"Your placement meets {words.share(found.yours[-1])}, greedy's {words.share(found.greedy[-1])}, the best "
            f"of all "
            f"{words.share(best)}. To the best of {words.count(placements)} placements: yours {mine}, greedy {theirs}. "
            f"The best one: {in_words(selection)}.")  # fmt: skip


def gap_sentence(board: Board) -> str:
    """Where greedy ends and the optimum."""
    score = greedy(board)[-1][1]
    best, selection, placements = optimum(board)
    ours = play([move for move, _ in greedy(board)])
    gap = words.points_difference(score, best)
    behind = f"Greedy stays {gap.lstrip(words.MINUS)} behind the best"
    first = "Greedy finds the best placement" if gap == "same" else behind
    return (
        f"{first}. It ends at {words.share(score)} with {in_words(ours)}; the best of {words.count(placements)} "
        f"placements "
        f"meets {words.share(best)} with {in_words(selection)}."
    )


def in_words(selection: Selection) -> str:
    """Which models stand on which device."""
    held = ["".join(NAMES[m] for m in models) or "nothing" for models in selection]
    return ", ".join(f"{names} on {words.numbered('device', d)}" for d, names in enumerate(held))


def _so_far(found: Run) -> str:
    count = words.plural(len(found.moves), "replica")
    return f"After {count} greedy, playing alone, has {words.share(found.greedy[-1])}."


def _named(move: Move) -> str:
    return f"{NAMES[move[0]]} on {words.numbered('device', move[1])}"


_WHY = ("Greedy takes the replica that meets most deadlines now. It never takes one back, and it does not see that two "
        "replicas which fit together later may be worth more than the one that fits now: what it places early can "
        "leave a hole that nothing fits.")  # fmt: skip


def pictures(settings: Settings, found: Run, theme: Theme, event: int) -> list[Picture]:
    """The board before the last move with all scores and both choices, and the way of both."""
    names = [f"{name} ({words.fixed(weight, 1)} GiB)" for name, weight in zip(NAMES, WEIGHTS_GIB, strict=True)]
    if found.moves:
        mine, best = found.moves[-1], best_move(found.scores)
        title = f"Replica {len(found.moves)}: you took {_named(mine)} (solid), greedy {_named(best)} (dotted)"
        board = build_board_figure(names, DEVICES, found.scores, found.before, mine, best, title, theme)
    else:
        title = "The board is empty: no model is placed"
        board = build_board_figure(names, DEVICES, {}, EMPTY, None, None, title, theme)
    says = f"Deadlines met after every replica: {words.plural(len(found.moves), 'replica')} placed"
    progress = build_progress_figure(found.yours, found.greedy, found.best[0] if found.best else None, says, theme)
    return [Picture(board, "lesson-board", title), Picture(progress, "lesson-progress", says)]


def check(settings: Settings, found: Run) -> tuple[bool, str]:
    """Whether the full board meets more than greedy's."""
    if not found.is_full:
        return False, f"The board is not full: {words.plural(len(found.moves), 'replica')} placed."
    return found.yours[-1] > found.greedy[-1], end_sentence(found)


def paper(theme: Theme) -> Paper:
    """What the paper says of its heuristic; how far greedy is from the optimum on this board."""
    rows = []
    for cv, scale in ((3.0, 5.0), (4.0, 5.0)):
        board = Board(cv, scale)
        score, best = greedy(board)[-1][1], optimum(board)[0]
        rows.append((f"CV {cv:g}, {scale:g} × alone", words.share(score), words.share(best), words.share(score / best)))
    table = pd.DataFrame(rows, columns=["traffic and deadline", "greedy, ours", "optimum, ours", "share reached"])
    note = ("**Algorithm 1** of the paper (section 4.2; it has no figure): greedy selection with a simulator as its "
            "judge. The paper compares it with no optimum; it says that its faster heuristic reaches at least 98 % of "
            "what the full algorithm does. On this board every placement can be tried, so the share that greedy "
            "reaches "
            "of the optimum is exact.")  # fmt: skip
    return Paper(note, table, greedy_pictures(Settings(), run(Settings()), theme))


def greedy_pictures(settings: Settings, found: Run, theme: Theme) -> list[Picture]:
    """The way of greedy to its end, and the optimum."""
    says = "Greedy after every replica, and the best of all placements"
    met = [score for _, score in greedy(found.board)]
    return [Picture(build_progress_figure([], met, optimum(found.board)[0], says, theme), "lesson-progress", says)]


QUESTION = f"""
Five models on three single devices of {words.gib(MEMORY_GIB)}, with their weights and requests a second: **A**
{words.fixed(WEIGHTS_GIB[0], 1)} GiB, {RATES_PER_S[0]:g} a second; **B** and **C** {words.fixed(WEIGHTS_GIB[1], 1)} GiB,
{RATES_PER_S[1]:g} a second each; **D** and **E** {words.fixed(WEIGHTS_GIB[3], 1)} GiB, {RATES_PER_S[3]:g} a second
each. All come in bursts (CV 3), with deadlines of 5 times a request alone. Algorithm 1 places **one replica after the
other, always the one that meets most deadlines now**.

How close does it come to the best of all placements?
"""

LESSON = Lesson(
    key="greedy",
    title="Algorithm 1 on a board",
    source="section 4.2",
    question=QUESTION,
    asked=Settings(),
    predictions={
        "optimal": "It finds the best",
        "near": "Within one point of the best",
        "far": "It stays more than one point behind",
    },
    controls=(
        burstiness(0.5, 6.0, 0.5),
        deadline(1.5, 15, 0.5),
        Moves("moves", "The next replica", choices, told),
    ),
    run=run,
    outcome=outcome,
    say=say,
    why=lambda settings, found: _WHY,
    answer=lambda settings, found: Said(None, gap_sentence(found.board)),
    pictures=pictures,
    shown=greedy_pictures,
    exercise=Exercise(
        "Fill the board so that it meets **more deadlines than greedy** at the end, with CV 3 and deadlines of 5 × "
        "alone "
        "or any other.",
        check,
        Settings(moves="B0.D0.E0.B1.D1.E1.C2.D2.E2"),
    ),
    paper=paper,
)
