"""Names and text from outside, made safe for what they are written into."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

# DNS-1123 labels allow 63; the rest is room for what is put before and after ("group-12-", "-stage-3").
MAX_LABEL = 40


def safe_names(names: Sequence[str]) -> dict[str, str]:
    """Every name as a DNS-1123 label of at most MAX_LABEL characters (RFC 1123; Kubernetes "Object Names and IDs").

    A label is also safe as a folder, a Triton model name and a Ray deployment name. Names that become the same are
    numbered in their order: "a b" and "a.b" become "a-b" and "a-b-2".
    """
    labels: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
        stem = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:MAX_LABEL].strip("-") or "model"
        label, number = stem, 1
        while label in taken:
            number += 1
            ending = f"-{number}"
            label = stem[: MAX_LABEL - len(ending)].strip("-") + ending
        taken.add(label)
        labels[name] = label
    return labels


def one_line(text: str) -> str:
    """Text for a comment: what could end the line or turn its direction is shown as a question mark."""
    return "".join("?" if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") else c for c in text)


def comment(lines: Sequence[str]) -> str:
    """Lines as a head of `#` comments, one line each."""
    return "".join(f"# {one_line(line)}".rstrip() + "\n" for line in lines)
