"""Coadds that stay in memory, where there is no store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from coaddc.model.images import Coadd, Stacked, Surroundings
from coaddc.ops.mean import empty_stacked
from coaddc.plan.plan import Target


@dataclass
class Keeper:
    """Keeps the coadds of a run, in the order in which they stand.

    Attributes
    ----------
    made
        What each is, and the coadd.
    """

    made: list[tuple[Target, Coadd]] = field(default_factory=list)

    def begin(self, target: Target) -> Kept:
        """Begin a coadd."""
        return Kept(target, self.made.append)


class Kept:
    """A coadd in the making; see `coaddc.engine.events.Draft`."""

    def __init__(self, target: Target, keep: Callable[[tuple[Target, Coadd]], None]) -> None:
        self._target, self._keep = target, keep
        self._planes = empty_stacked(target.request.patch.box)

    def put(self, part: Stacked) -> None:
        """Copy the pixels of some rows."""
        mine = self._planes.part(part.box)
        mine.image[:], mine.variance[:] = part.image, part.variance
        mine.mask[:], mine.n_image[:] = part.mask, part.n_image

    def publish(self, around: Surroundings) -> Path:
        """Keep the coadd; where a path is wanted, the name of what it is."""
        request = self._target.request
        coadd = Coadd(
            data_id=dict(request.data_id),
            stacked=self._planes,
            wcs=request.patch.wcs,
            psf=around.psf,
            correlation=around.correlation,
            inputs=around.inputs,
            artifacts=around.artifacts,
            template=around.template,
        )
        self._keep((self._target, coadd))
        return Path(self._target.product.name)

    def discard(self) -> None:
        """Nothing is left of it anyway."""
