# A compiled function keeps the signature of its source, which numba's own decorators hide.
from collections.abc import Callable
from types import ModuleType
from typing import Literal, ParamSpec, TypeVar, overload

from numba.core.dispatcher import Dispatcher

P = ParamSpec("P")
R = TypeVar("R")

config: ModuleType

@overload
def njit(function: Callable[P, R], /) -> Dispatcher[P, R]: ...
@overload
def njit(
    *,
    cache: bool = ...,
    nogil: bool = ...,
    inline: Literal["always", "never"] = ...,
    error_model: Literal["python", "numpy"] = ...,
    no_cpython_wrapper: bool = ...,
    _nrt: bool = ...,
    forceinline: bool = ...,
) -> Callable[[Callable[P, R]], Dispatcher[P, R]]: ...
