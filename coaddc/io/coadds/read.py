"""Reading the file of a coadd, as `coaddc.io.coadds.write` writes it, or only a part of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from coaddc.io.coadds.cards import box_of, data_id_of, wcs_of
from coaddc.io.coadds.tables import artifacts_of, config_of, inputs_of
from coaddc.io.coadds.write import BLOCK
from coaddc.model.errors import DataError, near
from coaddc.model.geom import Box
from coaddc.model.images import CellPsfs, Coadd, CoaddInput, Stacked
from coaddc.model.wcs import Wcs


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
