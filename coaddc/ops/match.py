"""PSF matching: convolve a warp so that its point sources look like the target PSF, wherever they are."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from coaddc.model.geom import Box
from coaddc.model.images import Warp
from coaddc.model.mask import bit
from coaddc.model.psf import Floats, Psf, stamp
from coaddc.model.wcs import Wcs
from coaddc.ops.fourier import convolve

#: Kernels are written as a mean and principal components, as many as leave less than this part of their norm.
TOLERANCE = 1e-3
#: Part of a kernel's absolute sum that may reach beyond the edge of the data.
EDGE_LOSS = 5e-3

#: Pixels between places at which it is asked exactly what an exposure covers.
NET = 64


@dataclass(frozen=True)
class WarpedPsf:
    """The PSF of one exposure as it looks on the pixels of a tract.

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
        ra, dec = self.tract.to_sky(x=x, y=y)
        u, v = self.wcs.to_pixel(ra=ra, dec=dec)
        inside = Box.of_shape(self.shape).contains(y=float(v), x=float(u))
        ny, nx = self.shape
        return float(np.clip(v, 0, ny - 1)), float(np.clip(u, 0, nx - 1)), inside

    def covers(self, rows: Floats, columns: Floats) -> NDArray[np.bool_]:
        """Say of a grid of tract pixels whether they lie within the centres of the outermost pixels.

        Positions are exact on a net of `NET` pixels, and linear within it: for areas, that is near enough.
        """
        net_y, net_x = _net(rows), _net(columns)
        x, y = np.meshgrid(net_x, net_y)
        ra, dec = self.tract.to_sky(x=x, y=y)
        places = np.nan_to_num(self.wcs.to_pixel(ra=ra, dec=dec), nan=-1e9)  # where the WCS runs away
        u, v = _hats(rows, net_y) @ places @ _hats(columns, net_x).T
        ny, nx = self.shape
        inside: NDArray[np.bool_] = (u >= 0) & (u <= nx - 1) & (v >= 0) & (v <= ny - 1)
        return inside

    def jacobian(self, *, y: float, x: float) -> Floats:
        """Return d(x, y of the exposure)/d(x, y of the tract), (2, 2), at or near a tract pixel."""
        return self._jacobian(*self._nearest(y, x))

    def stamp(self, *, y: float, x: float, half: int) -> Floats:
        """Return the image of a point source at a tract pixel, (2 half + 1) square, sum 1.

        Outside the exposure it is that of the nearest place inside. The map of the pixels is taken as linear
        over the stamp.
        """
        near = self._nearest(y, x)
        return stamp(self.psf, x=near[1], y=near[0], half=half, jacobian=self._jacobian(*near))

    def part(self, *, y: float, x: float, half: int) -> Floats:
        """Return the middle (2 half + 1) square of the image of a point source of flux 1: less than that."""
        near = self._nearest(y, x)
        jacobian = self._jacobian(*near)
        scale = float(np.sqrt(abs(np.linalg.det(jacobian))))
        more = min(max(0, int(np.ceil(self.psf.radius / scale)) - half), 4 * half)
        whole = stamp(self.psf, x=near[1], y=near[0], half=half + more, jacobian=jacobian)
        return whole[more : whole.shape[0] - more, more : whole.shape[1] - more]

    def _jacobian(self, v: float, u: float, y: float, x: float) -> Floats:
        return np.linalg.inv(self.wcs.jacobian(x=u, y=v)) @ self.tract.jacobian(x=x, y=y)

    def _nearest(self, y: float, x: float) -> tuple[float, float, float, float]:
        """Return the nearest place inside the exposure: its (y, x) there, and its (y, x) in the tract."""
        v, u, inside = self.locate(y=y, x=x)
        if not inside:
            ra, dec = self.wcs.to_sky(x=u, y=v)
            x_near, y_near = self.tract.to_pixel(ra=ra, dec=dec)
            y, x = float(y_near), float(x_near)
        return v, u, y, x


