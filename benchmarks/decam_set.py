"""Coadds of the DECam set against Gaia, and against their exposures with the survey's zero points.

The exposures are read here from their files, with nothing of coaddc.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import sep
from astropy.io import fits
from astropy.table import Table, vstack
from refraction import shift_of_colour
from star_images import Floats, Picture, Stated, aperture_flux, centroids, offsets, read_coadd

#: Folder of the set, and the words that make its coadds.
FOLDER = "decam_ls_testcase4"
WORDS = ("survey=decam_cp", "selection=deep,bestSeeing")
#: Aperture, and what its flux is corrected to by the image's PSF: as far as a coadd's stamp reaches, arcsec.
APERTURE, WHOLE = 2.0, 4.9
#: Stars this near the edge of an image, arcsec, are not measured.
MARGIN = 3.5


@dataclass(frozen=True)
class Star:
    """A Gaia star on a coadd and on its exposures.

    Attributes
    ----------
    coadd
        Band and selection.
    gaia, colour
        G and BP - RP.
    east, north
        Of its centroid from Gaia's place at the coadd's mean epoch, mas.
    refraction
        What of that is due to the colour of the star: (east, north), mas.
    moved
        Distance of the centroid from the mean of those on the exposures, mas.
    magnitude
        AB, on the coadd.
    difference
        From the mean flux on the exposures, with the weights of the coadd, mag.
    exposures
        Magnitudes on each that shows the star whole.
    whole
        Whether all exposures of the coadd do: only then are ``moved`` and ``difference`` of the same light.
    """

    coadd: str
    gaia: float
    colour: float
    east: float
    north: float
    refraction: tuple[float, float]
    moved: float
    magnitude: float
    difference: float
    exposures: tuple[float, ...]
    whole: bool

    @property
    def distance(self) -> float:
        """From Gaia, mas, as it is."""
        return float(np.hypot(self.east, self.north))

    @property
    def corrected(self) -> float:
        """From Gaia, mas, once the refraction of its colour is taken off."""
        return float(np.hypot(self.east - self.refraction[0], self.north - self.refraction[1]))


@dataclass(frozen=True)
class Seen:
    """One star on one image: flux, nJy, and centroid (ra, dec)."""

    flux: float
    ra: float
    dec: float


def coadd_paths(store: Path) -> dict[str, Path]:
    """Return the coadds of a store by band and selection."""
    found = {}
    for path in (store / "coadd").rglob("coadd.fits"):
        keys = dict(part.split("=", 1) for part in path.parts if "=" in part)
        found[f"{keys['band']} {keys['selection']}"] = path
    return dict(sorted(found.items()))


def gaia_table(root: Path) -> Table:
    """Return the Gaia stars of the set."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # units of Gaia that FITS does not know
        tables = [Table.read(path) for path in sorted((root / "gaia").glob("*.fits"))]
        return vstack(tables, metadata_conflicts="silent")


def measure_stars(store: Path, shared: Path) -> list[Star]:
    """Measure all Gaia stars on all coadds of the set; ``shared`` is the folder that holds ``data``."""
    root = shared / "data" / FOLDER
    gaia = gaia_table(root)
    return [star for name, path in coadd_paths(store).items() for star in _stars(name, path, root, gaia)]


def _stars(name: str, path: Path, root: Path, gaia: Table) -> list[Star]:
    picture = read_coadd(path)
    with fits.open(path) as hdus:
        inputs, psf = hdus["INPUTS"].data, Stated.read(path)
    exposures = [Exposed.read(root, row["file"], row["visit"], row["seeing"]) for row in inputs]
    weights = np.asarray(inputs["weight"], np.float64)
    epoch = 2000.0 + float(np.average(inputs["mjd"], weights=weights) - 51544.5) / 365.25
    typical = float(np.nanmedian(_colour(gaia)))
    stars = []
    for row, ra, dec in zip(gaia, *_at(gaia, epoch), strict=True):
        u, v = picture.pixel(ra=np.array([ra]), dec=np.array([dec]))
        cell = psf.index(y=float(v[0]), x=float(u[0]))
        own = _see(picture, ra, dec, psf.stamps[cell], float(psf.fwhm[cell]))
        single = [exposure.see(ra, dec) for exposure in exposures]
        used = np.array([s is not None for s in single])
        if own is None or not used.any():
            continue
        colour = float(row["phot_bp_mean_mag"] - row["phot_rp_mean_mag"])
        bent = shift_of_colour(name[0], colour, typical, inputs[used], weights[used])
        compared = _compared(name, row, (ra, dec), own, [s for s in single if s], weights[used])
        stars.append(replace(compared, refraction=bent, whole=bool(used.all())))
    return stars


def _at(gaia: Table, epoch: float) -> tuple[Floats, Floats]:
    """Return Gaia's places at an epoch, Julian year; a star without proper motion stays."""
    pmra, pmdec = (np.nan_to_num(np.ma.filled(gaia[name], 0.0)) for name in ("pmra", "pmdec"))
    years = epoch - np.asarray(gaia["ref_epoch"])
    ra, dec = (np.asarray(gaia[name], np.float64) for name in ("ra", "dec"))
    return ra + pmra * years / np.cos(np.radians(dec)) / 3.6e6, dec + pmdec * years / 3.6e6


def _colour(gaia: Table) -> Floats:
    colour: Floats = np.ma.filled(gaia["phot_bp_mean_mag"] - gaia["phot_rp_mean_mag"], np.nan)
    return colour


