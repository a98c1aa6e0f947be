"""A PSF model measured from an exposure's own stars, and kept."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from coaddc.io.cache_folder import write_whole
from coaddc.io.psfs.epsf import Fitted, fit_model, fit_round, fit_star
from coaddc.io.psfs.star_select import TooFewStarsError, find_stars
from coaddc.model.images import Pixels
from coaddc.model.pixel_psf import PixelPsf
from coaddc.model.psf import Psf

#: Stars and model are fitted in turn so often.
ROUNDS = 3

#: A star with this many times the common chi squared is none.
WORST = 4.0

#: Raised whenever what is measured on the same pixels changes: models kept by older versions are left.
VERSION = 1


@dataclass(frozen=True, eq=False)
class MeasuredPsf:
    """A PSF model, and the number of stars behind it."""

    psf: PixelPsf
    stars: int


def measure_psf(pixels: Pixels, *, min_stars: int, min_snr: float) -> MeasuredPsf:
    """Measure the PSF of an exposure.

    Round Gaussians common to all stars, plus a cubic spline on the pixel grid: both by least squares
    against the stars' pixels where they fell, so that no star is ever interpolated, as in the effective PSF
    of Anderson & King 2000, PASP 112, 1360. Where stars do not say otherwise the spline is held to zero.

    Parameters
    ----------
    pixels
        All of the exposure.
    min_stars
        Fewer are not enough.
    min_snr
        Signal to noise of the faintest star.

    Raises
    ------
    TooFewStarsError
        Where there are not enough stars, or they do not agree.
    """
    stars, radius = find_stars(pixels, min_snr=min_snr)
    if len(stars) < min_stars:
        raise TooFewStarsError(f"{len(stars)} stars, expected {min_stars} at least")
    base = fit_round(stars[:30], radius)
    model: Psf = base
    fits: Sequence[Fitted] = [fit_star(star, model) for star in stars]
    for _ in range(ROUNDS):
        fits = _agreeing(fits)
        if len(fits) < min_stars:
            raise TooFewStarsError(f"{len(fits)} of {len(stars)} stars agree, expected {min_stars} at least")
        model = fit_model(fits, base, model, pixels.box.shape)
        fits = [fit_star(fit.star, model, fit) for fit in fits]
    assert isinstance(model, PixelPsf)
    return MeasuredPsf(model, len(fits))


def kept_psf(folder: Path, digest: str) -> MeasuredPsf | None:
    """Return what was measured before on the same content; None where nothing was."""
    try:
        with np.load(io.BytesIO(_path(folder, digest).read_bytes())) as found:
            psf = PixelPsf(
                found["stamps"],
                float(found["step"]),
                int(found["degree"]),
                (float(found["zero"][0]), float(found["zero"][1])),
                (float(found["scale"][0]), float(found["scale"][1])),
            )
            return MeasuredPsf(psf, int(found["stars"]))
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None


def keep_psf(folder: Path, digest: str, measured: MeasuredPsf) -> None:
    """Keep a model for the next time."""
    psf, content = measured.psf, io.BytesIO()
    np.savez(
        content,
        stamps=psf.stamps,
        step=psf.step,
        degree=psf.degree,
        zero=psf.zero,
        scale=psf.scale,
        stars=measured.stars,
    )
    write_whole(_path(folder, digest), content.getvalue())


def _path(folder: Path, digest: str) -> Path:
    return folder / f"psf-{VERSION}" / digest[:2] / f"{digest}.npz"


def _agreeing(fits: Sequence[Fitted]) -> list[Fitted]:
    """Leave out what is no single star after all."""
    usual = float(np.nanmedian([fit.chi2 for fit in fits]))
    near = [fit for fit in fits if np.hypot(fit.x - fit.star.x, fit.y - fit.star.y) < 1.0]
    return [fit for fit in near if fit.flux > 0 and fit.chi2 < WORST * max(usual, 1.0)]
