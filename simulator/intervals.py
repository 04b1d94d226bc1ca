"""Confidence intervals of shares and means."""

from __future__ import annotations

import math

import numpy as np

BLOCKS = 20


def student_t_95(degrees: int) -> float:
    """97.5 % point of Student's t with that many degrees of freedom (at least 1), for 95 % intervals."""
    # Here, because loading it takes a tenth of a second of every command.
    from scipy.special import stdtrit

    return float(stdtrit(degrees, 0.975))


def mean_half_width(values: np.ndarray) -> float:
    """Half of the 95 % interval of the mean of independent values, float64 (n,); NaN with fewer than two."""
    if values.size < 2:
        return math.nan
    return student_t_95(values.size - 1) * float(np.std(values, ddof=1)) / math.sqrt(values.size)


def batch_means_half_width(values: np.ndarray) -> float:
    """Half of the 95 % interval of a mean over requests in order of arrival, by the method of batch means.

    Neighbouring requests share their fate in a burst, so the run is cut into BLOCKS consecutive blocks, and the
    spread of their means is used with Student's t, because the spread of so few is itself not well known.

    Args:
        values: bool or number (n,). NaN with fewer than two requests a block.
    """
    if values.size < 2 * BLOCKS:
        return math.nan
    return mean_half_width(np.array([block.mean() for block in np.array_split(values, BLOCKS)]))


def share_half_width(met: np.ndarray) -> float:
    """Half of the 95 % interval of a share of requests, bool (n,) in order of arrival; NaN with too few.

    Where all or none are met the blocks do not differ, which says nothing about how rare the other fate is: it is
    then the whole interval that leaves such a run likely enough (the rule of three, exact: 1 - 0.05 ** (1 / n)),
    with requests taken as independent.
    """
    if met.size >= 2 * BLOCKS and (met.all() or not met.any()):
        return 1 - 0.05 ** (1 / met.size)
    return batch_means_half_width(met)


def share_interval(share: float, half_width: float) -> tuple[float, float]:
    """Both ends of the 95 % interval of a share, within 0..1; NaN where it is not known.

    The half width is taken on the logit scale (delta method) and carried back: near all or nothing the interval is
    longer towards the middle, and it never reaches beyond 0 or 1.
    """
    if not (math.isfinite(share) and math.isfinite(half_width)):
        return math.nan, math.nan
    spread = share * (1 - share)
    if spread <= 0:
        return max(share - half_width, 0.0), min(share + half_width, 1.0)
    logit, width = math.log(share / (1 - share)), half_width / spread
    return _expit(logit - width), _expit(logit + width)


def known_interval(share: float | None, half_width: float | None) -> tuple[float, float] | None:
    """`share_interval` for a document: None where it is not known."""
    return None if share is None or half_width is None else share_interval(share, half_width)


def _expit(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))
