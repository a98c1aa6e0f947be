"""What was found on the warps of all visits, and must be kept out of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from coaddc.model.geom import Box
from coaddc.model.images import Warp
from coaddc.model.mask import bit
from coaddc.ops.artifact_runs import runs


@dataclass(frozen=True, slots=True)
class Artifacts:
    """What was found on the warps of one tile: for each visit, where its mask lies, and the mask."""

    masks: Mapping[int, tuple[Box, NDArray[np.bool_]]]

    def reject(self, visit: int, warp: Warp) -> Warp:
        """Return a visit's warp with CLIPPED set where an artifact was found."""
        if visit not in self.masks:
            return warp
        box, found = self.masks[visit]
        part = warp.box.clip(box)
        mask = warp.mask.copy()
        mask[part.within(warp.box)][found[part.within(box)]] |= bit("CLIPPED")
        return replace(warp, mask=mask)

    def within(self, tile: Box) -> dict[int, NDArray[np.int32]]:
        """Return what lies in a tile, as runs of pixels, for the visits that have any."""
        parts = {visit: (box.clip(tile), box, found) for visit, (box, found) in self.masks.items()}
        found_runs = {
            visit: runs(np.ascontiguousarray(found[part.within(box)]), part)
            for visit, (part, box, found) in parts.items()
        }
        return {visit: found for visit, found in found_runs.items() if len(found)}
