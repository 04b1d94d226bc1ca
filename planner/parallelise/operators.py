"""The operator graph: embedding, attention and feed-forward (or expert) parts, head, with their work.

The grain is that of the authors' inference profiles: 2 * layers + 2 pieces (AlpaServe 3.1), in a chain,
because the residual stream is all that passes from one piece to the next.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from planner.parallelise.architectures import Architecture
from simulator.errors import InputError

GIB = 2**30
ROUTING_MASK_BYTES = 4
LOGIT_BYTES = 4
# Kernels that an operator launches: matrix products, norms, activations, permutations.
KERNELS = {"embedding": 5, "attention": 14, "ffn": 8, "experts": 16, "head": 4}
# One-hot routing adds two rounds of arg-max, one-hot, running sums, masks and weights.
ONE_HOT_KERNELS = 44


def share(units: int, ways: int) -> float:
    """Share of the fullest device when `units` equal pieces are dealt to `ways` devices."""
    return math.ceil(units / ways) / units


@dataclass(frozen=True)
class Split:
    """How a matrix product is cut along one axis of the model.

    Attributes:
        axis: the model's axis: "heads", "width", "experts", "vocabulary".
        dimension: which extent of the product shrinks: "rows", "columns", "inner", "copies".
        units: pieces that cannot be cut further.
    """

    axis: str
    dimension: str
    units: int


@dataclass(frozen=True)
class Matmul:
    """`copies` products of (rows, inner) by (inner, columns); `holds_weights` if the second factor is one."""

    rows: float
    columns: float
    inner: float
    copies: float = 1
    holds_weights: bool = True
    splits: tuple[Split, ...] = ()

    @property
    def flops(self) -> float:
        return 2.0 * self.rows * self.columns * self.inner * self.copies

    @property
    def weights(self) -> float:
        """Numbers in its weight matrices."""
        return self.inner * self.columns * self.copies if self.holds_weights else 0.0

    def weight_share(self, axis: str | None, ways: int) -> float:
        """Share of the weights that the fullest of `ways` devices holds when split along `axis`."""
        split = self._split(axis)
        return share(split.units, ways) if split and split.dimension != "rows" else 1.0

    def part(self, axis: str | None, ways: int) -> Matmul:
        """What the fullest of `ways` devices computes when the product is split along `axis`."""
        split = self._split(axis)
        if split is None:
            return self
        extents = {name: getattr(self, name) for name in ("rows", "columns", "inner", "copies")}
        extents[split.dimension] *= share(split.units, ways)
        return Matmul(**extents, holds_weights=self.holds_weights)

    def _split(self, axis: str | None) -> Split | None:
        return next((split for split in self.splits if split.axis == axis), None)


@dataclass(frozen=True)
class Operator:
    """One piece of the model with its work for one batch.

    Attributes:
        kind: "embedding", "attention", "ffn", "experts" or "head".
        tokens: tokens of the batch.
        matmuls: its matrix products.
        units: (axis, pieces) along which it can be split.
        lookup: product with one-hot tokens that stands for the embedding's table. It holds weights like any
            other, but costs arithmetic only where the software really multiplies (`one_hot_embedding`).
        borrows: whether its matrices belong to another operator of the same stage (a tied head).
        whole_weights: numbers that every device holds: norms, router, positions.
        score_bytes: attention scores of the batch, bytes; moved `score_passes` times if not fused.
        routing_bytes: one-hot routing masks, bytes; moved `routing_passes` times.
        stream_bytes: further activations that are moved and that a split divides, bytes.
        token_bytes: the token vectors, bytes: what the next operator needs.
        exchange_bytes: token copies that experts receive, bytes.
        inner_bytes: activations inside the operator that a split divides, bytes.
        kernels: kernels it launches.
        dtype: data type of weights and activations.
        dtype_bytes: bytes of one number.
    """

    kind: str
    tokens: int
    matmuls: tuple[Matmul, ...]
    units: tuple[tuple[str, int], ...]
    token_bytes: float
    dtype: str
    dtype_bytes: int
    kernels: int
    lookup: tuple[Matmul, ...] = ()
    borrows: bool = False
    whole_weights: float = 0.0
    score_bytes: float = 0.0
    routing_bytes: float = 0.0
    stream_bytes: float = 0.0
    exchange_bytes: float = 0.0
    inner_bytes: float = 0.0

    @property
    def flops(self) -> float:
        """Operations of the batch, multiply and add counted apart, looking tokens up not counted."""
        return sum(matmul.flops for matmul in self.matmuls)

    @property
    def weight_bytes(self) -> float:
        """Bytes of all its weights."""
        return self.weight_bytes_per_device(None, 1)

    def share(self, axis: str | None, ways: int) -> float:
        """Share of the splittable work of the fullest device."""
        return share(dict(self.units)[axis], ways) if axis else 1.0

    def weight_bytes_per_device(self, axis: str | None, ways: int) -> float:
        """Bytes of weights on the fullest of `ways` devices when split along `axis` (None: not split)."""
        owned = () if self.borrows else (*self.matmuls, *self.lookup)
        numbers = sum(matmul.weights * matmul.weight_share(axis, ways) for matmul in owned)
        return (numbers + self.whole_weights) * self.dtype_bytes


def build_operators(
    architecture: Architecture, batch: int = 1, sequence: int | None = None, stages: int = 1
) -> tuple[Operator, ...]:
    """The chain of operators of a model: embedding, then attention and feed-forward of each layer, head.

    Args:
        architecture: the model.
        batch: requests that run together.
        sequence: tokens of a request instead of the architecture's.
        stages: pipeline stages the chain is for; in a single one a tied head borrows the embedding's matrix,
            in several the first and the last stage hold a copy each.

    Returns 2 * layers + 2 operators. Equal layers share one object.
    """
    if not 1 <= batch <= 1024:
        raise InputError(f"The batch size is {batch}; a whole number from 1 to 1024 is allowed.")
    length = sequence or architecture.sequence
    attention = _attention(architecture, batch, length)
    dense = _ffn(architecture, batch * length)
    sparse = _experts(architecture, batch * length) if architecture.experts else None
    chain = [_embedding(architecture, batch * length)]
    for layer in range(architecture.layers):
        chain += [attention, sparse if architecture.has_experts(layer) else dense]
    return (*chain, _head(architecture, batch * length, borrows=architecture.tied_head and stages == 1))


def total_weight_bytes(operators: tuple[Operator, ...]) -> float:
    """Bytes of the weights of a whole chain."""
    return sum(operator.weight_bytes for operator in operators)


def _common(architecture: Architecture, tokens: int, kind: str) -> dict:
    size = architecture.dtype_bytes
    return {
        "kind": kind,
        "tokens": tokens,
        "token_bytes": float(tokens * architecture.hidden * size),
        "dtype": architecture.dtype,
        "dtype_bytes": size,
        "kernels": KERNELS[kind],
    }


def _norm_weights(architecture: Architecture) -> int:
    return architecture.hidden * (2 if architecture.biases else 1)


def _embedding(architecture: Architecture, tokens: int) -> Operator:
    a = architecture
    splits = [Split("vocabulary", "inner", a.vocabulary)]
    if not a.tied_head:
        # A tied head needs the table by vocabulary.
        splits.append(Split("hidden", "columns", a.hidden))
    return Operator(
        matmuls=(),
        lookup=(Matmul(tokens, a.hidden, a.vocabulary, splits=tuple(splits)),),
        units=tuple((split.axis, split.units) for split in splits),
        whole_weights=float(a.learned_positions * a.hidden),
        **_common(a, tokens, "embedding"),
    )


def _attention(architecture: Architecture, batch: int, length: int) -> Operator:
    a = architecture
    tokens, hidden, heads, width = batch * length, a.hidden, a.heads, a.head_width
    by_head = (Split("heads", "copies", heads),)
    matmuls = (
        Matmul(tokens, heads * width, hidden, splits=(Split("heads", "columns", heads),)),
        Matmul(tokens, 2 * a.kv_heads * width, hidden, splits=(Split("heads", "columns", a.kv_heads),)),
        Matmul(length, length, width, batch * heads, False, by_head),
        Matmul(length, width, length, batch * heads, False, by_head),
        Matmul(tokens, hidden, heads * width, splits=(Split("heads", "inner", heads),)),
    )
    projected = (heads + 2 * a.kv_heads) * width
    biases = projected + hidden if a.biases else 0
    return Operator(
        matmuls=matmuls,
        units=(("heads", heads),),
        whole_weights=float(_norm_weights(a) + biases),
        score_bytes=float(batch * heads * length * length * a.dtype_bytes),
        inner_bytes=float(tokens * projected * a.dtype_bytes),
        **_common(a, tokens, "attention"),
    )


def _ffn(architecture: Architecture, tokens: int) -> Operator:
    a = architecture
    columns = a.ffn_width * (2 if a.ffn_kind == "gated" else 1)
    matmuls = _two_products(tokens, a.hidden, columns, a.ffn_width)
    return Operator(
        matmuls=matmuls,
        units=(("width", a.ffn_width),),
        whole_weights=float(_norm_weights(a) + (columns + a.hidden if a.biases else 0)),
        stream_bytes=float(tokens * (columns + a.ffn_width) * a.dtype_bytes),
        inner_bytes=float(tokens * (columns + a.ffn_width) * a.dtype_bytes),
        **_common(a, tokens, "ffn"),
    )


def _two_products(rows: float, hidden: int, columns: int, width: int) -> tuple[Matmul, ...]:
    return (
        Matmul(rows, columns, hidden, splits=(Split("width", "columns", width),)),
        Matmul(rows, hidden, width, splits=(Split("width", "inner", width),)),
    )


def _experts(architecture: Architecture, tokens: int) -> Operator:
    a = architecture
    columns = a.expert_width * (2 if a.ffn_kind == "gated" else 1)
    slots = a.top_k * tokens
    by_expert = Split("experts", "copies", a.experts)
    matmuls = [
        Matmul(tokens, a.experts, a.hidden),
        Matmul(
            slots / a.experts,
            columns,
            a.hidden,
            a.experts,
            splits=(by_expert, Split("width", "columns", a.expert_width)),
        ),
        Matmul(
            slots / a.experts,
            a.hidden,
            a.expert_width,
            a.experts,
            splits=(by_expert, Split("width", "inner", a.expert_width)),
        ),
    ]
    common = _common(a, tokens, "experts")
    routing_bytes = 0.0
    if a.expert_group:
        common["kernels"] += ONE_HOT_KERNELS
        # GShard: tokens of a group reach their slots and come back by products with one-hot matrices.
        group = min(a.expert_group, tokens)
        groups, group_slots = tokens / group, a.top_k * group
        dispatch = Split("experts", "rows", a.experts)
        combine = Split("experts", "inner", a.experts)
        matmuls += [
            Matmul(group_slots, a.hidden, group, groups, False, (dispatch,)),
            Matmul(group, a.hidden, group_slots, groups, False, (combine,)),
        ]
        routing_bytes = float(groups * group * group * a.experts * ROUTING_MASK_BYTES)
    if a.shared_expert_width:
        gated_columns = a.shared_expert_width * (2 if a.ffn_kind == "gated" else 1)
        for product in _two_products(tokens, a.hidden, gated_columns, a.shared_expert_width):
            (split,) = product.splits
            both = (split, Split("experts", split.dimension, split.units))
            matmuls.append(Matmul(product.rows, product.columns, product.inner, splits=both))
    exchange_bytes = float(slots * a.hidden * a.dtype_bytes)
    inner_bytes = float(slots * (columns + a.expert_width) * a.dtype_bytes)
    return Operator(
        matmuls=tuple(matmuls),
        units=(("experts", a.experts), ("width", a.expert_width)),
        whole_weights=float(_norm_weights(a) + (a.experts * (columns + a.hidden) if a.biases else 0)),
        routing_bytes=routing_bytes,
        # Beside the inner activations, the copies are written and read once on each way.
        stream_bytes=inner_bytes + 4 * exchange_bytes,
        exchange_bytes=exchange_bytes,
        inner_bytes=inner_bytes + exchange_bytes,
        **common,
    )


def _head(architecture: Architecture, tokens: int, borrows: bool) -> Operator:
    a = architecture
    # The logits are converted to 32 bits: read once more and written again.
    logits_bytes = float(tokens * a.vocabulary * (a.dtype_bytes + LOGIT_BYTES))
    split = (Split("vocabulary", "columns", a.vocabulary),)
    return Operator(
        matmuls=(Matmul(tokens, a.vocabulary, a.hidden, splits=split),),
        units=(("vocabulary", a.vocabulary),),
        whole_weights=float(a.vocabulary if a.biases else 0) + _norm_weights(a),
        stream_bytes=logits_bytes,
        inner_bytes=logits_bytes,
        borrows=borrows,
        **_common(a, tokens, "head"),
    )
