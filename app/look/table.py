"""Tables whose numbers are written as in sentences, with thin spaces between thousands."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
import streamlit as st
from pandas.io.formats.style import Styler

from app.look import words

_LARGE = 1000
# Texts of more would take longer to make than the page to be drawn.
_MOST_CELLS = 20_000
_FIXED = re.compile(r"%(\+?)\.(\d)f(.*)")


def show_table(
    table: pd.DataFrame, key: str | None = None, alt: str | None = None,
    column_config: Mapping[str, Any] | None = None, hide_index: bool = True, **options: Any,
) -> Any:  # fmt: skip
    """A table, as st.dataframe draws it with these options; what is absent is a dash."""
    written, columns = spaced(table, column_config or {})
    return st.dataframe(
        written, key=key, alt=alt, column_config=columns, hide_index=hide_index, placeholder=words.NOTHING, **options
    )


def spaced(table: pd.DataFrame, columns: Mapping[str, Any]) -> tuple[pd.DataFrame | Styler, dict[str, Any]]:
    """The table and its columns of st.column_config, with numbers from a thousand on written by `words`.

    Formats of columns know no thin space, so texts go along where a column needs them; the numbers stay, for sorting.
    A format other than of fixed digits is left as it is, and so is a table of more than _MOST_CELLS cells.
    """
    given, numbers = dict(columns), table.select_dtypes("number")
    forms = {name: _form(given.get(name)) for name in numbers.columns}
    large = [name for name in numbers.columns
             if _writer(forms[name]) is not None and (numbers[name].abs() >= _LARGE).any()]  # fmt: skip
    if not large or table.size > _MOST_CELLS:
        return table, given
    for name in large:
        if forms[name]:
            config = given[name]
            given[name] = config | {"type_config": config["type_config"] | {"format": None}}
    writers: dict[Any, Any] = {name: _writer(forms[name] if name in large else "") for name in numbers.columns}
    return table.style.format(writers, na_rep=words.NOTHING), given


def _form(config: Any) -> str:
    kind = config.get("type_config", {}) if isinstance(config, dict) else {}
    return kind.get("format") or ""


def _writer(form: str) -> Callable[[float], str] | None:
    """How numbers of a column are written that has this format; None for one that is not of fixed digits."""
    if not form:
        return words.decimal
    found = _FIXED.fullmatch(form)
    if found is None:
        return None
    write = words.signed if found[1] else words.fixed
    digits, unit = int(found[2]), found[3].replace("%%", "%")
    return lambda value: write(value, digits) + unit
