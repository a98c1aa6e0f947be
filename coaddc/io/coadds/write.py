"""Writing the file of a coadd: its planes in parts, as they come, each value once; its tables at the end.

An empty primary HDU says what the coadd is. ``IMAGE``, ``MASK`` and ``VARIANCE`` follow in this order, which
afw goes by; then ``NIMAGE``, ``PSF`` (cells of stamps), ``PSF_FWHM``, ``CORRELATION``, ``INPUTS`` and
``CONFIG``. Equal content gives equal bytes: no header holds a time.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from coaddc.io.coadds.cards import LEFT_OUT, mask_cards, pixel_header, primary_header
from coaddc.io.coadds.checksum import encoded, folded, part_sum, word_sum
from coaddc.io.coadds.tables import artifacts_table, config_table, inputs_table, table_hdu
from coaddc.model.geom import Box
from coaddc.model.images import Coadd, Stacked, Surroundings
from coaddc.model.mask import bit, bits
from coaddc.model.product import Product
from coaddc.model.wcs import Wcs

#: Bytes of a FITS block, and of the rows that are written together: so few that they stay in the cache.
BLOCK, ROOM = 2880, 1 << 19


def write_coadd(path: Path, coadd: Coadd, product: Product) -> None:
    """Write a coadd as a new file; see `CoaddFile`.

    Raises
    ------
    ValueError
        Where an array has not the shape of the coadd's box.
    FileExistsError
        Where there is such a file.
    """
    file = CoaddFile(path, product, coadd.wcs, coadd.stacked.box)
    file.put(coadd.stacked)
    file.finish(coadd.surroundings)


@dataclass
class _Plane:
    """A plane on its way.

    Attributes
    ----------
    header
        Without checksums.
    start, data
        Bytes of the file at which the HDU and its pixels begin.
    kind
        Of its pixels.
    total
        Sum of the words that are written, not folded.
    """

    header: fits.Header
    start: int
    data: int
    kind: np.dtype[Any]
    total: int = 0


class CoaddFile:
    """The file of a coadd on its way: any thread may put rows, in any order, each row once.

    Where no visit contributed, the image is NaN, the variance infinite and the mask NO_DATA, whatever the
    arrays hold there. The file is open only while something is written.

    Parameters
    ----------
    path
        Where; there must be no such file.
    product
        What the coadd is.
    wcs, box
        Of the tract, and the pixels of the coadd in it.
    """

    def __init__(self, path: Path, product: Product, wcs: Wcs, box: Box) -> None:
        self._path, self._product, self._wcs, self._box = path, product, wcs, box
        self._lock = Lock()
        self._rows = 0
        with path.open("xb") as file:
            _append(file, fits.PrimaryHDU(header=primary_header(product)).header)
            self._planes = [_begin(file, header, box) for header in _plane_headers(wcs, box)]
            file.truncate()

    def put(self, part: Stacked) -> None:
        """Write some rows, as wide as the coadd.

        Raises
        ------
        ValueError
            Where they are not, or an array has not the shape of their box.
        """
        box = part.box
        for name in ("image", "mask", "variance", "n_image"):
            shape = getattr(part, name).shape
            if shape != box.shape:
                raise ValueError(f"{name} of shape {shape} in a box of {box.shape}")
        if (box.x0, box.x1) != (self._box.x0, self._box.x1) or box.clip(self._box) != box:
            raise ValueError(f"{box} is not rows of {self._box}")
        step = max(1, ROOM // (4 * box.shape[1]))
        with self._path.open("rb+", buffering=0) as file:
            sums = [0, 0, 0, 0]
            for y in range(box.y0, box.y1, step):
                rows = Box(y0=y, y1=min(y + step, box.y1), x0=box.x0, x1=box.x1)
                found = self._put_rows(file.fileno(), part.part(rows))
                sums = [total + more for total, more in zip(sums, found, strict=True)]
        with self._lock:
            self._rows += box.shape[0]
            for made, total in zip(self._planes, sums, strict=True):
                made.total += total

    def _put_rows(self, descriptor: int, part: Stacked) -> Iterator[int]:
        """Write rows that stay in the cache; yield what the words of each plane add up to."""
        first = (part.box.y0 - self._box.y0) * part.box.shape[1]
        for plane, values in zip(self._planes, _settled(part), strict=True):
            yield part_sum(values, first)
            raw = memoryview(values.byteswap(inplace=True)).cast("B")  # type: ignore[arg-type]
            at, size = plane.data + first * plane.kind.itemsize, len(raw)
            while raw:
                written = os.pwrite(descriptor, raw, at)
                raw, at = raw[written:], at + written
            _start_writing(descriptor, at - size, size)

    def finish(self, around: Surroundings) -> None:
        """Write all else, when all rows are there.

        Raises
        ------
        ValueError
            Where they are not.
        """
        if self._rows != self._box.shape[0]:
            raise ValueError(f"{self._rows} rows of {self._box.shape[0]}")
        with self._path.open("rb+") as file:
            file.seek(0, os.SEEK_END)
            for header, values in _images(around, self._wcs, self._box):
                _append(file, header, values)
            tables = {"INPUTS": inputs_table(around.inputs), "CONFIG": config_table(self._product.config)}
            if around.artifacts:
                tables["ARTIFACTS"] = artifacts_table(around.artifacts)
            for name, rows in tables.items():
                _append(file, table_hdu(name, rows).header, rows)
            for plane in self._planes:
                file.seek(plane.start)
                file.write(_summed(plane.header, folded(plane.total)))


def _start_writing(descriptor: int, at: int, size: int) -> None:
    """Let the system begin to bring bytes to the disk, so that there is little to wait for in the end.

    What is said of them, that nobody will read them soon, is true.
    """
    if hasattr(os, "posix_fadvise"):  # not on macOS
        os.posix_fadvise(descriptor, at, size, os.POSIX_FADV_DONTNEED)


def _plane_headers(wcs: Wcs, box: Box) -> Iterator[fits.Header]:
    place = pixel_header(wcs, box)
    place["INHERIT"] = True
    known = {"BUNIT": "nJy2", "EXTTYPE": "VARIANCE", "UTYPE": "VarianceUncertainty"}
    for name, kind, cards in (
        ("IMAGE", ">f4", {"BUNIT": "nJy", "EXTTYPE": "IMAGE"}),
        ("MASK", ">i4", {"EXTTYPE": "MASK"}),
        ("VARIANCE", ">f4", known),
        ("NIMAGE", ">i2", {}),
    ):
        header = _header(name, box.shape, kind, **cards)
        header.update(place)
        if name == "MASK":
            header.extend(mask_cards())
        yield header


def _begin(file: BinaryIO, header: fits.Header, box: Box) -> _Plane:
    """Write a header, and leave room for its pixels."""
    start = file.tell()
    file.write(_summed(header, 0))
    data, kind = file.tell(), _kind_of(header)
    file.seek(data + -(-box.area * kind.itemsize // BLOCK) * BLOCK)
    return _Plane(header, start, data, kind)


def _kind_of(header: fits.Header) -> np.dtype[Any]:
    """Return the kind of numbers, in the machine's byte order, that an HDU holds."""
    return np.dtype({-32: np.float32, 32: np.int32, 16: np.int16}[header["BITPIX"]])


