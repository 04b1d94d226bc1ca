"""Why requests of generating models are late, in a sentence."""

from __future__ import annotations

from collections.abc import Mapping

from app.look import words

# After "40 % of them": what happened to them.
_CAUSES = {
    "preempted": "lost their cache to others and were computed again (preempted)",
    "cache full": "waited because the KV cache was full",
    "waiting for admission": "waited to begin: their engine had as many requests or tokens at once as its limits allow",
    "long prompt": "have prompts that are too long for the deadline even alone",
    "moving to decode": "lost the time between the engine of their prompt and the one that decodes",
    "prompts in the batch": "were held up by prompts in their batch",
    "large batch": "decoded in batches too large for the deadline, or gave way to other models",
    "longer than the cache": "are longer than the whole cache",
    "no engine": "found no engine of their model",
    "turned away": "were turned away, because their first token was predicted too late",
}


def causes_in_words(causes: Mapping[str, int], models: int = 2) -> str:
    """The causes with their shares of all misses, the weightiest first.

    models: how many there are; a single one gives way to none.
    """
    missed = sum(causes.values())
    if not missed:
        return "None is: every request meets all its deadlines."
    said = _CAUSES if models > 1 else _CAUSES | {"large batch": "decoded in batches too large for the deadline"}
    parts = [f"{words.share(count / missed)} {said[name]}" for name, count in causes.items()]
    return f"Of {words.plural(missed, 'request')} that miss a deadline, {words.join(parts)}."
