"""The camera of the demo survey: detectors in a mosaic with gaps, behind optics that distort."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from coaddc.model.simulation import Simulation
from coaddc.model.tangent import ARCSEC
from coaddc.model.wcs import Wcs
from coaddc.sim.field import tangent_header

#: Pixel scale at the optical axis, arcsec.
SCALE = 0.2
#: Between detectors, pixels.
GAP = 24
#: By which part of its distance from the optical axis the corner of the mosaic is displaced.
DISTORTION = 0.002


@dataclass(frozen=True, slots=True)
class Detector:
    """One detector of the camera.

    Attributes
    ----------
    name
        Number in the mosaic, as text.
    shape
        Rows and columns (ny, nx).
    x0, y0
        Where the optical axis is in its pixels, outside of it as a rule.
    sign
        1, or -1 where it is mounted upside down.
    reach
        Distance of the mosaic's corners from the optical axis, pixels.
    """

    name: str
    shape: tuple[int, int]
    x0: float
    y0: float
    sign: int
    reach: float

    def wcs(self, *, ra: float, dec: float, rotation: float) -> Wcs:
        """Return its TPV projection in a visit.

        Parameters
        ----------
        ra, dec
            Where the optical axis points, degrees.
        rotation
            Position angle of the mosaic's y axis, degrees, east of north.
        """
        turned = rotation + (180.0 if self.sign < 0 else 0.0)
        header = tangent_header(ra=ra, dec=dec, scale=SCALE, rotation=turned)
        header["CTYPE1"], header["CTYPE2"] = "RA---TPV", "DEC--TPV"
        header["CRPIX1"], header["CRPIX2"] = self.x0 + 1.0, self.y0 + 1.0
        # Radial and cubic, and a third as much lopsided (Calabretta et al., the TPV registration).
        reach = self.reach * SCALE / ARCSEC
        cubic, square = DISTORTION / reach**2, DISTORTION / reach / 3.0
        header["PV1_1"], header["PV1_4"], header["PV1_7"], header["PV1_9"] = 1.0, square, cubic, cubic
        header["PV2_1"], header["PV2_5"], header["PV2_7"], header["PV2_9"] = 1.0, -square, cubic, cubic
        return Wcs(header)


def mosaic(options: Simulation) -> Sequence[Detector]:
    """Return the detectors of the camera, row by row; those of every other row are upside down."""
    columns = int(np.ceil(np.sqrt(options.detectors)))
    rows = -(-options.detectors // columns)
    dx, dy = options.nx + GAP, options.ny + GAP
    reach = 0.5 * float(np.hypot(columns * dx - GAP, rows * dy - GAP))
    detectors = []
    for number in range(options.detectors):
        row, column = divmod(number, columns)
        x, y = (column - (columns - 1) / 2.0) * dx, (row - (rows - 1) / 2.0) * dy
        sign = 1 if row % 2 == 0 else -1
        x0, y0 = (options.nx - 1) / 2.0 - sign * x, (options.ny - 1) / 2.0 - sign * y
        detectors.append(Detector(str(number), (options.ny, options.nx), x0, y0, sign, reach))
    return detectors
