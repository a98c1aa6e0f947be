"""Simulated visits with artifacts of known light: resampled and PSF-matched, sky and light apart.

Resampling and matching are linear, so that a visit with artifacts is the sum of both.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from coaddc.model.assembly import Interpolant
from coaddc.model.geom import Box
from coaddc.model.images import Warp
from coaddc.model.psf import Floats, GaussianMixture, Moffat
from coaddc.model.wcs import Wcs
from coaddc.ops.kernel_field import KernelField
from coaddc.ops.match import Matching, kernel_field, match
from coaddc.ops.noise import correlation
from coaddc.ops.pixel_map import pixel_map
from coaddc.ops.warp import warp
from coaddc.ops.warped_psf import WarpedPsf
from coaddc.sim.field import Stars, distorted_wcs, scattered_stars, star_field
from coaddc.sim.injections import ghost_light, ray_light, trail_light
from coaddc.sim.memory import MemoryExposure, make_exposure

#: Pixel scale, arcsec; noise of an exposure's pixel, nJy; range of the seeing, arcsec.
SCALE, NOISE, SEEING = 0.2, 5.0, (0.6, 1.4)
#: Tangent point, degrees.
RA, DEC = 62.4, -24.6


@dataclass(frozen=True)
class Scene:
    """What to simulate.

    Attributes
    ----------
    count, side
        Number of visits, and rows and columns of the box that is looked at.
    seed
        Of all random numbers.
    psf_error, shift_error
        What the PSF models' widths and the astrometry are wrong by, rms: a part, and arcsec.
    """

    count: int
    side: int = 700
    seed: int = 1
    psf_error: float = 0.0
    shift_error: float = 0.0

    @property
    def box(self) -> Box:
        """The pixels of the tract that are looked at."""
        return Box(y0=-40, y1=self.side - 40, x0=1000, x1=1000 + self.side)

    @property
    def tract(self) -> Wcs:
        """WCS of the tract."""
        y, x = self.box.centre
        return Wcs.tan(ra=RA, dec=DEC, scale=SCALE, x=x, y=y)

    @property
    def seeing(self) -> Floats:
        """FWHM of the visits, arcsec, in random order."""
        return np.random.default_rng(self.seed).permutation(np.linspace(*SEEING, self.count))

    @property
    def matching(self) -> Matching:
        """What visits are matched to."""
        half = int(np.ceil(2.5 * self.width)) + 1
        return Matching(GaussianMixture.of_fwhm(self.width), half=half, cell=256, regularisation=1e-6)

    @property
    def width(self) -> float:
        """FWHM that visits are matched to, pixels: a tenth wider than the widest."""
        return 1.1 * float(self.seeing.max()) / SCALE


@dataclass(frozen=True)
class Light:
    """Light of one kind on the warps of one visit, nJy per pixel: direct, and PSF-matched."""

    kind: str
    direct: NDArray[np.float32]
    matched: NDArray[np.float32]


@dataclass(frozen=True)
class Visit:
    """One visit: its warps as the sky makes them, and the light that is to be added."""

    direct: Warp
    matched: Warp
    lights: list[Light] = field(default_factory=list)

    def spoilt(self) -> tuple[Warp, Warp]:
        """Return the direct and the matched warp with all light added."""
        return (
            _added(self.direct, [light.direct for light in self.lights]),
            _added(self.matched, [light.matched for light in self.lights]),
        )


def _added(warp: Warp, lights: list[NDArray[np.float32]]) -> Warp:
    image = np.where(warp.weight > 0, warp.image + sum(lights, np.zeros((), np.float32)), 0)
    return replace(warp, image=image.astype(np.float32))


@dataclass(frozen=True)
class Camera:
    """How one visit's exposure reaches the tract."""

    exposure: MemoryExposure
    kernels: KernelField
    tract: Wcs
    box: Box
    half: int

    def warps(self, image: Floats) -> tuple[Warp, Warp]:
        """Return the direct and the matched warp of an image."""
        told = self.exposure
        one = make_exposure(told.wcs, told.psf, image.astype(np.float32), told.variance)
        wide = self.box.grow(self.half)
        area = 1.0 / NOISE**2
        made = warp(
            one,
            pixel_map(told.wcs, self.tract, wide, told.shape),
            wide,
            interpolant=Interpolant.omoms3,
            weight=area,
        )
        matched = match(made, self.kernels, self.box)
        at = matched.box.within(made.box)
        planes = (made.image, made.variance, made.mask, made.weight)
        return Warp(matched.box, *(np.ascontiguousarray(plane[at]) for plane in planes)), matched


