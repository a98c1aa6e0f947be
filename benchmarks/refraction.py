"""Where the atmosphere puts a star of some colour: differential refraction, which a direct coadd keeps."""

from __future__ import annotations

import erfa
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

Floats = NDArray[np.float64]

#: DECam's bands, and Gaia's BP and RP, as boxes, nm.
BANDS = {"g": (400.0, 548.0), "r": (566.0, 714.0), "z": (850.0, 1002.0)}
BP, RP = (330.0, 680.0), (630.0, 1050.0)
#: Temperature, K, of the black body with Vega's colour, by definition 0.
VEGA = 9600.0
#: Pressure, hPa, temperature, degrees Celsius, and relative humidity on Cerro Tololo, 2200 m, typically.
AIR = (780.0, 12.0, 0.2)


def _photons(box: tuple[float, float], temperature: float) -> tuple[Floats, Floats]:
    wavelength = np.linspace(*box, 200)
    return wavelength, wavelength**-4 / np.expm1(1.4388e7 / (wavelength * temperature))


def temperature(colour: float) -> float:
    """Return the temperature, K, of the black body of a colour BP - RP."""

    def excess(kelvin: float) -> float:
        ratio = [_photons(BP, t)[1].mean() / _photons(RP, t)[1].mean() for t in (kelvin, VEGA)]
        return float(-2.5 * np.log10(ratio[0] / ratio[1]) - colour)

    return float(brentq(excess, 1500.0, 60000.0))


def bending(band: str, colour: float) -> float:
    """Return the refraction of a black body in a band, mas a unit of the tangent of zenith distance."""
    wavelength, photons = _photons(BANDS[band], temperature(colour))
    bent, _ = erfa.refco(*AIR, wavelength / 1000.0)
    return float(np.average(bent, weights=photons) * 206264.8e3)


def shift_of_colour(
    band: str, colour: float, typical: float, inputs: NDArray[np.void], weights: Floats
) -> tuple[float, float]:
    """Return how far (east, north), mas, a star stands from one of a typical colour, on which positions rest.

    Parameters
    ----------
    band
        g, r or z.
    colour, typical
        BP - RP of the star, and of those by which the exposures were placed on the sky.
    inputs
        Rows of the exposures, with ``airmass`` and ``parallactic_angle``.
    weights
        Of the exposures.
    """
    tangent = np.sqrt(np.asarray(inputs["airmass"], np.float64) ** 2 - 1.0)
    angle = np.radians(np.asarray(inputs["parallactic_angle"], np.float64))
    up = tangent * (bending(band, colour) - bending(band, typical))
    east, north = (np.average(up * part, weights=weights) for part in (np.sin(angle), np.cos(angle)))
    return float(east), float(north)