def _net(places: Floats) -> Floats:
    """Return the places of a net that encloses some."""
    cells = max(1, math.ceil((places[-1] - places[0]) / NET))
    return np.linspace(places[0], places[-1], cells + 1)


def _hats(places: Floats, net: Floats) -> Floats:
    """Return the weights, (places, net), that interpolate linearly between the places of a net."""
    step = max(net[1] - net[0], 1e-9)
    weights: Floats = np.maximum(0.0, 1.0 - np.abs(places[:, None] - net) / step)
    return weights


def matching_kernel(source: Floats, target: Floats, *, half: int, regularisation: float) -> Floats:
    """Return the kernel that turns one PSF into another.

    The regularised quotient of their Fourier transforms, T P* / (|P|**2 + r max |P|**2), cut to its size and
    scaled to sum 1.

    Parameters
    ----------
    source, target : (n, n)
        Centred stamps, n odd.
    half
        The kernel is (2 half + 1) square.
    regularisation
        r.
    """
    n = fft.next_fast_len(source.shape[0] + 2 * half + 1, real=True)
    p, t = (fft.rfft2(centred(image, n)) for image in (source, target))
    power = np.abs(p) ** 2
    kernel = fft.irfft2(t * np.conj(p) / (power + regularisation * power.max()), (n, n))
    cut = np.roll(kernel, (half, half), (0, 1))[: 2 * half + 1, : 2 * half + 1]
    result: Floats = cut / cut.sum()
    return result


def centred(image: Floats, n: int) -> Floats:
    """Put a centred stamp into an (n, n) array with its middle on the first pixel."""
    half = image.shape[0] // 2
    out = np.zeros((n, n))
    out[: image.shape[0], : image.shape[1]] = image
    return np.roll(out, (-half, -half), (0, 1))


@dataclass(frozen=True)
class Matching:
    """What warps are matched to, and how.

    Attributes
    ----------
    target
        PSF wanted, in pixels of the tract.
    half
        Kernels are (2 half + 1) square.
    cell
        They are solved at multiples of this many tract pixels, whatever the box.
    regularisation
        See `matching_kernel`.
    """

    target: Psf
    half: int
    cell: int
    regularisation: float

    @property
    def reach(self) -> int:
        """Half-width of the stamps that kernels are solved from."""
        return self.half + int(np.ceil(self.target.radius / 2.0))

    def kernel(self, source: Floats) -> Floats:
        """Return the kernel for a PSF stamp of half-width `reach`."""
        wanted = stamp(self.target, x=0.0, y=0.0, half=self.reach)
        return matching_kernel(source, wanted, half=self.half, regularisation=self.regularisation)


@dataclass(frozen=True)
class KernelField:
    """Matching kernels on a grid of positions, in between by bilinear interpolation.

    Attributes
    ----------
    ys, xs
        Tract pixels of the rows (r) and columns (c) of the grid.
    mean : (n, n)
        Mean kernel, sum 1.
    components : (m, n, n)
        Principal components of their differences from it, sum 0 each.
    amplitudes : (r, c, m)
        Of the components.
    gain : (r, c)
        Variance of a pixel of the matched warp over that of the warp.
    """

    ys: NDArray[np.float64]
    xs: NDArray[np.float64]
    mean: Floats
    components: Floats
    amplitudes: Floats
    gain: Floats

    def on(self, values: Floats, box: Box) -> Floats:
        """Return values on the grid, (r, c), interpolated to the pixels of a box."""
        rows, columns = _hat(self.ys, box.y0, box.y1), _hat(self.xs, box.x0, box.x1)
        result: Floats = rows @ values @ columns.T
        return result

    def at(self, *, y: float, x: float) -> Floats:
        """Return the kernel at the pixel nearest to a position, (n, n)."""
        row, column = round(y), round(x)
        pixel = Box(y0=row, y1=row + 1, x0=column, x1=column + 1)
        local = [self.on(self.amplitudes[:, :, m], pixel)[0, 0] for m in range(len(self.components))]
        kernel: Floats = self.mean + np.tensordot(np.array(local), self.components, axes=1)
        return kernel

    @property
    def edge(self) -> int:
        """Distance from missing data, pixels, where what the kernel misses is negligible."""
        return _reach(self.mean, EDGE_LOSS)

    @property
    def core(self) -> int:
        """Distance over which half of the kernel spreads a bad pixel."""
        return _reach(self.mean, 0.5)


