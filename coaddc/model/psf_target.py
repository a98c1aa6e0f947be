"""The PSF that matched warps are given."""

from coaddc.model.assembly import Profile, PsfModelSection
from coaddc.model.psf import GaussianMixture, Moffat


def target_psf(model: PsfModelSection, fwhm: float) -> Moffat | GaussianMixture:
    """Return the target PSF of this FWHM, in whatever unit it is given."""
    if model.profile is Profile.moffat:
        return Moffat(fwhm=fwhm, beta=model.beta)
    return GaussianMixture.of_fwhm(fwhm, wing_ratio=model.wing_ratio, wing_amplitude=model.wing_amplitude)
