# Arrow makes the functions of this module when it is imported, so that its source does not name them.
from typing import Any

def __getattr__(name: str) -> Any: ...
