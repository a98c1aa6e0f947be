"""Pixels of an exposure, from the file's units and codes to coaddc's."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coaddc.io.exposures.describe import Description
from coaddc.io.exposures.files import sibling
from coaddc.io.exposures.sky import Sky, measure_sky, read_spline_sky
from coaddc.model.errors import DataError
from coaddc.model.geom import Box, blocks
from coaddc.model.images import Mask, Pixels
from coaddc.model.mask import PLANES, bit, bits
from coaddc.model.survey import MaskKind, SkyKind, VarianceKind

#: Planes whose pixels hold no measurement of the sky.
BAD = bits(["BAD", "SAT", "CR", "NO_DATA"])

#: Side of the mesh where only the noise is asked for, pixels.
NOISE_CELL = 64

#: Of so many rows, so many tell the noise.
NOISE_ROWS = (64, 16)

#: Rows that are looked at together: little enough for the processor's caches.
STRIP = 128

#: Codes of a file's mask that are looked up in a table: nearly all masks have no higher ones.
_LISTED = 2**16

#: Floats, single or double precision as the file has them.
Floats = NDArray[Any]


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
        self._held: tuple[Floats, Mask, Floats | None] | None = None
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
        image, variance, mask = self._measured(box)
        unit = self._described.nanojansky
        with np.errstate(over="ignore"):  # of pixels that are lost anyway
            if unit != 1.0:
                image, variance = image * unit, variance * unit**2
            return Pixels(
                box, image.astype(np.float32, copy=False), variance.astype(np.float32, copy=False), mask
            )

    def count(self, planes: int) -> int:
        """Return the number of pixels whose mask has any of some bits."""
        return sum(int(np.count_nonzero(self._measured(strip)[2] & planes)) for strip in self._strips())

    def _strips(self) -> Iterator[Box]:
        return blocks(self.box, (STRIP, self.box.x1))

    @property
    def seekable(self) -> bool:
        """Whether the files let a section be read without what lies around it."""
        described = self._described
        planes = (described.image, described.variance, described.mask)
        return all(plane is None or plane.dtype is not None for plane in planes)

    def _measured(self, box: Box) -> tuple[Floats, Floats, Mask]:
        """Return image and variance, units of the file, and the mask with what they say themselves."""
        raw, mask, variance = self._load(box)
        image = raw - self.sky.read(box) if self._has_sky else raw
        variance = self._variance(variance, image)
        known = variance > 0.0
        known &= variance < np.inf
        if image is not raw:  # of which the mask says it already
            known &= np.isfinite(image)
        _mark(mask, np.logical_not(known, out=known), "NO_DATA")
        return image, variance, mask

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
        if self._says_variance:
            step, rows = NOISE_ROWS
            few = [Box(y0=y, y1=y + rows, x0=0, x1=self.box.x1) for y in range(0, self.box.y1, step)]
            noise = self._median_noise([box.clip(self.box) for box in few])
            if math.isnan(noise):
                noise = self._median_noise(list(self._strips()))
        else:
            raw, mask, _ = self._load(self.box)
            bad = (mask & BAD) > 0
            noise = measure_sky(raw, bad, NOISE_CELL)[1] if not bad.all() else math.nan
        if not (math.isfinite(noise) and noise > 0.0):
            raise DataError(
                f"{self._described.name}: no pixel has data: all are masked, or without a variance"
            )
        return noise

    @property
    def _says_variance(self) -> bool:
        return self._described.variance is not None or self._described.survey.variance.card is not None

    def _median_noise(self, boxes: Sequence[Box]) -> float:
        """Return the median standard deviation of the good pixels of some boxes; NaN where there are none."""
        found, size = np.empty(0), 0
        for box in boxes:
            good = self._good_variances(box)
            if not size:  # of the kind of floats that the file has
                found = np.empty(sum(box.area for box in boxes), good.dtype)
            found[size : size + good.size] = good
            size += good.size
        return math.sqrt(float(np.median(found[:size], overwrite_input=True))) if size else math.nan

    def _good_variances(self, box: Box) -> Floats:
        _, mask, variance = self._load(box)
        assert variance is not None  # asked only where the files say it
        good: Floats = variance[((mask & BAD) == 0) & np.isfinite(variance) & (variance > 0.0)]
        return good

    def _load(self, box: Box) -> tuple[Floats, Mask, Floats | None]:
        """Return the image with its sky, the mask and the variance as the files say them."""
        if self._held is not None:
            raw, mask, variance = self._held
            here = box.within(self.box)
            return raw[here], mask[here].copy(), None if variance is None else variance[here].copy()
        raw = _floats(self._described.image.read(box))
        return raw, self._mask(box, raw), self._sky_variance(box)

    def _mask(self, box: Box, raw: Floats) -> Mask:
        """Return the bits that the file's mask and the image itself say; ``raw`` has its sky."""
        described, source = self._described, self._described.survey.mask
        mask: Mask = np.zeros(box.shape, np.int32)
        if described.mask is not None:
            translate(described.mask.read(box), described.mask_bits, source.kind, mask)
        _mark(mask, ~np.isfinite(raw), "NO_DATA")
        if source.blank is not None:
            _mark(mask, raw == source.blank, "NO_DATA")
        saturation = described.headers.number(source.saturation)
        if math.isfinite(saturation):
            _mark(mask, raw >= saturation, "SAT")
        return mask

    def _sky_variance(self, box: Box) -> Floats | None:
        """Return the variance as the file says it, units of the file; None where it says none."""
        described, source = self._described, self._described.survey.variance
        if described.variance is not None:
            value = _floats(described.variance.read(box))
        elif source.card is not None:
            number = described.headers.number(source.card)
            if not (math.isfinite(number) and number > 0.0):
                raise DataError(f"{described.name}: card {source.card} = {number}: expected a positive noise")
            value = np.full(box.shape, number)
        else:
            return None
        return _to_variance(value, source.kind)

    def _variance(self, variance: Floats | None, image: Floats) -> Floats:
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


