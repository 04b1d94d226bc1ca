from collections.abc import Callable

class FunctionCache:
    save_overload: Callable[[FunctionCache, object, object], None]
