"""FITS files: opened quietly, with errors that name them, and planes of which only a section is read."""

from __future__ import annotations

import os
import threading
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.utils.exceptions import AstropyWarning
from numpy.typing import NDArray

from coaddc.model.errors import DataError
from coaddc.model.geom import Box

# The filters of `warnings` belong to the process: threads that enter and leave them out of step would leave
# them changed, so header work, short and under the interpreter lock anyway, is done by one thread at a time.
_ONE_AT_A_TIME = threading.RLock()

# Memory that has been touched before, which each thread reads into: touching new memory takes longer than
# reading does. What is larger than a strip of an image is not kept.
_SCRATCH = threading.local()
_KEPT = 2**22

_BROKEN = (OSError, ValueError, TypeError, KeyError, IndexError, EOFError, zlib.error, fits.VerifyError)


@contextmanager
def quiet() -> Iterator[None]:
    """Hush astropy about headers that bend the standard; what cannot be used raises all the same."""
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        warnings.simplefilter("ignore", AstropyWarning)
        yield


@contextmanager
def opened_all() -> Iterator[Callable[[Path], Any]]:
    """Open several FITS files, each once, as `opened` does."""
    with ExitStack() as stack:
        yield cache(lambda path: stack.enter_context(opened(path)))


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Open a FITS file for its headers and tables; one thread at a time, so be brief.

    Raises
    ------
    DataError
        Where it is missing, or not FITS; errors within the block that come from its content, too.
    """
    with quiet():
        try:
            with fits.open(path, memmap=True, lazy_load_hdus=True) as hdus:
                yield hdus
        except DataError:
            raise
        except FileNotFoundError as error:
            raise DataError(f"{path}: no such file") from error
        except _BROKEN as error:
            raise DataError(f"{path}: cannot be read as FITS: {error}") from error


def find_hdu(hdus: Any, hdu: Any, path: Path) -> int:
    """Return the number of an HDU that is given by name or number.

    Raises
    ------
    DataError
        Where there is none; the message lists what there is.
    """
    text, names = str(hdu).upper(), []
    for number, item in enumerate(hdus):  # reads no header beyond the one that is looked for
        names.append(item.name or str(number))
        if text in (item.name.upper(), str(number)):
            return number
    raise DataError(f"{path}: no HDU {hdu!r} (there are: {', '.join(names)})")


@dataclass(frozen=True, slots=True)
class Plane:
    """The pixels of one image HDU, on disk.

    Attributes
    ----------
    path, hdu
        Which.
    shape
        Rows and columns (ny, nx).
    dtype
        Of the raw numbers on disk, big-endian; None where astropy must unpack them.
    offset
        Byte in the file where they begin.
    scale, zero, blank
        BSCALE, BZERO, BLANK of the header.
    """

    path: Path
    hdu: int
    shape: tuple[int, int]
    dtype: str | None
    offset: int
    scale: float
    zero: float
    blank: int | None

    def read(self, box: Box) -> NDArray[Any]:
        """Read a section: native byte order, floats as they are, integers unless scaled to floats.

        Raises
        ------
        DataError
            Where the file is broken, or changed since it was scanned.
        """
        y, x = slice(box.y0, box.y1), slice(box.x0, box.x1)
        try:
            if self.dtype is None:
                return self._unpacked(y, x)
            raw = self._rows(self.dtype, box.y0, box.y1)[:, x]
            return self._scaled(raw.astype(raw.dtype.newbyteorder("=")))
        except _BROKEN as error:
            raise DataError(f"{self.path}[{self.hdu}]: pixels cannot be read: {error}") from error

    def _rows(self, dtype: str, y0: int, y1: int) -> NDArray[Any]:
        """Return whole rows as they are on disk, in the thread's scratch memory.

        They are read, not mapped: a page that is mapped costs a fault.
        """
        rows = _scratch((y1 - y0, self.shape[1]), np.dtype(dtype))
        at = self.offset + y0 * self.shape[1] * rows.itemsize
        wanted = rows.reshape(-1).view(np.uint8).data
        file = os.open(self.path, os.O_RDONLY)  # a strip is read in less time than a file object takes
        try:
            while wanted:
                size = os.preadv(file, [wanted], at)
                if not size:
                    message = f"the file ends before row {y1 - 1}"
                    raise EOFError(message)
                wanted, at = wanted[size:], at + size
        finally:
            os.close(file)
        return rows

    def _unpacked(self, y: slice, x: slice) -> NDArray[Any]:
        with quiet():
            hdus = fits.open(self.path, memmap=True, lazy_load_hdus=True)
            section = hdus[self.hdu].section
        try:
            data = np.asarray(section[y, x])
        finally:
            hdus.close()
        return np.array(data, data.dtype.newbyteorder("="))

    def _scaled(self, raw: NDArray[Any]) -> NDArray[Any]:
        if raw.dtype.kind == "f" and (self.scale, self.zero) == (1.0, 0.0):
            return raw
        if raw.dtype.kind != "f" and self.scale == 1.0 and self.zero.is_integer() and self.blank is None:
            return raw if self.zero == 0.0 else raw.astype(np.int64) + int(self.zero)
        value: NDArray[Any] = raw * np.float64(self.scale) + self.zero
        if self.blank is not None and raw.dtype.kind != "f":
            value[raw == self.blank] = np.nan
        return value


def _scratch(shape: tuple[int, int], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return memory that the thread may use until it asks for some again."""
    size = shape[0] * shape[1] * dtype.itemsize
    memory: NDArray[np.uint8] | None = getattr(_SCRATCH, "memory", None)
    if memory is None or memory.size < size:
        memory = np.empty(size, np.uint8)
        if size <= _KEPT:
            _SCRATCH.memory = memory
    return memory[:size].view(dtype).reshape(shape)


