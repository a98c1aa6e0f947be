"""The WCS of FITS headers, as wcslib reads them, through astropy."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
from astropy.io.fits import Header
from astropy.wcs import WCS, FITSFixedWarning
from numpy.typing import NDArray

from coaddc.model.errors import DataError
from coaddc.model.tangent import ARCSEC

Floats = NDArray[np.float64]


class Wcslib:
    """The celestial WCS of a FITS header: TAN, SIP, TPV, ZPN and whatever else wcslib knows.

    Parameters
    ----------
    header
        With the WCS cards.
    dra, ddec
        Astrometric correction, arcsec on the sky, added to what the header says.

    Raises
    ------
    DataError
        Where the header holds no celestial WCS.
    """

    def __init__(self, header: Mapping[str, Any], *, dra: float = 0.0, ddec: float = 0.0) -> None:
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

    def to_sky(self, *, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Return right ascension and declination, degrees, of 0-based pixel positions, flat arrays."""
        with self._lock:
            ra, dec = self._wcs.all_pix2world(x, y, 0)
        return ra, dec

    def to_pixel(self, *, ra: Floats, dec: Floats) -> tuple[Floats, Floats]:
        """Return 0-based pixel positions (x, y) of sky positions, degrees, flat arrays.

        SIP is inverted by iteration to 1e-6 pixels; far outside the image, where it need not converge, the
        position is what the iteration came to.
        """
        with self._lock, np.errstate(invalid="ignore"):
            x, y = self._wcs.all_world2pix(
                ra, dec, 0, tolerance=1e-6, maxiter=50, quiet=True, detect_divergence=False
            )
        return x, y

    def header(self) -> Header:
        """Return the cards that describe it, as wcslib writes them."""
        return self._wcs.to_header(relax=True)

    @cached_property
    def cards(self) -> tuple[tuple[str, Any], ...]:
        """The same as plain data."""
        return tuple((card.keyword, card.value) for card in self.header().cards if card.keyword != "COMMENT")
