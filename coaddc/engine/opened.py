"""Exposures that stay open from patch to patch."""

from __future__ import annotations

from collections import OrderedDict
from functools import partial
from threading import Lock

from coaddc.engine.chain import Open
from coaddc.engine.once import Once
from coaddc.model.exposures import ExposureRow
from coaddc.model.images import Exposure
from coaddc.model.survey import Survey

#: Exposures that stay open: headers and PSF models, some hundred kB each, and no pixels.
MOST = 1000


class Opened:
    """Opens each exposure once, whichever threads want it; those that were not used for longest are closed.

    Parameters
    ----------
    open_exposure
        Opens an exposure of the table.
    most
        How many stay open.
    """

    def __init__(self, open_exposure: Open, most: int = MOST) -> None:
        self._open = open_exposure
        self._most = most
        self._opened: OrderedDict[str, Once[Exposure]] = OrderedDict()
        self._lock = Lock()

    def __call__(self, survey: Survey, row: ExposureRow) -> Exposure:
        """Return an exposure of the table; one that could not be opened is tried again."""
        with self._lock:
            found = self._opened.setdefault(row.digest, Once(partial(self._open, survey, row)))
            self._opened.move_to_end(row.digest)
            while len(self._opened) > self._most:
                self._opened.popitem(last=False)
        return found()
