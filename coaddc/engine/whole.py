"""What was made of the tiles of a patch, put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from coaddc.engine.chain import Failure, failure
from coaddc.engine.found import Artifacts
from coaddc.engine.gather import Gathered
from coaddc.engine.output import Output
from coaddc.model.geom import Box
from coaddc.model.images import Image, Stacked
from coaddc.ops.artifact_difference import Compared
from coaddc.ops.artifacts import find_artifacts
from coaddc.ops.mean import Run, row_starts, rows_of
from coaddc.plan.task import Task


@dataclass
class Whole:
    """What gathering tasks made of the tiles so far, by their digests; pixels of products go on at once.

    Attributes
    ----------
    patch
        The pixels of the patch.
    outputs
        The products that a stack makes.
    templates : (ny, nx)
        Images of the patch: of the stacks that are kept beside products.
    compared
        Of each task that finds artifacts, what it is to look at: tiles, with what surrounds the patch.
    found
        Artifacts, or why there are none.
    failures
        Why there is no result.
    """

    patch: Box
    outputs: Mapping[str, Sequence[Output]]
    templates: Mapping[str, Image]
    compared: dict[str, list[Compared]] = field(default_factory=dict)
    found: dict[str, Artifacts | Failure] = field(default_factory=dict)
    failures: dict[str, Failure] = field(default_factory=dict)

    def put(self, digest: str, made: Gathered, tile: Box, run: Run) -> None:
        """Take what was made of one tile; stacks go on some rows at a time."""
        match made:
            case Failure():
                self.failures.setdefault(digest, made)
            case Stacked():
                for _ in run(lambda y: self.deliver(digest, made, rows_of(tile, y)), row_starts(tile)):
                    pass
            case Compared():
                part = _outwards(tile, made.box, self.patch)
                self.compared.setdefault(digest, []).append(made if part == made.box else made.part(part))

    def deliver(self, digest: str, made: Stacked, tile: Box) -> None:
        """Hand on the pixels of a stack that lie in a tile, or in some rows of one; safe in any thread."""
        part = made.part(made.box.clip(tile))
        if digest in self.templates:
            self.templates[digest][part.box.within(self.patch)] = part.image
        for output in self.outputs.get(digest, ()):
            output.put(part)

    def find(self, task: Task) -> None:
        """Find artifacts, when all tiles were compared: on all of the patch, for they may be as long."""
        parts = self.compared.pop(task.digest, [])
        if task.digest in self.failures:
            self.found[task.digest] = self.failures[task.digest]
            return
        try:
            found = find_artifacts(Compared.join(parts), task.subject, task.params["fwhm"])
            self.found[task.digest] = Artifacts(found)
        except Exception as error:
            self.found[task.digest] = failure(task.op, error)

    def rejected(self, digest: str) -> Mapping[int, NDArray[np.int32]]:
        """Return what was found on the visits of the patch, as runs of pixels."""
        found = self.found[digest]
        return found.within(self.patch) if isinstance(found, Artifacts) else {}


def _outwards(tile: Box, wide: Box, patch: Box) -> Box:
    """Return a tile with its margin where that lies outside the patch."""
    y0 = wide.y0 if tile.y0 == patch.y0 else tile.y0
    y1 = wide.y1 if tile.y1 == patch.y1 else tile.y1
    return Box(y0=y0, y1=y1, x0=wide.x0, x1=wide.x1)
