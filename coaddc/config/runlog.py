"""The log of a run: a file that is there only once something was said."""

import logging
from io import TextIOWrapper
from pathlib import Path
from typing import Any


class RunLog(logging.FileHandler):
    """Writes to a file whose folder is made with the first record, so that a refused command leaves none."""

    def __init__(self, filename: str, **options: Any) -> None:
        super().__init__(filename, **{"encoding": "utf-8", **options, "delay": True})

    def _open(self) -> TextIOWrapper:
        Path(self.baseFilename).parent.mkdir(parents=True, exist_ok=True)
        return super()._open()
