from collections.abc import Callable
from typing import Any

class FunctionCache:
    save_overload: Callable[[FunctionCache, object, object], None]

class InTreeCacheLocator:
    get_source_stamp: Callable[[Any], object]

class UserProvidedCacheLocator(InTreeCacheLocator): ...
class UserWideCacheLocator(InTreeCacheLocator): ...
