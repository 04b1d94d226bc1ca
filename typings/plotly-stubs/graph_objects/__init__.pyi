# Figures take and give whatever the schema of charts has, which plotly checks when it runs; its source has no types.
from typing import Any

from plotly.basedatatypes import BaseFigure

class Figure(BaseFigure):
    layout: Any
    data: tuple[Any, ...]
    add_hline: Any
    add_vline: Any
    add_hrect: Any
    add_vrect: Any
    def __init__(self, data: object = None, layout: object = None, frames: object = None, **options: Any) -> None: ...
    def __getattr__(self, name: str) -> Any: ...

def __getattr__(name: str) -> Any: ...
