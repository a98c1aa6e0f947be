"""The mask planes: one named bit each, with a meaning and a rule for how it reaches a coadd."""

from collections.abc import Iterable

from coaddc.model.errors import ConfigError, near

#: Name of a plane: its bit and what it says. Names are afw's; bit 31 stays free, so that masks fit an int32.
PLANES: dict[str, tuple[int, str]] = {
    "BAD": (0, "defect of the detector: hot, dead or bad column"),
    "SAT": (1, "saturated, or bled into"),
    "INTRP": (2, "value interpolated from neighbours"),
    "CR": (3, "cosmic ray"),
    "EDGE": (4, "too near the edge of a detector for the full interpolant"),
    "DETECTED": (5, "part of a detected source"),
    "SUSPECT": (6, "known to be less reliable, not known to be bad"),
    "STREAK": (7, "trail of a satellite, aeroplane or meteor"),
    "NO_DATA": (8, "no input at all"),
    "CLIPPED": (9, "coadd: some input was rejected here as an outlier or artifact"),
    "REJECTED": (10, "coadd: some input was rejected here for its mask"),
    "SENSOR_EDGE": (11, "coadd: the edge of some input's detector runs through here"),
    "INEXACT_PSF": (12, "coadd: not all inputs of the cell contribute here, so its PSF model is not exact"),
}


def bit(name: str) -> int:
    """Return the bit mask (1 << bit) of a plane.

    Raises
    ------
    ConfigError
        Where there is no such plane.
    """
    if name not in PLANES:
        raise ConfigError(f"no mask plane {name!r}{near(name, PLANES)}")
    return 1 << PLANES[name][0]


def bits(names: Iterable[str]) -> int:
    """Return the bit mask of several planes together."""
    mask = 0
    for name in names:
        mask |= bit(name)
    return mask