def plane(hdus: Any, hdu: int, path: Path) -> Plane:
    """Return where the pixels of an HDU of an open file are.

    Raises
    ------
    DataError
        Where it holds no two-dimensional image, or the file ends before its pixels do.
    """
    item = hdus[hdu]
    shape: tuple[int, ...] = getattr(item, "shape", ())
    if not getattr(item, "is_image", False) or len(shape) != 2:
        raise DataError(f"{path}[{hdu}]: expected a two-dimensional image, found {shape or 'no pixels'}")
    _check_length(item, hdu, path)
    direct = not isinstance(item, fits.CompImageHDU) and path.suffix in {".fits", ".fit", ".fts"}
    header = item.header
    return Plane(
        path=path,
        hdu=hdu,
        shape=(int(shape[0]), int(shape[1])),
        dtype=_DTYPES[header["BITPIX"]] if direct else None,
        offset=int(item.fileinfo()["datLoc"]) if direct else 0,
        scale=float(header.get("BSCALE", 1.0)),
        zero=float(header.get("BZERO", 0.0)),
        blank=header.get("BLANK"),
    )


_DTYPES = {8: ">u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}


def _check_length(item: Any, hdu: int, path: Path) -> None:
    where = item.fileinfo()
    if path.suffix in {".gz", ".bz2", ".xz", ".Z"} or where is None:
        return
    # ``size`` is that of the unpacked pixels; the span on disk is rounded up to FITS blocks of 2880 bytes.
    packed = isinstance(item, fits.CompImageHDU)
    end = where["datLoc"] + (where["datSpan"] - 2879 if packed else item.size)
    if end > path.stat().st_size:
        raise DataError(f"{path}[{hdu}]: truncated: {path.stat().st_size} bytes, expected {end} at least")


def image_hdus(hdus: Any, wanted: Any, path: Path) -> tuple[int, ...]:
    """Return the HDUs that a survey's ``image.hdu`` means: one, the first image (null), or all.

    Raises
    ------
    DataError
        Where there is none.
    """
    if wanted is not None and str(wanted).lower() != "all":
        return (find_hdu(hdus, wanted, path),)
    found = tuple(i for i, item in enumerate(hdus) if item.is_image and len(item.shape) == 2)
    if not found:
        raise DataError(f"{path}: no HDU holds a two-dimensional image (it has {len(hdus)} HDUs)")
    return found if wanted is not None else found[:1]
