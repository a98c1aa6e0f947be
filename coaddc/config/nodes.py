"""Sections as OmegaConf holds them, typed by their dataclasses."""

import copy
from collections.abc import Iterable
from functools import cache
from typing import Any

from omegaconf import DictConfig, OmegaConf

from coaddc.config.keys import AXES
from coaddc.config.schema import mutable, section_class


def schema(groups: Iterable[str]) -> dict[str, Any]:
    """Return the root of all configs: the sections of these groups, and the fields beside them."""
    root: dict[str, Any] = dict.fromkeys((*AXES, "suite"))
    return root | {group: _made(section_class(group)) for group in groups if group != "suite"}


def blank(cls: type) -> DictConfig:
    """Return a section of a frozen dataclass with its defaults, to be merged into."""
    return copy.deepcopy(_made(cls))  # five times as fast as to make it


@cache
def _made(cls: type) -> DictConfig:
    made: DictConfig = OmegaConf.structured(mutable(cls))
    return made
