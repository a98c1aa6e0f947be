"""Matched templates: what a visit would see of the sub-bands in a store, through the air that it has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from coaddc.config.read import read
from coaddc.io.coadds.read import read_coadd, read_component
from coaddc.io.coadds.write import write_coadd
from coaddc.model.assembly import WavelengthSection
from coaddc.model.dcr import DcrModel
from coaddc.model.digest import digest
from coaddc.model.errors import ConfigError, StoreError
from coaddc.model.images import Coadd
from coaddc.model.product import Product
from coaddc.model.refraction import Floats, bending, zenith
from coaddc.model.survey import Survey
from coaddc.ops.dcr_template import dispersed, template_noise
from coaddc.store.butler import Butler

#: The key whose values are the sub-bands of a model.
KEY = "wavelength"


@dataclass(frozen=True)
class Sight:
    """How a visit looks through the air: air mass, and the zenith's position angle, degrees east of north."""

    airmass: float
    parallactic_angle: float

    def __post_init__(self) -> None:
        if not self.airmass >= 1 or not np.isfinite(self.parallactic_angle):
            raise ConfigError(
                f"airmass={self.airmass} parallactic_angle={self.parallactic_angle}: expected an air mass of "
                "1 at least, and an angle in degrees"
            )


@dataclass(frozen=True)
class _Subband:
    """One sub-band in a store: its coadd's digest, the coadd, its section and all of its config."""

    digest: str
    coadd: Coadd
    section: WavelengthSection
    config: Mapping[str, Any]


def make_template(butler: Butler, sight: Sight, file: Path | None = None, /, **data_id: Any) -> Coadd:
    """Return the template of a patch for a visit, and write it like a coadd if a file is given.

    Parameters
    ----------
    butler
        Of the store that holds the sub-bands.
    sight
        Of the visit in the middle of the patch; elsewhere it follows from where the zenith then is.
    file
        Where to write it; it must not exist.
    **data_id
        Which patch and band; and further keys, where several models of them are in the store.

    Raises
    ------
    StoreError
        Where there are no sub-bands, not all of them, or those of several models.
    """
    subbands = _subbands(butler, data_id)
    config = subbands[0].config
    made = template_of([s.coadd for s in subbands], config, sight)
    if file is not None:
        recipe = digest("template", sight.airmass, sight.parallactic_angle)
        identity = digest(recipe, [s.digest for s in subbands])
        write_coadd(file, made, Product(made.data_id, identity, recipe, config))
    return made


def template_of(subbands: Sequence[Coadd], config: Mapping[str, Any], sight: Sight) -> Coadd:
    """Return the template for a visit from all sub-bands of a model, bluest first, and their config."""
    first = subbands[0]
    model, weights = _model(first, config)
    y, x = first.stacked.box.centre
    ra, dec = (float(angle) for angle in first.wcs.to_sky(y=y, x=x))
    up = zenith(ra=ra, dec=dec, airmass=sight.airmass, parallactic_angle=sight.parallactic_angle)
    stacked = dispersed([s.stacked for s in subbands], model, up)
    ratios, correlation = template_noise([s.correlation for s in subbands], model, weights, up, stacked.box)
    variance = np.mean([r * s.stacked.variance for r, s in zip(ratios, subbands, strict=True)], axis=0)
    data_id: dict[str, str | int] = {key: value for key, value in first.data_id.items() if key != KEY}
    seen = {"airmass": f"{sight.airmass:g}", "parallactic_angle": f"{sight.parallactic_angle:g}"}
    return replace(
        first,
        data_id={**data_id, **seen},
        stacked=replace(stacked, variance=variance.astype(np.float32)),
        correlation=correlation,
    )


def _subbands(butler: Butler, data_id: Mapping[str, Any]) -> list[_Subband]:
    """Read all sub-bands of the one model that a data ID means, bluest first."""
    rows = [row for row in butler.query(**data_id) if KEY in row.colnames and row[KEY] is not np.ma.masked]
    asked = " ".join(f"{key}={value}" for key, value in data_id.items())
    if not rows:
        raise StoreError(f"{asked}: no sub-bands in the store; make them with coaddc {KEY}=... first")
    names = {*butler.keys()} - {KEY}
    models = {" ".join(f"{k}={row[k]}" for k in sorted(names) if row[k] is not np.ma.masked) for row in rows}
    if len(models) > 1:
        listed = "\n  ".join(sorted(models))
        raise StoreError(f"{asked}: the sub-bands of several models; say which of\n  {listed}")
    found = sorted((_read(row) for row in rows), key=lambda s: s.section.subband)
    wanted = [replace(found[0].section, subband=n, doc="") for n in range(found[0].section.subbands)]
    if [replace(s.section, doc="") for s in found] != wanted:
        have = ", ".join(
            f"{s.coadd.data_id[KEY]} is {s.section.subband} of {s.section.subbands}" for s in found
        )
        raise StoreError(f"{asked}: needs every sub-band of one model, once; the store has: {have}")
    return found


def _read(row: Any) -> _Subband:
    path = Path(str(row["path"]))
    config = read_component(path, "config")
    section = read(WavelengthSection, config[KEY], KEY)
    return _Subband(str(row["digest"]), read_coadd(path), section, config)


def _model(first: Coadd, config: Mapping[str, Any]) -> tuple[DcrModel, Floats]:
    """Return what sub-bands were solved from, and the weights of its visits."""
    survey, section = read(Survey, config["survey"], "survey"), read(WavelengthSection, config[KEY], KEY)
    low, high = survey.passbands[str(first.data_id["band"])]
    ups: dict[int, Floats] = {}
    weights: dict[int, float] = {}
    for item in first.inputs:
        row = item.row
        ups[row.visit] = zenith(
            ra=row.ra, dec=row.dec, airmass=row.airmass, parallactic_angle=row.parallactic_angle
        )
        weights[row.visit] = max(item.weight, weights.get(row.visit, 0.0))
    given = np.array(list(weights.values()))
    bend = bending(survey.air, (low, high), section.subbands, section.reference)
    return DcrModel(section, bend, ups, first.wcs, float(given.sum()), 0, uniform=False), given