def _hat(nodes: NDArray[np.float64], start: int, stop: int) -> Floats:
    """Return the weights (stop - start, nodes) of linear interpolation, constant beyond the nodes."""
    if nodes.size == 1:
        return np.ones((stop - start, 1))
    place = np.clip(np.interp(np.arange(start, stop), nodes, np.arange(nodes.size)), 0, nodes.size - 1)
    return np.maximum(0.0, 1.0 - np.abs(place[:, None] - np.arange(nodes.size)))


def _reach(kernel: Floats, loss: float) -> int:
    """Return the smallest half-width of a square that holds all of the absolute sum but this part."""
    half = kernel.shape[0] // 2
    dy, dx = np.mgrid[-half : half + 1, -half : half + 1]
    ring = np.maximum(np.abs(dy), np.abs(dx))
    sums = np.bincount(ring.ravel(), np.abs(kernel).ravel())
    return int(np.searchsorted(np.cumsum(sums) / sums.sum(), 1.0 - loss))


def kernel_field(source: WarpedPsf, matching: Matching, box: Box, correlation: Floats) -> KernelField:
    """Solve the matching kernels of one exposure over a box.

    Parameters
    ----------
    source
        PSF of the exposure on the tract.
    matching
        What to match to, and how.
    box
        Where.
    correlation : (k, k)
        Correlation of the noise of the warp (k odd).
    """
    ys, xs = nodes(box.y0, box.y1, matching.cell), nodes(box.x0, box.x1, matching.cell)
    half = matching.reach
    kernels = np.array([matching.kernel(source.stamp(y=y, x=x, half=half)) for y in ys for x in xs])
    gain = np.array([noise_gain(kernel, correlation) for kernel in kernels])
    return field_of(kernels, gain, ys, xs)


def field_of(
    kernels: Floats, gain: Floats, ys: Floats, xs: Floats, *, tolerance: float = TOLERANCE
) -> KernelField:
    """Return the field of kernels (k, n, n), and of gains (k,), solved row by row of a grid."""
    mean = kernels.mean(axis=0)
    components, amplitudes = _principal(kernels - mean, tolerance * float(np.linalg.norm(mean)))
    grid = (ys.size, xs.size)
    return KernelField(ys, xs, mean, components, amplitudes.reshape(*grid, -1), gain.reshape(grid))


