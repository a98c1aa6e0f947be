"""The stated PSF of coadds against stars: distorted, turned, elongated, in mixed seeing, across gaps."""

import numpy as np
from coadd_psfs import MADE, simulated


def test_stars_have_the_stated_width_shape_and_energy_to_a_per_cent() -> None:
    for name, (departures, settled) in simulated(
        {k: MADE[k] for k in ("direct mean", "direct median")}
    ).items():
        assert sum(settled) > 40
        for quantity in ("fwhm", "ellipticity", "energy"):
            values = np.array([getattr(d, quantity) for d in departures])
            inside = values[np.array(settled)]
            assert abs(np.median(inside)) < 0.005, (name, quantity)
            assert np.quantile(np.abs(inside), 0.9) < 0.01, (name, quantity)
            assert abs(np.median(values)) < 0.01, (name, quantity)
