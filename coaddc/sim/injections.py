"""The light of what does not belong to the sky, to be added to simulated exposures."""

from __future__ import annotations

import numpy as np

from coaddc.model.psf import Floats, Moffat


def trail_light(
    shape: tuple[int, int],
    psf: Moffat,
    *,
    start: tuple[float, float],
    end: tuple[float, float],
    width: float = 0.0,
) -> Floats:
    """Return a line of light through two positions (x, y), as wide as the image, peak 1.

    Parameters
    ----------
    shape
        Rows and columns (ny, nx).
    psf
        Its cross-section is this model integrated along the line, a Moffat profile of power beta - 1/2.
    start, end
        Positions on the line.
    width
        Of the band, pixels, that the profile is spread over: a satellite that is near is out of focus.
    """
    (x0, y0), (x1, y1) = start, end
    tx, ty = np.array([x1 - x0, y1 - y0]) / np.hypot(x1 - x0, y1 - y0)
    distance = (np.arange(shape[0])[:, None] - y0) * tx - (np.arange(shape[1])[None, :] - x0) * ty
    core = psf.fwhm / (2.0 * np.sqrt(2.0 ** (1.0 / psf.beta) - 1.0))
    offsets = np.linspace(-width / 2.0, width / 2.0, 1 + 2 * int(np.ceil(width)))
    grid = np.linspace(0.0, float(np.abs(distance).max()), 20_000)
    profile = sum((1.0 + ((grid - o) / core) ** 2) ** -(psf.beta - 0.5) for o in offsets)
    light: Floats = np.interp(np.abs(distance), grid, profile / np.max(profile))
    return light


def ray_light(rng: np.random.Generator, shape: tuple[int, int], *, count: int, charge: float) -> Floats:
    """Return cosmic rays: straight tracks of one to some ten pixels, with this charge in a pixel or so."""
    light = np.zeros(shape)
    for _ in range(count):
        length, angle = rng.exponential(4.0), rng.uniform(0.0, np.pi)
        along = np.arange(0.0, length + 0.5, 0.5)
        x = np.rint(rng.uniform(0, shape[1] - 1) + along * np.cos(angle)).astype(np.int64)
        y = np.rint(rng.uniform(0, shape[0] - 1) + along * np.sin(angle)).astype(np.int64)
        inside = (x >= 0) & (x < shape[1]) & (y >= 0) & (y < shape[0])
        light[y[inside], x[inside]] = charge * rng.uniform(0.6, 1.4, int(inside.sum()))
    return light


def ghost_light(
    shape: tuple[int, int], *, centre: tuple[float, float], radius: float, hole: float = 0.0
) -> Floats:
    """Return the ghost of a bright star about a position (x, y): a disc or ring of even light, 1.

    Its edges are soft over some three pixels.
    """
    yy, xx = np.indices(shape)
    r = np.hypot(xx - centre[0], yy - centre[1])
    light: Floats = 0.5 * (np.tanh((radius - r) / 3.0) - np.tanh((hole - r) / 3.0))
    return light
