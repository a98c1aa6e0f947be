"""Pixels of an exposure, from the file's units and codes to coaddc's."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from coaddc.io.exposures.describe import Description, sibling
from coaddc.io.exposures.sky import Sky, measure_sky, read_spline_sky
from coaddc.model.errors import DataError
from coaddc.model.geom import Box
from coaddc.model.images import Mask, Pixels
from coaddc.model.mask import PLANES, bit, bits
from coaddc.model.survey import MaskKind, SkyKind, VarianceKind

#: Planes whose pixels hold no measurement of the sky.
BAD = bits(["BAD", "SAT", "CR", "NO_DATA"])

#: Side of the mesh where only the noise is asked for, pixels.
NOISE_CELL = 64

Doubles = NDArray[np.float64]


class PixelReader:
    """Reads boxes of one exposure; safe to use from several threads.

    Parameters
    ----------
    description
        Of the exposure.
    noise
        Median standard deviation of a good pixel, units of the file; None: read or measured when needed.
    """

    def __init__(self, description: Description, noise: float | None = None) -> None:
        self._described = description
        self._noise = noise
        self._sky: Sky | None = None
        self._held: tuple[Doubles, Mask, Doubles | None] | None = None
        self._lock = threading.RLock()

    @property
    def box(self) -> Box:
        """All of the image."""
        return Box.of_shape(self._described.image.shape)

    def read(self, box: Box) -> Pixels:
        """Read a box that lies inside the image, calibrated to nJy.

        Raises
        ------
        DataError
            Where it does not, or a file cannot be read.
        """
        if box.clip(self.box) != box:
            raise DataError(f"{self._described.name}: {box} does not lie in the image, {self.box}")
        raw, mask, variance = self._load(box)
        image = raw - self.sky.read(box) if self._has_sky else raw
        variance = self._variance(variance, image)
        lost = ~(np.isfinite(image) & np.isfinite(variance) & (variance > 0.0))
        mask[lost] |= bit("NO_DATA")
        unit = self._described.nanojansky
        with np.errstate(over="ignore"):  # of pixels that are lost anyway
            return Pixels(
                box, (image * unit).astype(np.float32), (variance * unit**2).astype(np.float32), mask
            )

    def hold(self) -> None:
        """Keep what the files say in memory from now on, for readers that need all of it several times."""
        with self._lock:
            if self._held is None:
                self._held = self._load(self.box)

    @property
    def noise(self) -> float:
        """Median standard deviation of a good pixel, units of the file.

        Raises
        ------
        DataError
            Where no pixel is good.
        """
        with self._lock:
            if self._noise is None:
                self._noise = self._find_noise()
            return self._noise

    @property
    def sky(self) -> Sky:
        """The sky to subtract, units of the file."""
        with self._lock:
            if self._sky is None:
                self._sky = self._find_sky()
            return self._sky

    @property
    def _has_sky(self) -> bool:
        return self._described.survey.sky.kind is not SkyKind.subtracted

    def _find_sky(self) -> Sky:
        described, source = self._described, self._described.survey.sky
        if source.kind is SkyKind.spline:
            path = described.root / sibling(source.file, described.file)
            sky = read_spline_sky(path, source.match, described.headers)
            if sky is not None:
                return sky
        raw, mask, _ = self._load(self.box)
        return measure_sky(raw, (mask & BAD) > 0, source.cell)[0]

    def _find_noise(self) -> float:
        raw, mask, plane = self._load(self.box)
        bad = (mask & BAD) > 0
        if plane is None:
            noise = measure_sky(raw, bad, NOISE_CELL)[1] if not bad.all() else math.nan
        else:
            good = plane[~bad & np.isfinite(plane) & (plane > 0.0)]
            noise = math.sqrt(float(np.median(good))) if good.size else math.nan
        if not (math.isfinite(noise) and noise > 0.0):
            raise DataError(
                f"{self._described.name}: no pixel has data: all are masked, or without a variance"
            )
        return noise

    def _load(self, box: Box) -> tuple[Doubles, Mask, Doubles | None]:
        """Return the image with its sky, the mask and the variance as the files say them."""
        if self._held is not None:
            raw, mask, variance = self._held
            here = box.within(self.box)
            return raw[here], mask[here].copy(), None if variance is None else variance[here].copy()
        raw = np.asarray(self._described.image.read(box), np.float64)
        return raw, self._mask(box, raw), self._sky_variance(box)

    def _mask(self, box: Box, raw: Doubles) -> Mask:
        """Return the bits that the file's mask and the image itself say; ``raw`` has its sky."""
        described, source = self._described, self._described.survey.mask
        mask: Mask = np.zeros(box.shape, np.int32)
        if described.mask is not None:
            translate(described.mask.read(box), described.mask_bits, source.kind, mask)
        mask[~np.isfinite(raw)] |= bit("NO_DATA")
        if source.blank is not None:
            mask[raw == source.blank] |= bit("NO_DATA")
        saturation = described.headers.number(source.saturation)
        if math.isfinite(saturation):
            mask[raw >= saturation] |= bit("SAT")
        return mask

    def _sky_variance(self, box: Box) -> Doubles | None:
        """Return the variance as the file says it, units of the file; None where it says none."""
        described, source = self._described, self._described.survey.variance
        if described.variance is not None:
            value = np.asarray(described.variance.read(box), np.float64)
        elif source.card is not None:
            number = described.headers.number(source.card)
            if not (math.isfinite(number) and number > 0.0):
                raise DataError(f"{described.name}: card {source.card} = {number}: expected a positive noise")
            value = np.full(box.shape, number)
        else:
            return None
        return _to_variance(value, source.kind)

    def _variance(self, variance: Doubles | None, image: Doubles) -> Doubles:
        described, source = self._described, self._described.survey.variance
        if variance is None:
            variance = np.full(image.shape, self.noise**2)
        if source.low > 0.0:
            variance[variance > self.noise**2 / source.low] = np.inf
        if source.high is not None:
            variance[variance < self.noise**2 / source.high] = self.noise**2
        gain = described.headers.number(source.gain)
        if math.isfinite(gain):
            variance += np.maximum(image, 0.0) / gain
        return variance


def translate(
    raw: NDArray[np.generic], planes: Mapping[str, tuple[int, ...]], kind: MaskKind, mask: Mask
) -> None:
    """Set coaddc's bits where the file's bits or codes say so.

    Parameters
    ----------
    raw : (ny, nx)
        The file's mask.
    planes
        Plane of coaddc to bits (0 the lowest) or codes. With kind cards, planes that coaddc lacks are passed.
    mask : (ny, nx)
        Changed in place.
    """
    values = raw.astype(np.int64)
    for name, numbers in planes.items():
        if kind is MaskKind.cards and name not in PLANES:
            continue
        if kind is MaskKind.codes:
            hit = np.isin(values, numbers)
        else:
            hit = (values & sum(1 << number for number in set(numbers))) != 0
        mask[hit] |= bit(name)


def _to_variance(value: Doubles, kind: VarianceKind) -> Doubles:
    """Return the variance; infinite where there is no data."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        match kind:
            case VarianceKind.variance:
                return np.where(value > 0.0, value, np.inf)
            case VarianceKind.inverse_variance:
                return np.where(value > 0.0, 1.0 / value, np.inf)
            case VarianceKind.standard_deviation:
                return np.where(value > 0.0, value**2, np.inf)
