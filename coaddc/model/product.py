"""A product: one coadd asked for, with its identity."""

from collections.abc import Mapping
from typing import Any

from coaddc.model.value import value

#: Keys that every data ID has: they say where.
PLACE_KEYS = ("skymap", "tract", "patch", "band")
#: Key to value: skymap, tract, patch ("x,y") and band, then every key that is set, ``variant`` last.
DataId = Mapping[str, str | int]


@value
class Product:
    """One coadd of one patch in one band.

    Attributes
    ----------
    data_id
        What it is called.
    digest
        What it is: covers the ops, their versions and parameters, and the content of all inputs.
    recipe
        What its config asks for, versions and inputs apart: it changes when a value of a key is edited.
    config
        The resolved config, plain data.
    overrides
        The words of the command line that led to it.
    """

    data_id: DataId
    digest: str
    recipe: str
    config: Mapping[str, Any]
    overrides: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Its data ID in one line."""
        return " ".join(f"{key}={value}" for key, value in self.data_id.items())