def stars(scene: Scene) -> Stars:
    """Return the stars of a scene: fluxes from faint to very bright, evenly in magnitudes."""
    shape = (scene.side + 80, scene.side + 80)
    made = scattered_stars(
        distorted_wcs(shape, ra=RA, dec=DEC, scale=SCALE), shape, spacing=70.0, seed=scene.seed
    )
    flux = 10.0 ** np.random.default_rng(scene.seed + 1).uniform(2.0, 6.0, made.ra.size)
    return Stars(made.ra, made.dec, flux)


def visits(scene: Scene, kinds: dict[str, float]) -> list[Visit]:
    """Simulate the visits of a scene.

    Parameters
    ----------
    scene
        What.
    kinds
        Kind of light to its peak, in standard deviations of an exposure's pixel.
    """
    rng = np.random.default_rng(scene.seed + 2)
    sky = stars(scene)
    made = []
    for number, seeing in enumerate(scene.seeing):
        camera, truth = _camera(scene, rng, float(seeing), sky)
        direct, matched = camera.warps(truth)
        lights = []
        for kind, peak in kinds.items():
            image = NOISE * peak * LIGHTS[kind](rng, camera.exposure, number)
            if image.any():
                parts = [w.image for w in camera.warps(image)]
                lights.append(Light(kind, *parts))
        made.append(Visit(direct, matched, lights))
    return made


def _camera(scene: Scene, rng: np.random.Generator, seeing: float, sky: Stars) -> tuple[Camera, Floats]:
    shape = (scene.side + 120, scene.side + 100)
    dra, ddec = rng.uniform(-3.0, 3.0, 2) / 3600
    wcs = distorted_wcs(shape, ra=RA + dra, dec=DEC + ddec, scale=SCALE, rotation=rng.uniform(-2, 2))
    psf = Moffat(seeing / SCALE)
    error = rng.normal(0.0, 1.0, 3)
    moved = Stars(
        sky.ra + error[0] * scene.shift_error / 3600 / np.cos(np.radians(DEC)),
        sky.dec + error[1] * scene.shift_error / 3600,
        sky.flux,
    )
    true = star_field(
        moved,
        wcs,
        shape,
        Moffat(psf.fwhm * (1 + scene.psf_error * error[2])),
        NOISE,
        seed=int(rng.integers(1 << 30)),
    )
    exposure = make_exposure(wcs, psf, true.image, true.variance)
    source = WarpedPsf(psf, wcs, shape, scene.tract)
    y, x = scene.box.centre
    noise = correlation(Interpolant.omoms3, source.jacobian(y=y, x=x), 6)
    kernels = kernel_field(source, scene.matching, scene.box, noise)
    return Camera(exposure, kernels, scene.tract, scene.box, scene.matching.half), true.image


def _psf(exposure: MemoryExposure) -> Moffat:
    assert isinstance(exposure.psf, Moffat)
    return exposure.psf


def _trail(width: float, every: int) -> object:
    def make(rng: np.random.Generator, exposure: MemoryExposure, number: int) -> Floats:
        ny, nx = exposure.shape
        angle = rng.uniform(0.0, np.pi)
        x, y = rng.uniform(0.3, 0.7) * nx, rng.uniform(0.3, 0.7) * ny
        if number % every:
            return np.zeros(exposure.shape)
        end = (x + np.cos(angle), y + np.sin(angle))
        return trail_light(exposure.shape, _psf(exposure), start=(x, y), end=end, width=width)

    return make


def _rays(rng: np.random.Generator, exposure: MemoryExposure, number: int) -> Floats:
    return ray_light(rng, exposure.shape, count=exposure.image.size // 20_000, charge=1.0)


def _ghost(rng: np.random.Generator, exposure: MemoryExposure, number: int) -> Floats:
    ny, nx = exposure.shape
    centre = (rng.uniform(0.3, 0.7) * nx, rng.uniform(0.3, 0.7) * ny)
    if number:
        return np.zeros(exposure.shape)
    return ghost_light(exposure.shape, centre=centre, radius=90.0, hole=25.0)


def _movers(rng: np.random.Generator, exposure: MemoryExposure, number: int) -> Floats:
    """Return four asteroids that go 40 pixels from visit to visit, apart from each other."""
    psf = _psf(exposure)
    ny, nx = exposure.shape
    yy, xx = np.indices(exposure.shape).astype(float)
    light = np.zeros(exposure.shape)
    for x, y in ((0.15, 0.7), (0.4, 0.9), (0.1, 0.35), (0.55, 0.6)):
        u, v = x * nx + 30.0 * number, (y * ny - 26.0 * number) % ny
        one = psf.evaluate(x=0, y=0, dx=xx - u, dy=yy - v)
        light += one / psf.evaluate(x=0, y=0, dx=np.zeros(1), dy=np.zeros(1))
    return light


LIGHTS = {
    "thin trail": _trail(0.0, 3),
    "wide trail": _trail(12.0, 4),
    "cosmic rays": _rays,
    "ghost": _ghost,
    "moving sources": _movers,
}
