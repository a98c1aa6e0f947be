"""The file of a coadd: plain FITS that LSST's readers, astropy, SExtractor and SWarp all open.

An empty primary HDU says what the coadd is. ``IMAGE``, ``MASK`` and ``VARIANCE`` follow in this order, which
afw goes by; then ``NIMAGE``, ``PSF`` (cells of stamps), ``PSF_FWHM``, ``CORRELATION``, ``INPUTS`` and
``CONFIG``. Equal content gives equal bytes: no header holds a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from coaddc.io.coadds.cards import (
    LEFT_OUT,
    box_of,
    data_id_of,
    mask_cards,
    pixel_header,
    primary_header,
    wcs_of,
)
from coaddc.io.coadds.tables import (
    artifacts_of,
    artifacts_table,
    config_of,
    config_table,
    inputs_of,
    inputs_table,
    table_hdu,
)
from coaddc.model.errors import DataError, near
from coaddc.model.geom import Box
from coaddc.model.images import CellPsfs, Coadd, CoaddInput, Stacked
from coaddc.model.mask import bit, bits
from coaddc.model.product import Product
from coaddc.model.wcs import Wcs

#: Bytes of a FITS block.
BLOCK = 2880


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
        _append(file, fits.PrimaryHDU(header=primary_header(product)), None)
        for hdu in _images(coadd):
            _append(file, hdu, hdu.data)
        tables = {"INPUTS": inputs_table(coadd.inputs), "CONFIG": config_table(product.config)}
        if coadd.artifacts:
            tables["ARTIFACTS"] = artifacts_table(coadd.artifacts)
        for name, rows in tables.items():
            _append(file, table_hdu(name, rows), rows)


def _images(coadd: Coadd) -> Iterator[fits.ImageHDU]:
    """Yield them one by one, so that the copy in the byte order of FITS is of one array at a time."""
    yield from _planes(coadd)
    yield _image("PSF", coadd.psf.stamps, ">f4", CELLSIZE=(coadd.psf.size, "[pixel] side of a cell"))
    yield _image("PSF_FWHM", coadd.psf.fwhm, ">f8", BUNIT="arcsec")
    yield _image("CORRELATION", coadd.correlation, ">f8")
    if coadd.template is not None:
        place = pixel_header(coadd.wcs, coadd.stacked.box)
        yield _image("TEMPLATE", coadd.template, ">f4", BUNIT="nJy", **dict(place))


def _planes(coadd: Coadd) -> Iterator[fits.ImageHDU]:
    stacked = coadd.stacked
    for name in ("image", "mask", "variance", "n_image"):
        if getattr(stacked, name).shape != stacked.box.shape:
            raise ValueError(
                f"{name} of shape {getattr(stacked, name).shape} in a box of {stacked.box.shape}"
            )
    empty = stacked.n_image == 0
    place = pixel_header(coadd.wcs, stacked.box)
    place["INHERIT"] = True

    def plane(name: str, values: NDArray[Any], kind: str, **cards: Any) -> fits.ImageHDU:
        hdu = _image(name, values, kind, **cards)
        hdu.header.update(place)
        return hdu

    image = plane("IMAGE", stacked.image, ">f4", BUNIT="nJy", EXTTYPE="IMAGE")
    image.data[empty] = np.nan
    yield image
    mask = plane("MASK", stacked.mask, ">i4", EXTTYPE="MASK")
    mask.data &= ~bits(LEFT_OUT)
    mask.data[empty] |= bit("NO_DATA")
    mask.header.extend(mask_cards())
    yield mask
    variance = plane(
        "VARIANCE", stacked.variance, ">f4", BUNIT="nJy2", EXTTYPE="VARIANCE", UTYPE="VarianceUncertainty"
    )
    variance.data[empty] = np.inf
    yield variance
    yield plane("NIMAGE", stacked.n_image, ">i2")


def _image(name: str, values: NDArray[Any], kind: str, **cards: Any) -> fits.ImageHDU:
    hdu = fits.ImageHDU(np.array(values, kind, order="C"), name=name)
    hdu.header.update(cards)
    return hdu


def _append(file: BinaryIO, hdu: Any, data: NDArray[Any] | None) -> None:
    """Write one HDU with its checksums; its data are already in the byte order of FITS."""
    hdu.add_checksum(when="sum of 32-bit words")
    file.write(hdu.header.tostring().encode("ascii"))
    if data is not None:
        raw = data.reshape(-1).view(np.uint8)
        file.write(raw.data)
        file.write(b"\0" * (-raw.size % BLOCK))


def read_coadd(path: Path) -> Coadd:
    """Read a whole coadd.

    Raises
    ------
    DataError
        Where the file is missing, broken, or not a coadd; it names the file.
    """
    with _opened(path) as hdus:
        return Coadd(
            data_id=_data_id(hdus),
            stacked=Stacked(
                box=_box(hdus),
                image=_array("IMAGE", np.float32)(hdus),
                variance=_array("VARIANCE", np.float32)(hdus),
                mask=_array("MASK", np.int32)(hdus),
                n_image=_array("NIMAGE", np.int16)(hdus),
            ),
            wcs=_wcs(hdus),
            psf=_psf(hdus),
            correlation=_array("CORRELATION", np.float64)(hdus),
            inputs=_inputs(hdus),
            artifacts=_artifacts(hdus),
            template=_template(hdus),
        )


def read_component(path: Path, name: str) -> Any:
    """Read one part of a coadd, and no pixels of the others.

    Parameters
    ----------
    path
        The file.
    name
        One of `COMPONENTS`. ``wcs`` is that of the tract, where the array begins at ``box``; ``header`` is
        that of the array itself, with what the primary header says.

    Raises
    ------
    DataError
        Where there is no such part; or the file is missing, broken, or not a coadd.
    """
    if name not in COMPONENTS:
        raise DataError(f"a coadd has no part {name!r}{near(name, COMPONENTS)}")
    with _opened(path) as hdus:
        return COMPONENTS[name](hdus)


@contextmanager
def _opened(path: Path) -> Iterator[fits.HDUList]:
    try:
        size = path.stat().st_size
        if size == 0 or size % BLOCK:
            raise DataError(f"{path}: not a whole coadd: {size} bytes are no number of FITS blocks")
        with fits.open(path, memmap=False) as hdus:
            yield hdus
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file") from error
    except (OSError, KeyError, ValueError, TypeError, IndexError) as error:
        raise DataError(f"{path}: not a whole coadd: {error}") from error


def _array(name: str, kind: type) -> Callable[[fits.HDUList], NDArray[Any]]:
    def read(hdus: fits.HDUList) -> NDArray[Any]:
        return np.array(hdus[name].data, kind)  # in the byte order of the machine

    return read


def _data_id(hdus: fits.HDUList) -> dict[str, str | int]:
    return data_id_of(hdus[0].header)


def _box(hdus: fits.HDUList) -> Box:
    return box_of(hdus["IMAGE"].header)


def _wcs(hdus: fits.HDUList) -> Wcs:
    return wcs_of(hdus["IMAGE"].header)


def _psf(hdus: fits.HDUList) -> CellPsfs:
    return CellPsfs(
        size=int(hdus["PSF"].header["CELLSIZE"]),
        stamps=_array("PSF", np.float32)(hdus),
        fwhm=_array("PSF_FWHM", np.float64)(hdus),
    )


def _inputs(hdus: fits.HDUList) -> tuple[CoaddInput, ...]:
    return inputs_of(hdus["INPUTS"].data)


def _artifacts(hdus: fits.HDUList) -> dict[int, NDArray[np.int32]]:
    return artifacts_of(hdus["ARTIFACTS"].data) if "ARTIFACTS" in hdus else {}


def _template(hdus: fits.HDUList) -> NDArray[np.float32] | None:
    return np.array(hdus["TEMPLATE"].data, np.float32) if "TEMPLATE" in hdus else None


def _config(hdus: fits.HDUList) -> dict[str, Any]:
    return config_of(hdus["CONFIG"].data)


def _header(hdus: fits.HDUList) -> fits.Header:
    header = hdus["IMAGE"].header.copy()
    header.extend(hdus[0].header, unique=True)
    return header


#: The parts that `read_component` reads.
COMPONENTS: dict[str, Callable[[fits.HDUList], Any]] = {
    "image": _array("IMAGE", np.float32),
    "mask": _array("MASK", np.int32),
    "variance": _array("VARIANCE", np.float32),
    "n_image": _array("NIMAGE", np.int16),
    "box": _box,
    "wcs": _wcs,
    "psf": _psf,
    "correlation": _array("CORRELATION", np.float64),
    "inputs": _inputs,
    "artifacts": _artifacts,
    "template": _template,
    "config": _config,
    "header": _header,
    "data_id": _data_id,
}
