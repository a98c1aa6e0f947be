"""Footprints of exposures on the sphere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from coaddc.model.exposures import ExposureRow
from coaddc.model.wcs import Floats


def vectors(*, ra: ArrayLike, dec: ArrayLike) -> Floats:
    """Return unit vectors, shape (..., 3), of sky positions, degrees."""
    alpha, delta = np.radians(np.asarray(ra, np.float64)), np.radians(np.asarray(dec, np.float64))
    parts = [np.cos(delta) * np.cos(alpha), np.cos(delta) * np.sin(alpha), np.sin(delta)]
    return np.stack(np.broadcast_arrays(*parts), axis=-1)


def to_sky(vector: Floats) -> tuple[Floats, Floats]:
    """Return right ascension (0 to 360) and declination, degrees, of vectors (..., 3) of any length."""
    ra = np.degrees(np.arctan2(vector[..., 1], vector[..., 0])) % 360.0
    dec = np.degrees(np.arctan2(vector[..., 2], np.hypot(vector[..., 0], vector[..., 1])))
    return ra, dec


def separation(a: Floats, b: Floats) -> Floats:
    """Return the angle, degrees, between vectors of shape (..., 3); exact for small angles too."""
    cross = np.linalg.norm(np.cross(a, b), axis=-1)
    angle: Floats = np.degrees(np.arctan2(cross, np.sum(a * b, axis=-1)))
    return angle


@dataclass(frozen=True)
class Footprints:
    """Where exposures lie, in the order of their rows; NaN where a corner is not known.

    Attributes
    ----------
    ra, dec : (n, 4)
        Corners, in order around the detector, degrees.
    centre : (n, 3)
        Unit vector to the middle of the corners.
    radius : (n,)
        Angle from there to the furthest corner, degrees.
    """

    ra: Floats
    dec: Floats
    centre: Floats
    radius: Floats

    @classmethod
    def of(cls, rows: Sequence[ExposureRow]) -> Footprints:
        """Read the corners of exposures."""
        ra = np.array([row.corner_ra for row in rows], np.float64).reshape(-1, 4)
        dec = np.array([row.corner_dec for row in rows], np.float64).reshape(-1, 4)
        corners = vectors(ra=ra, dec=dec)
        centre = corners.sum(axis=1)
        centre /= np.linalg.norm(centre, axis=1, keepdims=True)
        return cls(ra, dec, centre, separation(corners, centre[:, None, :]).max(axis=1, initial=0.0))

    def __len__(self) -> int:
        return len(self.radius)

    def near(self, centre: Floats, radius: float) -> NDArray[np.bool_]:
        """Say which footprints may reach into a circle about a unit vector (3,), radius in degrees."""
        reach = np.minimum(self.radius + radius, 180.0)
        # the hair of 1e-12 keeps circles that only touch
        return np.asarray(self.centre @ centre >= np.cos(np.radians(reach)) - 1e-12)
