"""Which model each source of a trace asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from simulator import words
from simulator.errors import InputError

LEFT_OUT = -1


def map_sources(
    sources: Sequence[str], active: np.ndarray, model_names: Sequence[str], map_models: str | Mapping[str, str]
) -> tuple[np.ndarray, list[str]]:
    """The model of each source.

    Sources without a request in the window are dropped first, as the authors do, and the rest counted through:
    "stripe" gives source i model i mod n, "blocks" model i * n // sources (OSDI'23 section 6).

    Args:
        sources: names, in the order of the trace.
        active: bool, shape (sources,), whether a source has a request in the window.
        model_names: what the models are called.
        map_models: as in TraceOptions.

    Returns:
        int32, shape (sources,): index of the model, LEFT_OUT for a source that is dropped; and notices.

    Raises:
        InputError: if by_name or a mapping meets a name that nobody has.
    """
    model_of = np.full(len(sources), LEFT_OUT, dtype=np.int32)
    rows: list[int] = np.flatnonzero(active).tolist()
    if map_models == "stripe":
        model_of[rows] = np.arange(len(rows)) % len(model_names)
        return model_of, []
    if map_models == "blocks":
        model_of[rows] = np.arange(len(rows)) * len(model_names) // max(len(rows), 1)
        return model_of, []
    index = {name: i for i, name in enumerate(model_names)}
    if isinstance(map_models, str):
        for row in rows:
            if sources[row] not in index:
                raise InputError(
                    f"The trace asks for '{sources[row]}', but no model has this name (known: {_shown(model_names)}); "
                    "use map_models: stripe, or a mapping."
                )
            model_of[row] = index[sources[row]]
        return model_of, []
    return _map_explicitly(sources, rows, index, map_models, model_of)


def _map_explicitly(
    sources: Sequence[str],
    rows: Sequence[int],
    index: Mapping[str, int],
    wanted: Mapping[str, str],
    model_of: np.ndarray,
) -> tuple[np.ndarray, list[str]]:
    known = set(sources)
    for source, model in wanted.items():
        if source not in known:
            raise InputError(
                f"map_models names the source '{source}', which the trace does not have (it has {_shown(sources)})."
            )
        if model not in index:
            raise InputError(f"map_models gives '{source}' the model '{model}'; {_shown(list(index))} are allowed.")
    for row in rows:
        if sources[row] in wanted:
            model_of[row] = index[wanted[sources[row]]]
    if (model_of == LEFT_OUT).all():
        raise InputError("No request is left: map_models names none of the sources that have one in the window.")
    left_out = [sources[row] for row in rows if model_of[row] == LEFT_OUT]
    if not left_out:
        return model_of, []
    return model_of, [f"{words.plural(len(left_out), 'source')} not in map_models left out: {_shown(left_out)}."]


def _shown(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (f" and {words.count(len(names) - 8)} more" if len(names) > 8 else "")
