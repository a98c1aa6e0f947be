"""Coadd the exposures of a folder with astropy's reproject: a weighted mean, bicubic, on a given grid.

python benchmarks/with_reproject.py FOLDER OUTPUT

FOLDER is one that ``exposures.write`` and ``exposures.level_weights`` made, with ``OUTPUT.head`` in it; the
coadd goes to ``OUTPUT.fits``. The script is a process of its own so that its time can be taken.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from reproject import reproject_interp
from reproject.mosaicking import reproject_and_coadd


def main(folder: Path, output: str) -> None:
    grid = fits.Header.fromtextfile(folder / f"{output}.head")
    images, weights = [], []
    for path in sorted((folder / "image").glob("*.fits")):
        header = fits.getheader(path)
        images.append((fits.getdata(path), WCS(header)))
        weights.append(fits.getdata(folder / "level" / path.name))
    mean, _ = reproject_and_coadd(
        images,
        WCS(grid),
        shape_out=(grid["NAXIS2"], grid["NAXIS1"]),
        input_weights=weights,
        reproject_function=reproject_interp,
        order="bicubic",
        combine_function="mean",
    )
    fits.PrimaryHDU(mean.astype(np.float32), WCS(grid).to_header()).writeto(
        folder / f"{output}.fits", overwrite=True
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
