"""World coordinates of one image: pixels to sky and back, whatever the projection and distortion."""

from __future__ import annotations

import threading
import warnings
from functools import cached_property
from typing import Any

import numpy as np
from astropy.io.fits import Header
from astropy.wcs import WCS, FITSFixedWarning
from numpy.typing import ArrayLike, NDArray

from coaddc.model.errors import DataError
from coaddc.model.geom import Box

Floats = NDArray[np.float64]

#: Arcseconds in a degree.
ARCSEC = 3600.0


class Wcs:
    """The celestial WCS of a FITS header: TAN, SIP, TPV, ZPN and whatever else wcslib knows.

    Positions are 0-based pixels (centre of the first pixel is 0, 0) and ICRS degrees. Safe to use from
    several threads.

    Parameters
    ----------
    header
        FITS header with the WCS cards.
    dra, ddec
        Astrometric correction, arcsec on the sky, added to what the header says.

    Raises
    ------
    DataError
        Where the header holds no celestial WCS.
    """

    def __init__(self, header: Header, *, dra: float = 0.0, ddec: float = 0.0) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FITSFixedWarning)
            try:
                wcs = WCS(header, naxis=2)
            except Exception as error:
                raise DataError(f"unusable WCS: {error}") from error
        if not wcs.has_celestial:
            raise DataError(f"no celestial WCS: axis types are {', '.join(wcs.wcs.ctype) or 'missing'}")
        if dra or ddec:
            wcs.wcs.crval = wcs.wcs.crval + np.array(
                [dra / ARCSEC / np.cos(np.radians(wcs.wcs.crval[1])), ddec / ARCSEC]
            )
        wcs.wcs.set()
        self._wcs = wcs
        self._lock = threading.Lock()  # wcslib's structs are set up anew on use

    @classmethod
    def tan(cls, *, ra: float, dec: float, scale: float, x: float, y: float) -> Wcs:
        """Make a north-up tangent projection.

        Parameters
        ----------
        ra, dec
            Tangent point, degrees.
        scale
            Pixel scale there, arcsec.
        x, y
            Its 0-based pixel position.
        """
        header = Header()
        header["CTYPE1"], header["CTYPE2"] = "RA---TAN", "DEC--TAN"
        header["CUNIT1"], header["CUNIT2"] = "deg", "deg"
        header["CRVAL1"], header["CRVAL2"] = ra, dec
        header["CRPIX1"], header["CRPIX2"] = x + 1.0, y + 1.0
        header["CD1_1"], header["CD1_2"] = -scale / ARCSEC, 0.0
        header["CD2_1"], header["CD2_2"] = 0.0, scale / ARCSEC
        header["RADESYS"] = "ICRS"
        return cls(header)

    def to_sky(self, *, x: ArrayLike, y: ArrayLike) -> tuple[Floats, Floats]:
        """Return right ascension and declination, degrees, of 0-based pixel positions of any one shape."""
        x, y = np.broadcast_arrays(np.asarray(x, np.float64), np.asarray(y, np.float64))
        with self._lock:
            ra, dec = self._wcs.all_pix2world(x.ravel(), y.ravel(), 0)
        return np.reshape(ra, x.shape), np.reshape(dec, x.shape)

    def to_pixel(self, *, ra: ArrayLike, dec: ArrayLike) -> tuple[Floats, Floats]:
        """Return 0-based pixel positions (x, y) of sky positions, degrees; NaN where there is none.

        SIP is inverted by iteration to 1e-6 pixels; far outside the image, where it need not converge, the
        position is what the iteration came to.
        """
        ra, dec = np.broadcast_arrays(np.asarray(ra, np.float64), np.asarray(dec, np.float64))
        with self._lock, np.errstate(invalid="ignore"):
            x, y = self._wcs.all_world2pix(
                ra.ravel(), dec.ravel(), 0, tolerance=1e-6, maxiter=50, quiet=True, detect_divergence=False
            )
        return np.reshape(x, ra.shape), np.reshape(y, ra.shape)

    def jacobian(self, *, x: float, y: float) -> Floats:
        """Return d(east, north)/d(x, y) in arcsec per pixel at a pixel position, shape (2, 2)."""
        ra, dec = self.to_sky(x=[x, x - 0.5, x + 0.5, x, x], y=[y, y, y, y - 0.5, y + 0.5])
        alpha, delta = np.radians(ra), np.radians(dec)
        points = np.array([np.cos(delta) * np.cos(alpha), np.cos(delta) * np.sin(alpha), np.sin(delta)])
        east = np.array([-np.sin(alpha[0]), np.cos(alpha[0]), 0.0])
        north = np.cross(points[:, 0], east)
        steps = np.stack([points[:, 2] - points[:, 1], points[:, 4] - points[:, 3]], axis=1)
        jacobian: Floats = np.degrees(np.stack([east, north]) @ steps) * ARCSEC
        return jacobian

    def pixel_scale(self, *, x: float, y: float) -> float:
        """Return the side, arcsec, of a square with the area of the pixel there."""
        return float(np.sqrt(abs(np.linalg.det(self.jacobian(x=x, y=y)))))

    def corners(self, box: Box) -> tuple[Floats, Floats]:
        """Return the sky positions of a box's four outer corners, in order around it."""
        y0, y1, x0, x1 = box.y0 - 0.5, box.y1 - 0.5, box.x0 - 0.5, box.x1 - 0.5
        return self.to_sky(x=[x0, x1, x1, x0], y=[y0, y0, y1, y1])

    def header(self) -> Header:
        """Return the cards that describe this WCS."""
        return self._wcs.to_header(relax=True)

    @cached_property
    def cards(self) -> tuple[tuple[str, Any], ...]:
        """The WCS as plain data, for digests."""
        return tuple((card.keyword, card.value) for card in self.header().cards if card.keyword != "COMMENT")
