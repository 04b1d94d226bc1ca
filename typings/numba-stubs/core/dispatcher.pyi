from collections.abc import Callable
from typing import Any, Generic, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

class _Stats:
    cache_path: str

class Dispatcher(Generic[P, R]):
    py_func: Callable[P, R]
    stats: _Stats
    signatures: list[tuple[Any, ...]]
    __name__: str
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R: ...
