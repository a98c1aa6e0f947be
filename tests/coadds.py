"""Coadds for tests of files and stores: small, not square, off the origin, partly empty."""

import numpy as np

from coaddc.model.exposures import ExposureRow
from coaddc.model.geom import Box
from coaddc.model.images import CellPsfs, Coadd, CoaddInput, Stacked
from coaddc.model.mask import bit
from coaddc.model.product import Product
from coaddc.model.wcs import Wcs

BOX = Box(y0=205, y1=228, x0=-7, x1=10)
WCS = Wcs.tan(ra=359.9, dec=-41.3, scale=0.2, x=-3.25, y=180.5)
DATA_ID: dict[str, str | int] = {
    "skymap": "demo",
    "tract": 3,
    "patch": "2,11",
    "band": "g",
    "warp": "psfMatched",
    "selection": "deep",
}


def exposure_row(visit: int = 17, **changes: object) -> ExposureRow:
    values: dict[str, object] = {
        "instrument": "demo", "visit": visit, "detector": "S3", "band": "g", "physical_filter": "g DECam c1",
        "mjd": 60000.125, "survey_year": 0.5, "exptime": 30.0, "seeing": 0.83, "airmass": 1.2,
        "hour_angle": -12.5, "parallactic_angle": float("nan"), "zero_point": 27.25, "sky_noise": 3.5,
        "depth": 24.1, "good_fraction": 0.99, "ra": 359.99, "dec": -41.2, "pixel_scale": 0.263, "nx": 2046,
        "ny": 4094, "corner_ra": (359.0, 359.5, 0.5, 0.0), "corner_dec": (-41.0, -41.0, -41.5, -41.6),
        "psf": "psfex", "file": f"raw/{visit}.fits", "hdu": 1, "compressed": True, "digest": "ab" * 16,
    }  # fmt: skip
    return ExposureRow(**{**values, **changes})  # type: ignore[arg-type]


def awkward_coadd(data_id: dict[str, str | int] | None = None, *, box: Box = BOX, seed: int = 1) -> Coadd:
    """Return a coadd with a corner where nothing contributed, and a cell without a PSF."""
    rng = np.random.default_rng(seed)
    image = rng.normal(size=box.shape).astype(np.float32)
    variance = rng.uniform(1.0, 2.0, box.shape).astype(np.float32)
    n_image = rng.integers(1, 4, box.shape).astype(np.int16)
    mask = np.where(rng.uniform(size=box.shape) < 0.2, bit("SAT") | bit("REJECTED"), 0).astype(np.int32)
    corner = (slice(0, 3), slice(0, 5))
    image[corner], variance[corner], n_image[corner], mask[corner] = np.nan, np.inf, 0, bit("NO_DATA")
    stamps = rng.uniform(size=(2, 1, 5, 5)).astype(np.float32)
    stamps[0, 0] = np.nan
    return Coadd(
        data_id=dict(data_id or DATA_ID),
        stacked=Stacked(box=box, image=image, variance=variance, mask=mask, n_image=n_image),
        wcs=WCS,
        psf=CellPsfs(size=16, stamps=stamps, fwhm=np.array([[np.nan], [0.9]])),
        correlation=np.array([[0.0, 0.1, 0.0], [0.2, 1.0, 0.2], [0.0, 0.1, 0.0]]),
        inputs=(
            CoaddInput(exposure_row(17), weight=0.25),
            CoaddInput(
                exposure_row(4, file="raw/É\\4 .fits"),
                weight=1.5,
                note="PSF of the header's seeing ",
                background=-3.25,
            ),
        ),
    )


def make_product(digest: str = "d" * 32, *, recipe: str = "r" * 32, **keys: str | int) -> Product:
    """Return a product of the usual data ID with these keys changed, and the nsigma of its recipe."""
    return Product(
        data_id={**DATA_ID, **keys},
        digest=digest,
        recipe=recipe,
        config={"warp": {"doc": f"doc of {digest}", "interpolant": "lanczos3"}, "stack": {"nsigma": recipe}},
        overrides=("warp=psfMatched",),
    )
