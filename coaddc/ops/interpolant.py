"""The interpolants that can be chosen, as the kernels know them."""

from typing import assert_never

from coaddc.kernels.interpolants import Interpolant1d, bilinear, lanczos, omoms3
from coaddc.model.assembly import Interpolant


def interpolant_1d(interpolant: Interpolant) -> Interpolant1d:
    """Return weights and taps of an interpolant."""
    match interpolant:
        case Interpolant.bilinear:
            return bilinear()
        case Interpolant.lanczos3:
            return lanczos(3)
        case Interpolant.lanczos5:
            return lanczos(5)
        case Interpolant.omoms3:
            return omoms3()
        case never:
            assert_never(never)
