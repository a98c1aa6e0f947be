"""What clipping costs stars, by their brightness, in mixed seeing where there is nothing to clip.

python benchmarks/clipped.py [--count N] [--side PIXELS]
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from likelihood import FLUX, How, Visits, coadds, fluxes, places
from measure import markdown

from coaddc.model.assembly import Matching, Statistic, Weighting
from coaddc.model.images import Coadd
from coaddc.model.mask import bit
from coaddc.sim.memory import MemoryExposure

#: Fluxes of stars, nJy; the noise of a visit's pixel is 4 to 7.
FLUXES = (1e3, 1e4, 1e5, 1e6)
#: Radius, pixels, of what counts as a star's.
NEAR = 10.0
#: What is made.
KINDS: dict[str, How] = {
    f"{name}, clipped": (matching, Weighting.inverse_variance, Statistic.clipped)
    for name, matching in (("direct", Matching.none), ("likelihood", Matching.likelihood))
}


def brightened(exposures: list[MemoryExposure], factor: float) -> list[MemoryExposure]:
    """Return noise-free exposures with all light times a factor; their stated noise stays that of the sky."""
    return [replace(e, image=(e.image * factor).astype(np.float32)) for e in exposures]


def clipped(visits: Visits, coadd: Coadd) -> float:
    """Return the part of the pixels near stars that lost an input to clipping."""
    yy, xx = np.indices(coadd.stacked.mask.shape)
    near = np.zeros(yy.shape, bool)
    for y, x in zip(*places(visits, coadd), strict=True):
        near |= np.hypot(yy - y, xx - x) < NEAR
    return float(np.mean(coadd.stacked.mask[near] & bit("CLIPPED") != 0))


def rows(visits: Visits) -> Iterator[list[str]]:
    """Yield the error of the fluxes of stars by kind: of the stated PSF's fit, or the value at the place."""
    exposures = visits.expose(stars=True, seed=None)
    found: dict[str, list[str]] = {name: [name] for name in KINDS}
    for flux in FLUXES:
        for name, coadd in coadds(visits, brightened(exposures, flux / FLUX), KINDS).items():
            error = fluxes(coadd, KINDS[name][0], *places(visits, coadd)) / flux - 1.0
            errors = ", ".join(f"{100 * value:+.2f}" for value in (np.median(error), error.min()))
            found[name].append(f"{errors} ({100 * clipped(visits, coadd):.1f})")
    yield from found.values()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--count", type=int, default=12, help="number of visits")
    parser.add_argument("--side", type=int, default=600, help="rows and columns of each")
    words = parser.parse_args()
    head = ["flux error, %: median, lowest (pixels clipped, %)", *(f"{flux:.0e} nJy" for flux in FLUXES)]
    print(markdown(head, list(rows(Visits(words.count, words.side)))))


if __name__ == "__main__":
    main()