def _mark(mask: Mask, where: NDArray[np.bool_], plane: str) -> None:
    """Set the bit of a plane; nearly always there is nothing to set."""
    if where.any():
        np.bitwise_or(mask, np.int32(bit(plane)), out=mask, where=where)


def _floats(plane: NDArray[Any]) -> Floats:
    """Return pixels as floats, of single precision only where the file has no better."""
    return plane if plane.dtype == np.float32 else plane.astype(np.float64, copy=False)


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
    if kind is MaskKind.codes and any(0 in numbers for numbers in planes.values()):
        _translate(raw, planes, kind, mask)
        return
    set_ = np.flatnonzero(raw != 0)  # of a pixel without bits, or of code 0, there is nothing to say
    if set_.size:
        found = np.zeros(set_.size, np.int32)
        _translate(raw.reshape(-1)[set_], planes, kind, found)
        mask.reshape(-1)[set_] |= found


def _translate(
    raw: NDArray[np.generic], planes: Mapping[str, tuple[int, ...]], kind: MaskKind, mask: Mask
) -> None:
    """Set the bits of all values, from a table if there are no high ones."""
    lowest, highest = int(raw.min()), int(raw.max())
    if lowest >= 0 and highest < _LISTED:
        mask |= _bits_of_codes(tuple(planes.items()), kind)[raw]
    else:
        _translate_any(raw, planes, kind, mask)


@cache
def _bits_of_codes(planes: tuple[tuple[str, tuple[int, ...]], ...], kind: MaskKind) -> Mask:
    """Return coaddc's bits for each of the lowest codes of a file."""
    found: Mask = np.zeros(_LISTED, np.int32)
    _translate_any(np.arange(_LISTED), dict(planes), kind, found)
    return found


def _translate_any(
    raw: NDArray[np.generic], planes: Mapping[str, tuple[int, ...]], kind: MaskKind, mask: Mask
) -> None:
    """Set the bits plane by plane, whatever the codes."""
    values = raw.astype(np.int64)
    for name, numbers in planes.items():
        if kind is MaskKind.cards and name not in PLANES:
            continue
        if kind is MaskKind.codes:
            hit = np.isin(values, numbers)
        else:
            hit = (values & sum(1 << number for number in set(numbers))) != 0
        _mark(mask, hit, name)


def _to_variance(value: Floats, kind: VarianceKind) -> Floats:
    """Turn what a file says into the variance, in place; infinite where there is no data."""
    none = value > 0.0
    np.logical_not(none, out=none)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        match kind:
            case VarianceKind.variance:
                pass
            case VarianceKind.inverse_variance:
                np.reciprocal(value, out=value)
            case VarianceKind.standard_deviation:
                np.square(value, out=value)
    np.copyto(value, np.inf, where=none)
    return value
