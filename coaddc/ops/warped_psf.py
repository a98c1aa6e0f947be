"""The PSF of one exposure as it looks on the pixels of a tract."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from coaddc.kernels.spline import spline_stamps
from coaddc.model.geom import Box
from coaddc.model.pixel_psf import PixelPsf
from coaddc.model.psf import Floats, Psf, stamp
from coaddc.model.wcs import Wcs
from coaddc.ops.kernel_field import hats

#: Pixels between places at which it is asked exactly what an exposure covers.
NET = 64


@dataclass(frozen=True)
class Places:
    """Places in an exposure, nearest to places in a tract.

    Attributes
    ----------
    y, x : (k,)
        Pixels of the exposure, within it.
    inside : (k,)
        Whether the exposure has the place itself.
    jacobian : (k, 2, 2)
        d(x, y of the exposure)/d(x, y of the tract) there.
    """

    y: Floats
    x: Floats
    inside: NDArray[np.bool_]
    jacobian: Floats


@dataclass(frozen=True)
class WarpedPsf:
    """The PSF of one exposure as it looks on the pixels of a tract.

    Outside the exposure it is that of the nearest place inside. The map of the pixels is taken as linear over
    a stamp.

    Attributes
    ----------
    psf, wcs, shape
        PSF model, WCS and size (ny, nx) of the exposure.
    tract
        WCS of the tract.
    """

    psf: Psf
    wcs: Wcs
    shape: tuple[int, int]
    tract: Wcs

    def locate(self, *, y: float, x: float) -> tuple[float, float, bool]:
        """Return the exposure's (y, x) at a tract pixel, moved into the image, and if it was inside."""
        v, u, inside = self._locate(np.array([y]), np.array([x]))
        return float(v[0]), float(u[0]), bool(inside[0])

    def covers(self, rows: Floats, columns: Floats) -> NDArray[np.bool_]:
        """Say of a grid of tract pixels whether they lie within the centres of the outermost pixels.

        Positions are exact on a net of `NET` pixels, and linear within it: for areas, that is near enough.
        """
        net_y, net_x = _net(rows), _net(columns)
        x, y = np.meshgrid(net_x, net_y)
        ra, dec = self.tract.to_sky(x=x, y=y)
        places = np.nan_to_num(self.wcs.to_pixel(ra=ra, dec=dec), nan=-1e9)  # where the WCS runs away
        u, v = hats(net_y, rows) @ places @ hats(net_x, columns).T
        ny, nx = self.shape
        inside: NDArray[np.bool_] = (u >= 0) & (u <= nx - 1) & (v >= 0) & (v <= ny - 1)
        return inside

    def jacobian(self, *, y: float, x: float) -> Floats:
        """Return d(x, y of the exposure)/d(x, y of the tract), (2, 2), at or near a tract pixel."""
        found: Floats = self.places(y=[y], x=[x]).jacobian[0]
        return found

    def stamp(self, *, y: float, x: float, half: int) -> Floats:
        """Return the image of a point source at a tract pixel, (2 half + 1) square, sum 1."""
        found: Floats = self.stamps(y=[y], x=[x], half=half)[0]
        return found

    def part(self, *, y: float, x: float, half: int) -> Floats:
        """Return the middle (2 half + 1) square of the image of a point source of flux 1: less than that."""
        found: Floats = self.parts(y=[y], x=[x], half=half)[0]
        return found

    def stamps(self, *, y: ArrayLike, x: ArrayLike, half: int) -> Floats:
        """Return what `stamp` does for several tract pixels, (k, 2 half + 1, 2 half + 1)."""
        return self._stamps(self.places(y=y, x=x), half)

    def parts(self, *, y: ArrayLike, x: ArrayLike, half: int) -> Floats:
        """Return what `part` does for several tract pixels, (k, 2 half + 1, 2 half + 1)."""
        places = self.places(y=y, x=x)
        scale = np.sqrt(np.abs(np.linalg.det(places.jacobian)))
        more = np.clip(np.ceil(self.psf.radius / scale).astype(np.int64) - half, 0, 4 * half)
        result = np.empty((more.size, 2 * half + 1, 2 * half + 1))
        for size in np.unique(more):
            these = np.flatnonzero(more == size)
            some = Places(places.y[these], places.x[these], places.inside[these], places.jacobian[these])
            middle = slice(size, size + 2 * half + 1)
            result[these] = self._stamps(some, half + int(size))[:, middle, middle]
        return result

    def places(self, *, y: ArrayLike, x: ArrayLike) -> Places:
        """Return where tract pixels lie, or the nearest there is."""
        y, x = np.array(y, np.float64), np.array(x, np.float64)
        v, u, inside = self._locate(y, x)
        if not inside.all():
            outside = ~inside
            ra, dec = self.wcs.to_sky(x=u[outside], y=v[outside])
            x[outside], y[outside] = self.tract.to_pixel(ra=ra, dec=dec)
        jacobian = np.linalg.inv(self.wcs.jacobian(x=u, y=v)) @ self.tract.jacobian(x=x, y=y)
        return Places(v, u, inside, jacobian)

    def _locate(self, y: Floats, x: Floats) -> tuple[Floats, Floats, NDArray[np.bool_]]:
        ra, dec = self.tract.to_sky(x=x, y=y)
        u, v = self.wcs.to_pixel(ra=ra, dec=dec)
        box, (ny, nx) = Box.of_shape(self.shape), self.shape
        inside = np.array([box.contains(y=b, x=a) for b, a in zip(v.tolist(), u.tolist(), strict=True)])
        return np.clip(v, 0, ny - 1), np.clip(u, 0, nx - 1), inside

    def _stamps(self, places: Places, half: int) -> Floats:
        if isinstance(self.psf, PixelPsf):
            return _pixel_stamps(self.psf, places, half)
        where = zip(places.y.tolist(), places.x.tolist(), places.jacobian, strict=True)
        return np.array([stamp(self.psf, x=x, y=y, half=half, jacobian=j) for y, x, j in where])


def _pixel_stamps(psf: PixelPsf, places: Places, half: int) -> Floats:
    """Return the stamps, sum 1, of a model of pixels."""
    stamps = np.empty((places.y.size, 2 * half + 1, 2 * half + 1))
    terms = psf.terms(x=places.x, y=places.y)
    steps = np.ascontiguousarray(places.jacobian[:, ::-1, ::-1]) / psf.step  # of (y, x)
    ny, nx = psf.stamps.shape[1:]
    spline_stamps(psf.coefficients, terms, steps, (float(ny // 2), float(nx // 2)), stamps)
    total = stamps.sum(axis=(1, 2), keepdims=True)
    result: Floats = stamps / np.where(total > 0, total, 1.0)
    return result


def _net(places: Floats) -> Floats:
    """Return the places of a net that encloses some."""
    cells = max(1, math.ceil((places[-1] - places[0]) / NET))
    return np.linspace(places[0], places[-1], cells + 1)