def _compared(
    name: str, row: Table.Row, place: tuple[float, float], own: Seen, single: list[Seen], weights: Floats
) -> Star:
    fluxes = np.array([s.flux for s in single])
    mean_ra, mean_dec = (np.average([getattr(s, c) for s in single], weights=weights) for c in ("ra", "dec"))
    east, north = offsets((own.ra, own.dec), place)
    return Star(
        coadd=name,
        gaia=float(row["phot_g_mean_mag"]),
        colour=float(row["phot_bp_mean_mag"] - row["phot_rp_mean_mag"]),
        east=float(east),
        north=float(north),
        refraction=(0.0, 0.0),
        moved=float(np.hypot(*offsets((own.ra, own.dec), (mean_ra, mean_dec)))),
        magnitude=_magnitude(own.flux),
        difference=_magnitude(own.flux) - _magnitude(float(np.average(fluxes, weights=weights))),
        exposures=tuple(_magnitude(flux) for flux in fluxes),
        whole=False,
    )


def _magnitude(flux: float) -> float:
    return float(31.4 - 2.5 * np.log10(flux))


def _see(picture: Picture, ra: float, dec: float, stamp: Floats, width: float) -> Seen | None:
    """Measure a star; None where it is off the image or too near its edge."""
    ny, nx = picture.image.shape
    if (
        np.hypot((ra - picture.wcs.wcs.crval[0]) * np.cos(np.radians(dec)), dec - picture.wcs.wcs.crval[1])
        > 2.0
    ):
        return None  # a distorted projection may not have an inverse there
    x, y = picture.pixel(ra=np.array([ra]), dec=np.array([dec]))
    margin = int(np.ceil(MARGIN / picture.scale))
    column, row = round(float(x[0])), round(float(y[0]))
    if not (margin <= column < nx - margin and margin <= row < ny - margin):
        return None
    near = np.hypot(*np.ogrid[-row : ny - row, -column : nx - column]) <= APERTURE / picture.scale
    if picture.bad[near].any():
        return None
    x, y = centroids(picture, x=x, y=y, fwhm=width)
    flux = aperture_flux(picture, x=x, y=y, radius=APERTURE)
    place = picture.sky(x=x, y=y)
    return Seen(float(flux[0]) / _inside(stamp, picture.scale), float(place[0][0]), float(place[1][0]))


def _inside(stamp: Floats, scale: float) -> float:
    """Return the part of a star's flux in the aperture."""
    stamp, middle = np.ascontiguousarray(stamp), [stamp.shape[0] // 2]
    part, whole = (
        sep.sum_circle(stamp, middle, middle, r / scale, subpix=0)[0][0] for r in (APERTURE, WHOLE)
    )
    return float(part / whole)


@dataclass(frozen=True)
class Exposed:
    """One exposure as its files have it: the image in nJy, and what the PSFEx model is made of."""

    picture: Picture
    astrometry: tuple[float, float]
    psf: Floats
    place: tuple[Floats, Floats]
    seeing: float

    @classmethod
    def read(cls, root: Path, file: str, visit: int, seeing: float) -> Exposed:
        """Read the image of a visit, and the survey's zero point, offset and PSF model for it."""
        ccds = Table.read(root / "survey-ccds-1.fits.gz")
        (ccd,) = ccds[ccds["expnum"] == visit]
        zero = float(ccd["ccdzpt"]) + 2.5 * np.log10(float(ccd["exptime"]))
        name = str(ccd["ccdname"]).strip()
        folder = root / "calib" / Path(file).relative_to("images").parent / Path(file).name.split(".")[0]
        with fits.open(root / file) as hdus, fits.open(root / file.replace("_ooi_", "_ood_")) as quality:
            values = np.where(quality[1].data == 0, hdus[1].data, np.nan)
            picture = Picture.of(values, hdus[1].header, 10.0 ** (0.4 * (31.4 - zero)))
        with fits.open(folder / f"{folder.name}-{name}-psfex.fits") as hdus:
            psf, h = hdus[1].data["PSF_MASK"][0].astype(np.float64), hdus[1].header
        place = (
            np.array([h["POLZERO1"], h["POLZERO2"]], float),
            np.array([h["POLSCAL1"], h["POLSCAL2"]], float),
        )
        if h["PSF_SAMP"] != 1 or len(psf) != 6:
            raise ValueError(f"{folder}: a PSFEx model of degree 2 and step 1 is expected")
        dec = np.radians(float(ccd["dec"]))
        shift = float(ccd["ccdraoff"]) / np.cos(dec) / 3600.0, float(ccd["ccddecoff"]) / 3600.0
        return cls(picture, shift, psf, place, float(seeing))

    def see(self, ra: float, dec: float) -> Seen | None:
        """Measure a star, its place corrected by the survey's astrometric offsets."""
        dra, ddec = self.astrometry
        x, y = self.picture.pixel(ra=np.array([ra - dra]), dec=np.array([dec - ddec]))
        model = self.model(x=float(x[0]), y=float(y[0]))
        seen = _see(self.picture, ra - dra, dec - ddec, model, self.seeing)
        return None if seen is None else Seen(seen.flux, seen.ra + dra, seen.dec + ddec)

    def locate(self, ra: float, dec: float) -> tuple[float, float] | None:
        """Return the pixel (x, y) of a star; None where it is not on the image."""
        dra, ddec = self.astrometry
        x, y = self.picture.pixel(ra=np.array([ra - dra]), dec=np.array([dec - ddec]))
        ny, nx = self.picture.image.shape
        inside = 0 <= x[0] < nx and 0 <= y[0] < ny
        return (float(x[0]), float(y[0])) if inside else None

    def model(self, *, x: float, y: float) -> Floats:
        """Return the PSF at a place, by the PSFEx model."""
        u, v = ((c + 1 - zero) / scale for c, zero, scale in zip((x, y), *self.place, strict=True))
        terms = np.array([1.0, u, u**2, v, u * v, v**2])
        stamp: Floats = np.tensordot(terms, self.psf, axes=1)
        return stamp
