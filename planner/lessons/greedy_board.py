"""Algorithm 1 on a board: every replica that could be next, with its score; the optimum of all placements."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, combinations_with_replacement

from planner.theory.two_models import IDEAL
from simulator import Group, Model, Placement, Workload, simulate
from simulator.arrivals import gamma_workload
from simulator.catalogue import builtin_catalogue

# One large model, two middling ones, two small and busy ones, on single devices of a V100's memory.
PROFILES = {"A": "bert-6.7b", "B": "bert-2.6b", "C": "bert-2.6b", "D": "bert-1.3b", "E": "bert-1.3b"}
RATES_PER_S = (1.0, 2.0, 2.0, 4.0, 4.0)
DEVICES, MEMORY_GIB = 3, 13.0
REQUESTS = 3_000
NAMES = tuple(PROFILES)
WEIGHTS_GIB = tuple(builtin_catalogue()[profile].entry(1, 1).max_weight_gib for profile in PROFILES.values())

# Per device the models that it holds, and a step: model and device, all by number.
Selection = tuple[tuple[int, ...], ...]
Move = tuple[int, int]
EMPTY: Selection = ((),) * DEVICES


@dataclass(frozen=True)
class Board:
    """A setting: CV of the traffic, and the deadline as a multiple of a request alone."""

    cv: float
    slo_scale: float

    def score(self, selection: Selection) -> float:
        """Share of deadlines met, 0..1."""
        models, workload = _traffic(self.cv, self.slo_scale)
        placement = Placement(tuple(Group(1, 1, tuple(NAMES[m] for m in held)) for held in selection))
        return simulate(models, placement, workload, IDEAL).slo_attainment


def possible(selection: Selection) -> list[Move]:
    """The replicas that still fit, by device and then by model."""
    return [(m, d) for d, held in enumerate(selection) for m in range(len(NAMES))
            if m not in held and sum(WEIGHTS_GIB[i] for i in (*held, m)) <= MEMORY_GIB]  # fmt: skip


def after(selection: Selection, move: Move) -> Selection:
    """The selection with one replica more."""
    model, device = move
    return tuple(tuple(sorted((*held, model))) if d == device else held for d, held in enumerate(selection))


def legal(moves: Sequence[Move]) -> list[Move]:
    """The moves from the empty board on, up to the first one that does not fit."""
    selection, taken = EMPTY, []
    for move in moves:
        if move not in possible(selection):
            break
        taken.append(move)
        selection = after(selection, move)
    return taken


def play(moves: Sequence[Move]) -> Selection:
    """What these moves lead to."""
    selection = EMPTY
    for move in moves:
        selection = after(selection, move)
    return selection


def scores(board: Board, selection: Selection) -> dict[Move, float]:
    """Every replica that could be next with its score."""
    return {move: board.score(after(selection, move)) for move in possible(selection)}


def best_move(found: dict[Move, float]) -> Move:
    """What Algorithm 1 takes: the highest score, the first device and model of equals."""
    return max(found, key=lambda move: (found[move], -move[1], -move[0]))


@lru_cache(maxsize=64)
def greedy(board: Board) -> tuple[tuple[Move, float], ...]:
    """Algorithm 1 to its end: its moves with the score after each."""
    selection, taken = EMPTY, []
    while found := scores(board, selection):
        move = best_move(found)
        taken.append((move, found[move]))
        selection = after(selection, move)
    return tuple(taken)


@lru_cache(maxsize=64)
def optimum(board: Board) -> tuple[float, Selection, int]:
    """The best of all placements, its score, and how many there are; devices in another order are the same."""
    every = list(_placements())
    best = max(every, key=board.score)
    return board.score(best), best, len(every)


def _placements() -> Iterator[Selection]:
    """Every choice of models for every device that fits its memory."""
    held = [c for k in range(len(NAMES) + 1) for c in combinations(range(len(NAMES)), k)]
    fits = [c for c in held if sum(WEIGHTS_GIB[m] for m in c) <= MEMORY_GIB]
    return combinations_with_replacement(fits, DEVICES)


@lru_cache(maxsize=64)
def _traffic(cv: float, slo_scale: float) -> tuple[tuple[Model, ...], Workload]:
    catalogue = builtin_catalogue()
    models = tuple(Model.with_slo_scale(name, catalogue[profile], slo_scale) for name, profile in PROFILES.items())
    return models, gamma_workload(RATES_PER_S, cv, REQUESTS / sum(RATES_PER_S), 0)
