"""Writing the file of a coadd: each plane in one pass, some rows at a time.

An empty primary HDU says what the coadd is. ``IMAGE``, ``MASK`` and ``VARIANCE`` follow in this order, which
afw goes by; then ``NIMAGE``, ``PSF`` (cells of stamps), ``PSF_FWHM``, ``CORRELATION``, ``INPUTS`` and
``CONFIG``. Equal content gives equal bytes: no header holds a time.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from coaddc.io.coadds.cards import LEFT_OUT, mask_cards, pixel_header, primary_header
from coaddc.io.coadds.checksum import encoded, word_sum
from coaddc.io.coadds.tables import artifacts_table, config_table, inputs_table, table_hdu
from coaddc.model.images import Coadd
from coaddc.model.mask import bit, bits
from coaddc.model.product import Product

#: Bytes of a FITS block, and of the rows that are written together: so few that they stay in the cache.
BLOCK, ROOM = 2880, 1 << 20

#: Data in the byte order of FITS, a part after the other.
Blocks = Iterable[NDArray[Any]]
#: Gives pixels of a block, those where no visit contributed, the values that they are written with.
Settle = Callable[[NDArray[Any], NDArray[np.bool_]], None]


def write_coadd(path: Path, coadd: Coadd, product: Product) -> None:
    """Write a coadd as a new file.

    Where no visit contributed, the image is NaN, the variance infinite and the mask NO_DATA, whatever the
    arrays hold there.

    Raises
    ------
    ValueError
        Where an array has not the shape of the coadd's box.
    FileExistsError
        Where there is such a file.
    """
    with path.open("xb") as file:
        _append(file, fits.PrimaryHDU(header=primary_header(product)).header)
        for header, blocks in _images(coadd):
            _append(file, header, blocks)
        tables = {"INPUTS": inputs_table(coadd.inputs), "CONFIG": config_table(product.config)}
        if coadd.artifacts:
            tables["ARTIFACTS"] = artifacts_table(coadd.artifacts)
        for name, rows in tables.items():
            _append(file, table_hdu(name, rows).header, [rows])


def _images(coadd: Coadd) -> Iterator[tuple[fits.Header, Blocks]]:
    yield from _planes(coadd)
    yield _image("PSF", coadd.psf.stamps, ">f4", CELLSIZE=(coadd.psf.size, "[pixel] side of a cell"))
    yield _image("PSF_FWHM", coadd.psf.fwhm, ">f8", BUNIT="arcsec")
    yield _image("CORRELATION", coadd.correlation, ">f8")
    if coadd.template is not None:
        place = pixel_header(coadd.wcs, coadd.stacked.box)
        yield _image("TEMPLATE", coadd.template, ">f4", BUNIT="nJy", **dict(place))


def _planes(coadd: Coadd) -> Iterator[tuple[fits.Header, Blocks]]:
    stacked = coadd.stacked
    for name in ("image", "mask", "variance", "n_image"):
        if getattr(stacked, name).shape != stacked.box.shape:
            raise ValueError(
                f"{name} of shape {getattr(stacked, name).shape} in a box of {stacked.box.shape}"
            )
    place = pixel_header(coadd.wcs, stacked.box)
    place["INHERIT"] = True

    def plane(
        name: str, values: NDArray[Any], kind: str, settle: Settle | None = None, **cards: Any
    ) -> tuple[fits.Header, Blocks]:
        header = _header(name, values, kind, **cards)
        header.update(place)
        return header, _blocks(values, kind, stacked.n_image, settle)

    def no_data(block: NDArray[Any], empty: NDArray[np.bool_]) -> None:
        block &= ~bits(LEFT_OUT)
        block[empty] |= bit("NO_DATA")

    yield plane("IMAGE", stacked.image, ">f4", _to(np.nan), BUNIT="nJy", EXTTYPE="IMAGE")
    header, blocks = plane("MASK", stacked.mask, ">i4", no_data, EXTTYPE="MASK")
    header.extend(mask_cards())
    yield header, blocks
    known = {"BUNIT": "nJy2", "EXTTYPE": "VARIANCE", "UTYPE": "VarianceUncertainty"}
    yield plane("VARIANCE", stacked.variance, ">f4", _to(np.inf), **known)
    yield plane("NIMAGE", stacked.n_image, ">i2")


def _to(value: float) -> Settle:
    def settle(block: NDArray[Any], empty: NDArray[np.bool_]) -> None:
        block[empty] = value

    return settle


def _blocks(
    values: NDArray[Any], kind: str, n_image: NDArray[np.int16], settle: Settle | None
) -> Iterator[NDArray[Any]]:
    """Yield some rows after the other as they are written, settled where no visit contributed."""
    # An even number of rows is a whole number of words, and so few that they stay in the cache.
    step = max(2, ROOM // max(1, values[:1].nbytes) // 2 * 2)
    for y in range(0, len(values), step):
        block = np.array(values[y : y + step], order="C")
        if settle is not None:
            settle(block, n_image[y : y + step] == 0)
        yield block.astype(kind)


def _image(name: str, values: NDArray[Any], kind: str, **cards: Any) -> tuple[fits.Header, Blocks]:
    return _header(name, values, kind, **cards), [values.astype(kind, order="C")]


def _header(name: str, values: NDArray[Any], kind: str, **cards: Any) -> fits.Header:
    header = fits.ImageHDU(np.broadcast_to(np.zeros((), kind), values.shape), name=name).header
    header.update(cards)
    return header


def _append(file: BinaryIO, header: fits.Header, blocks: Blocks = ()) -> None:
    """Write one HDU: its data in one pass, and its header again once their sum is known.

    Parameters
    ----------
    file
        Ends where the HDU is to begin.
    header
        Without checksums.
    blocks
        Its data; all blocks but the last are a whole number of words.
    """
    start = file.tell()
    header["CHECKSUM"] = ("0" * 16, "sum of 32-bit words")
    header["DATASUM"] = ("0", "sum of 32-bit words")
    file.write(_card_bytes(header).data)
    total = size = 0
    for block in blocks:
        raw = block.reshape(-1).view(np.uint8)
        file.write(raw.data)
        total = word_sum(raw, total)
        size += raw.size
    file.write(b"\0" * (-size % BLOCK))
    header["DATASUM"] = str(total)
    header["CHECKSUM"] = encoded(word_sum(_card_bytes(header), total))
    file.seek(start)
    file.write(_card_bytes(header).data)
    file.seek(0, os.SEEK_END)


def _card_bytes(header: fits.Header) -> NDArray[np.uint8]:
    return np.frombuffer(header.tostring().encode("ascii"), np.uint8)
