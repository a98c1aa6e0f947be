"""World coordinates of one image: pixels to sky and back, whatever the projection and distortion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from coaddc.model.geom import Box
from coaddc.model.tangent import ARCSEC, Tangent

if TYPE_CHECKING:
    from astropy.io.fits import Header

    from coaddc.model.wcslib import Wcslib

Floats = NDArray[np.float64]

#: A position, and half a pixel to either side of it on either axis.
_STEPS_X, _STEPS_Y = np.array([0.0, -0.5, 0.5, 0.0, 0.0]), np.array([0.0, 0.0, 0.0, -0.5, 0.5])


class Wcs:
    """Pixels to sky and back, for one image.

    Positions are 0-based pixels (centre of the first pixel is 0, 0) and ICRS degrees. Safe to use from
    several threads.

    Parameters
    ----------
    source
        FITS header with the WCS cards of any projection, or a tangent projection.
    dra, ddec
        Astrometric correction, arcsec on the sky, added to what a header says.

    Raises
    ------
    DataError
        Where the header holds no celestial WCS.
    """

    def __init__(self, source: Header | Tangent, *, dra: float = 0.0, ddec: float = 0.0) -> None:
        plane = isinstance(source, Tangent)
        self._projection: Tangent | Wcslib = source if plane else _of_header(source, dra=dra, ddec=ddec)

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
        return cls(Tangent(ra=ra, dec=dec, scale=scale, x=x, y=y))

    def to_sky(self, *, x: ArrayLike, y: ArrayLike) -> tuple[Floats, Floats]:
        """Return right ascension and declination, degrees, of 0-based pixel positions of any one shape."""
        x, y = np.broadcast_arrays(np.asarray(x, np.float64), np.asarray(y, np.float64))
        ra, dec = self._projection.to_sky(x=x.ravel(), y=y.ravel())
        return np.reshape(ra, x.shape), np.reshape(dec, x.shape)

    def to_pixel(self, *, ra: ArrayLike, dec: ArrayLike) -> tuple[Floats, Floats]:
        """Return 0-based pixel positions (x, y) of sky positions, degrees; NaN where there is none.

        SIP is inverted by iteration to 1e-6 pixels; far outside the image, where it need not converge, the
        position is what the iteration came to.
        """
        ra, dec = np.broadcast_arrays(np.asarray(ra, np.float64), np.asarray(dec, np.float64))
        x, y = self._projection.to_pixel(ra=ra.ravel(), dec=dec.ravel())
        return np.reshape(x, ra.shape), np.reshape(y, ra.shape)

    def jacobian(self, *, x: ArrayLike, y: ArrayLike) -> Floats:
        """Return d(east, north)/d(x, y) in arcsec per pixel at positions of any one shape, (..., 2, 2)."""
        x, y = np.broadcast_arrays(np.asarray(x, np.float64), np.asarray(y, np.float64))
        ra, dec = self.to_sky(x=x + _STEPS_X[:, *(None,) * x.ndim], y=y + _STEPS_Y[:, *(None,) * x.ndim])
        alpha, delta = np.radians(ra), np.radians(dec)
        sin_a, cos_a, sin_d, cos_d = np.sin(alpha), np.cos(alpha), np.sin(delta), np.cos(delta)
        points = np.array([cos_d * cos_a, cos_d * sin_a, sin_d])
        east = np.array([-sin_a[0], cos_a[0], np.zeros_like(cos_a[0])])  # at the position itself
        north = np.array([-sin_d[0] * cos_a[0], -sin_d[0] * sin_a[0], cos_d[0]])
        steps = points[:, 2::2] - points[:, 1::2]
        jacobian: Floats = np.einsum("ac...,cp...->...ap", np.array([east, north]), steps)
        result: Floats = np.degrees(jacobian) * ARCSEC
        return result

    def pixel_scale(self, *, x: float, y: float) -> float:
        """Return the side, arcsec, of a square with the area of the pixel there."""
        return float(np.sqrt(abs(np.linalg.det(self.jacobian(x=x, y=y)))))

    def corners(self, box: Box) -> tuple[Floats, Floats]:
        """Return the sky positions of a box's four outer corners, in order around it."""
        y0, y1, x0, x1 = box.y0 - 0.5, box.y1 - 0.5, box.x0 - 0.5, box.x1 - 0.5
        return self.to_sky(x=[x0, x1, x1, x0], y=[y0, y0, y1, y1])

    def header(self) -> Header:
        """Return the cards that describe this WCS."""
        return self._projection.header()

    @property
    def cards(self) -> tuple[tuple[str, Any], ...]:
        """The WCS as plain data, for digests."""
        return self._projection.cards


def _of_header(header: Header, *, dra: float, ddec: float) -> Wcslib:
    from coaddc.model.wcslib import Wcslib  # with astropy slow to import, and tracts need none

    return Wcslib(header, dra=dra, ddec=ddec)