def _settled(part: Stacked) -> Iterator[NDArray[Any]]:
    """Yield copies of the planes as they are written, settled where no visit contributed."""
    empty = part.n_image == 0
    some = bool(empty.any())
    yield _filled(part.image, empty, np.nan) if some else np.array(part.image, order="C")
    mask = np.bitwise_and(part.mask, ~bits(LEFT_OUT), order="C")
    if some:
        mask[empty] |= bit("NO_DATA")
    yield mask
    yield _filled(part.variance, empty, np.inf) if some else np.array(part.variance, order="C")
    yield np.array(part.n_image, order="C")


def _filled(values: NDArray[Any], where: NDArray[np.bool_], value: float) -> NDArray[Any]:
    copy = np.array(values, order="C")
    copy[where] = value
    return copy


def _images(around: Surroundings, wcs: Wcs, box: Box) -> Iterator[tuple[fits.Header, NDArray[Any]]]:
    yield _image("PSF", around.psf.stamps, ">f4", CELLSIZE=(around.psf.size, "[pixel] side of a cell"))
    yield _image("PSF_FWHM", around.psf.fwhm, ">f8", BUNIT="arcsec")
    yield _image("CORRELATION", around.correlation, ">f8")
    if around.template is not None:
        yield _image("TEMPLATE", around.template, ">f4", BUNIT="nJy", **dict(pixel_header(wcs, box)))


def _image(name: str, values: NDArray[Any], kind: str, **cards: Any) -> tuple[fits.Header, NDArray[Any]]:
    return _header(name, values.shape, kind, **cards), values.astype(kind, order="C")


def _header(name: str, shape: tuple[int, ...], kind: str, **cards: Any) -> fits.Header:
    header = fits.ImageHDU(np.broadcast_to(np.zeros((), kind), shape), name=name).header
    header.update(cards)
    return header


def _append(file: BinaryIO, header: fits.Header, values: NDArray[Any] | None = None) -> None:
    """Write one HDU at the end of a file: a header without checksums, and its data as FITS has them."""
    raw = np.empty(0, np.uint8) if values is None else values.reshape(-1).view(np.uint8)
    file.write(_summed(header, word_sum(raw)))
    file.write(raw.data)
    file.write(b"\0" * (-raw.size % BLOCK))


def _summed(header: fits.Header, total: int) -> memoryview:
    """Return the cards of a header with the checksums of an HDU whose data have this sum."""
    header["CHECKSUM"] = ("0" * 16, "sum of 32-bit words")
    header["DATASUM"] = (str(total), "sum of 32-bit words")
    header["CHECKSUM"] = encoded(word_sum(_card_bytes(header), total))
    return _card_bytes(header).data


def _card_bytes(header: fits.Header) -> NDArray[np.uint8]:
    return np.frombuffer(header.tostring().encode("ascii"), np.uint8)