def nodes(start: int, stop: int, cell: int) -> NDArray[np.float64]:
    """Return the multiples of a cell that enclose a range of pixels."""
    return np.arange(start // cell, -(-(stop - 1) // cell) + 1, dtype=np.float64) * cell


def _principal(differences: Floats, tolerance: float) -> tuple[Floats, Floats]:
    """Return components (m, n, n) and amplitudes (k, m) that reach the tolerance in each of k kernels."""
    k, n, _ = differences.shape
    u, s, v = np.linalg.svd(differences.reshape(k, -1), full_matrices=False)
    left = [float(np.linalg.norm(u[:, m:] * s[m:], axis=1).max(initial=0.0)) for m in range(s.size + 1)]
    m = next(i for i, error in enumerate(left) if error <= tolerance or i == s.size)
    return v[:m].reshape(m, n, n), u[:, :m] * s[:m]


def noise_gain(kernel: Floats, correlation: Floats) -> float:
    """Return the variance of a pixel after convolution over that before, for noise of this correlation."""
    both = convolve(correlation, convolve(kernel, kernel[::-1, ::-1]))
    return float(both.flat[both.size // 2])


def match(warp: Warp, kernels: KernelField, box: Box) -> Warp | None:
    """Convolve a warp with the kernels of its place.

    Parameters
    ----------
    warp
        On a box larger than the result by the half-width of the kernels, where the exposure reaches.
    kernels
        From `kernel_field`.
    box
        Where the result is wanted.

    Returns
    -------
    Warp
        On the part of the box that the warp reaches; None where that is nothing. Weight 0 within
        `KernelField.edge` pixels of missing data; each bit of the mask grown by `KernelField.core` pixels.
    """
    box = box.clip(warp.box)
    if not box.area:
        return None
    wide = box.grow(kernels.mean.shape[0] // 2)
    image, variance, weight, mask = (placed(plane, warp.box, wide) for plane in _planes(warp))
    at = box.within(wide)
    size = fft_size(wide)
    matched = convolve_field(image, kernels, box, wide)
    square = kernels.mean**2
    spread = convolved(fft.rfft2(variance, size), square / square.sum(), wide.shape, size)
    noise = np.maximum(spread[at], 0.0) * kernels.on(kernels.gain, box)
    bits = grow_bits(mask, kernels.core)[at] & ~bit("NO_DATA")
    gone = grow_bits((weight <= 0).astype(np.int32), kernels.edge)[at] > 0
    return Warp(
        box,
        np.where(gone, 0, matched).astype(np.float32),
        np.where(gone, 0, noise).astype(np.float32),
        np.where(gone, bit("NO_DATA"), bits).astype(np.int32),
        np.where(gone, 0, weight[at]).astype(np.float32),
    )


def grow_bits(mask: NDArray[np.int32], radius: int) -> NDArray[np.int32]:
    """Return the bits of a mask, or-ed over squares of side 2 radius + 1.

    Rows first, then columns; windows of doubling width are or-ed with themselves, shifted.
    """
    for axis in (0, 1):
        grown = np.moveaxis(
            np.pad(mask, [(radius, radius) if a == axis else (0, 0) for a in (0, 1)]), axis, 0
        )
        span, width = 1, 2 * radius + 1
        while span < width:
            step = min(span, width - span)
            grown = grown[:-step] | grown[step:]
            span += step
        mask = np.moveaxis(grown, 0, axis)
    return mask


def _planes(warp: Warp) -> tuple[NDArray[Any], ...]:
    variance = np.where(warp.weight > 0, warp.variance, 0)
    return np.where(warp.weight > 0, warp.image, 0), variance, warp.weight, warp.mask


def placed(plane: NDArray[Any], box: Box, wide: Box) -> NDArray[Any]:
    """Put a plane into a larger box, 0 around it."""
    out = np.zeros(wide.shape, plane.dtype)
    part = box.clip(wide)
    out[part.within(wide)] = plane[part.within(box)]
    return out


def convolve_field(image: NDArray[Any], kernels: KernelField, box: Box, wide: Box) -> Floats:
    """Convolve an image of the wide box with the kernels of each place of the box that it surrounds.

    With the mean kernel and each component, added with their local amplitudes.
    """
    size = fft_size(wide)
    transform = fft.rfft2(image.astype(np.float32), size)
    at = box.within(wide)
    result = convolved(transform, kernels.mean, wide.shape, size)[at].astype(np.float64)
    for m, component in enumerate(kernels.components):
        amplitude = kernels.on(kernels.amplitudes[:, :, m], box)
        result += amplitude * convolved(transform, component, wide.shape, size)[at]
    return result


def fft_size(box: Box) -> list[int]:
    """Return rows and columns, at least those of a box, that Fourier transforms are fast with."""
    return [fft.next_fast_len(n, real=True) for n in box.shape]


def convolved(
    transform: NDArray[Any], kernel: Floats, shape: tuple[int, int], size: list[int]
) -> NDArray[np.float32]:
    """Return the convolution of a transformed image with a centred kernel, cut to the image's shape."""
    half = kernel.shape[0] // 2
    padded = np.zeros(size, np.float32)
    padded[: kernel.shape[0], : kernel.shape[1]] = kernel
    padded = np.roll(padded, (-half, -half), (0, 1))
    result: NDArray[np.float32] = fft.irfft2(transform * fft.rfft2(padded), size)[: shape[0], : shape[1]]
    return result
