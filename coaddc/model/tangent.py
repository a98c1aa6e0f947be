"""The tangent projection in closed form, so that to plan a suite takes no library of projections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import erfa
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from astropy.io.fits import Header

Floats = NDArray[np.float64]

#: Arcseconds in a degree.
ARCSEC = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tangent:
    """A north-up tangent projection, by the SOFA library's ``tpsts`` and ``tpxes``.

    Attributes
    ----------
    ra, dec
        Tangent point, degrees.
    scale
        Pixel scale there, arcsec.
    x, y
        Its 0-based pixel position.
    """

    ra: float
    dec: float
    scale: float
    x: float
    y: float

    def to_sky(self, *, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Return right ascension and declination, degrees, of 0-based pixel positions."""
        xi, eta = (self.x - x) / self._per_radian, (y - self.y) / self._per_radian
        ra, dec = erfa.ufunc.tpsts(xi, eta, np.radians(self.ra), np.radians(self.dec))
        return np.degrees(ra), np.degrees(dec)

    def to_pixel(self, *, ra: Floats, dec: Floats) -> tuple[Floats, Floats]:
        """Return 0-based pixel positions (x, y) of sky positions, degrees; NaN from a right angle on."""
        point = np.radians(self.ra), np.radians(self.dec)
        with np.errstate(invalid="ignore"):
            xi, eta, status = erfa.ufunc.tpxes(np.radians(ra), np.radians(dec), *point)
        x, y = self.x - xi * self._per_radian, self.y + eta * self._per_radian
        return np.where(status == 0, x, np.nan), np.where(status == 0, y, np.nan)

    def header(self) -> Header:
        """Return the cards that describe it, as wcslib writes them."""
        from coaddc.model.wcslib import Wcslib  # slow to import

        return Wcslib(dict(self.cards)).header()

    @property
    def cards(self) -> tuple[tuple[str, Any], ...]:
        """Cards of a FITS header that describe it."""
        scale = self.scale / ARCSEC
        return (
            *(("CTYPE1", "RA---TAN"), ("CTYPE2", "DEC--TAN"), ("CUNIT1", "deg"), ("CUNIT2", "deg")),
            *(("CRVAL1", self.ra), ("CRVAL2", self.dec), ("CRPIX1", self.x + 1.0), ("CRPIX2", self.y + 1.0)),
            *(("CD1_1", -scale), ("CD1_2", 0.0), ("CD2_1", 0.0), ("CD2_2", scale), ("RADESYS", "ICRS")),
        )

    @property
    def _per_radian(self) -> float:
        """Pixels in a radian at the tangent point; negative about the north pole.

        North is no direction there, and FITS has the plane upside down: LONPOLE is 0, not 180 (Calabretta &
        Greisen 2002, A&A 395, 1077, section 2.2).
        """
        pixels = float(np.degrees(ARCSEC / self.scale))
        return -pixels if self.dec >= 90.0 else pixels
