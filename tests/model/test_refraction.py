"""Refraction against another formula, and the way up against spherical trigonometry."""

import numpy as np
import pytest

from coaddc.model.air import Air
from coaddc.model.errors import ConfigError
from coaddc.model.refraction import PARTS, RADIAN, bending, refraction, towards, zenith


def edlen(wavelength: float, pressure: float, temperature: float, humidity: float) -> float:
    """Return n - 1 of air: Edlen's formula as Filippenko 1982 (PASP 94, 715) gives it, eqs. 1 to 3."""
    s2, mmhg = (1000.0 / wavelength) ** 2, pressure * 0.750062
    sea = 64.328 + 29498.1 / (146.0 - s2) + 255.4 / (41.0 - s2)
    warm = 1.0 + 0.003661 * temperature
    thin = mmhg * (1.0 + (1.049 - 0.0157 * temperature) * 1e-6 * mmhg) / (720.883 * warm)
    saturated = 4.581 * 10.0 ** (7.5 * temperature / (237.3 + temperature))  # mm Hg, Magnus
    water = (0.0624 - 0.000680 * s2) / warm * humidity * saturated
    return 1e-6 * (sea * thin - water)


@pytest.mark.parametrize(("pressure", "temperature", "humidity"), [(780.0, 10.0, 0.3), (1010.0, -5.0, 0.9)])
def test_dispersion_is_that_of_edlens_refractivity(pressure, temperature, humidity):
    air = Air(pressure=pressure, temperature=temperature, humidity=humidity)
    for blue, red, tolerance in ((400.0, 550.0, 0.01), (700.0, 820.0, 0.01), (330.0, 390.0, 0.03)):
        ours = refraction(air, blue)[0] - refraction(air, red)[0]
        other = edlen(blue, pressure, temperature, humidity) - edlen(red, pressure, temperature, humidity)
        assert ours == pytest.approx(RADIAN * other, rel=tolerance)


def test_bluer_light_is_bent_more_and_the_mean_of_the_band_not_at_all():
    bend = bending(Air(), (400.0, 550.0), 4)
    assert bend.shape == (4, 3, 2)
    assert np.all(np.diff(bend[..., 0].ravel()) < 0)
    assert np.tensordot(PARTS, bend[..., 0].mean(axis=0), axes=1) == pytest.approx(0.0, abs=1e-12)
    blue = bending(Air(), (400.0, 550.0), 4, reference=400.0)
    assert np.all(blue[..., 0] < 0)


def test_air_that_is_none_is_refused():
    with pytest.raises(ConfigError, match="humidity 0 to 1"):
        Air(humidity=30.0)


def test_the_zenith_has_the_air_mass_and_the_angle_it_was_made_of():
    ra, dec, airmass, angle = 359.9, -67.0, 1.7, -120.0
    up = zenith(ra=ra, dec=dec, airmass=airmass, parallactic_angle=angle)
    ra2, dec2 = towards(up, ra=np.array([ra]), dec=np.array([dec]), arcsec=10.0)
    east = ((ra2[0] - ra + 180) % 360 - 180) * np.cos(np.radians(dec)) * 3600
    north = (dec2[0] - dec) * 3600
    assert np.hypot(east, north) == pytest.approx(10.0 * np.sqrt(airmass**2 - 1), rel=1e-3)
    assert np.degrees(np.arctan2(east, north)) == pytest.approx(angle, abs=0.05)


def test_elsewhere_the_way_up_is_that_of_the_place():
    """Truth: hour angle and latitude, by the formulae of spherical trigonometry."""
    latitude, sidereal = -30.2, 100.0

    def horizon(ra: float, dec: float) -> tuple[float, float]:
        h, d, p = np.radians([sidereal - ra, dec, latitude])
        sine = np.sin(p) * np.sin(d) + np.cos(p) * np.cos(d) * np.cos(h)
        angle = np.arctan2(np.sin(h), np.tan(p) * np.cos(d) - np.sin(d) * np.cos(h))
        return float(1.0 / sine), float(np.degrees(angle))

    airmass, angle = horizon(62.0, -10.0)
    up = zenith(ra=62.0, dec=-10.0, airmass=airmass, parallactic_angle=angle)
    ra2, dec2 = towards(up, ra=np.array([63.2]), dec=np.array([-11.1]), arcsec=10.0)
    east, north = (ra2[0] - 63.2) * np.cos(np.radians(-11.1)) * 3600, (dec2[0] + 11.1) * 3600
    there = horizon(63.2, -11.1)
    assert np.hypot(east, north) == pytest.approx(10.0 * np.sqrt(there[0] ** 2 - 1), rel=1e-3)
    assert np.degrees(np.arctan2(east, north)) % 360 == pytest.approx(there[1] % 360, abs=0.02)
    assert abs(there[1] - angle) > 0.4
