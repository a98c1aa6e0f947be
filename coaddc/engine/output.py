"""Products on their way out: their pixels are written as they come, and never lie in memory all together."""

from __future__ import annotations

import logging
from threading import Lock

from coaddc.engine.chain import Failure, failure
from coaddc.engine.events import Begin, Draft, Failed, Figures, Made
from coaddc.engine.tally import Tally
from coaddc.model.assembly import Matching
from coaddc.model.images import Stacked, Surroundings
from coaddc.plan.plan import Target

log = logging.getLogger(__name__)


class Output:
    """One product in the making; safe in any thread.

    Parameters
    ----------
    target
        What it is.
    begin
        Begins it where products go.

    Attributes
    ----------
    target
        What it is.
    """

    def __init__(self, target: Target, begin: Begin) -> None:
        self.target = target
        self._tally = Tally(target.request.patch.box)
        self._lock = Lock()
        self._draft: Draft | None = None
        self._failure: Failure | None = None
        try:
            self._draft = begin(target)
        except Exception as error:
            self._failure = failure(target.product.name, error)

    def put(self, part: Stacked) -> None:
        """Take the pixels of some rows, as wide as the patch; each row comes once."""
        if self._draft is None or self._failure is not None:
            return
        try:
            self._draft.put(part)
            with self._lock:
                self._tally.take(part)
        except Exception as error:
            self._failure = self._failure or failure(self.target.product.name, error)

    def finish(self, around: Surroundings | Failure) -> Made | Failed:
        """Publish the product, all of whose pixels were put; or say why there is none."""
        failed = around if isinstance(around, Failure) else self._failure
        if failed is None:
            assert not isinstance(around, Failure)
            made = self._publish(around)
            if isinstance(made, Made):
                log.info("%s: %s", self.target.product.name, made.path)
                return made
            failed = made
        self.discard()
        log.info("%s: failed: %s", self.target.product.name, failed.reason)
        return Failed(self.target, failed.reason)

    def _publish(self, around: Surroundings) -> Made | Failure:
        assert self._draft is not None  # or it has failed
        try:
            path = self._draft.publish(around)
            filtered = self.target.request.assembly.warp.matching is Matching.likelihood
            return Made(self.target, path, Figures.of(around, self._tally, filtered=filtered))
        except Exception as error:
            return failure(self.target.product.name, error)

    def discard(self) -> None:
        """Leave nothing of the product."""
        if self._draft is not None:
            self._draft.discard()
