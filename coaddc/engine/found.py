"""What was found on the warps of all visits, and must be kept out of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from coaddc.model.geom import Box
from coaddc.model.images import Warp
from coaddc.model.mask import bit
from coaddc.ops.artifact_runs import RunMask, mask_of


@dataclass(frozen=True, slots=True)
class Artifacts:
    """What was found on the warps of a patch, by visit."""

    masks: Mapping[int, RunMask]

    def reject(self, visit: int, warp: Warp) -> Warp:
        """Return a visit's warp with CLIPPED set where an artifact was found."""
        if visit not in self.masks:
            return warp
        found = mask_of(self.masks[visit].runs, warp.box)
        return replace(warp, mask=np.where(found, warp.mask | bit("CLIPPED"), warp.mask))

    def within(self, box: Box) -> dict[int, NDArray[np.int32]]:
        """Return what lies in a box, as runs of pixels, for the visits that have any."""
        found = {visit: mask.within(box) for visit, mask in self.masks.items()}
        return {visit: runs for visit, runs in found.items() if len(runs)}
