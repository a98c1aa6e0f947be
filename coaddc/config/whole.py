"""One composition by Hydra, and which of its sections can be taken by themselves."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from coaddc.model.errors import ConfigError

#: An interpolation: what it names, and whether that is a resolver.
_INTERPOLATION = re.compile(r"\$\{\s*([\w.]*)\s*(:?)")

#: Stands for any section.
ANY = "*"


@dataclass(frozen=True, eq=False)
class Whole:
    """One composition, without overrides of fields.

    Attributes
    ----------
    config
        All sections, or some.
    choices
        Group to chosen value.
    """

    config: DictConfig
    choices: Mapping[str, str | None]

    @classmethod
    def of(cls, config: DictConfig) -> "Whole":
        """Take what Hydra composed."""
        return cls(config, dict(config.hydra.runtime.choices))

    @cached_property
    def plain(self) -> dict[str, Any]:
        """All sections, resolved."""
        return plain(self.config)

    @cached_property
    def looks(self) -> dict[str, frozenset[str]]:
        """Section to the sections that its interpolations look at."""
        return {str(name): looks_at(self.config[name]) for name in self.config if name != "hydra"}


def plain(config: DictConfig) -> dict[str, Any]:
    """Return a config as plain data, all interpolations resolved, without Hydra's own part.

    Raises
    ------
    ConfigError
        Where an interpolation cannot be resolved.
    """
    if "hydra" in config:
        HydraConfig.instance().set_config(config)  # for ${hydra:...}
    return {str(name): _plain(config, str(name)) for name in config if name != "hydra"}


def looks_at(node: Any) -> frozenset[str]:
    """Return the sections that the interpolations in a value may look at; ``*`` where that cannot be told."""
    data = OmegaConf.to_container(node, resolve=False) if OmegaConf.is_config(node) else node
    found = set()
    for text in _texts(data):
        for name, resolver in _INTERPOLATION.findall(text):
            if name.startswith(".") or not name or (resolver and name != "oc.env"):
                found.add(ANY)
            elif not resolver:
                found.add(name.split(".")[0])
    return frozenset(found)


def stands(sections: Mapping[str, Whole], changed: set[str]) -> bool:
    """Tell whether no section looks at one that is changed, so that each stands as it was composed."""
    looks = (whole.looks.get(name, frozenset()) for name, whole in sections.items())
    return not any(ANY in seen or seen & changed for seen in looks)


def _texts(data: Any) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    elif isinstance(data, Mapping):
        for item in data.values():
            yield from _texts(item)
    elif isinstance(data, list):
        for item in data:
            yield from _texts(item)


def _plain(config: DictConfig, name: str) -> Any:
    if OmegaConf.is_missing(config, name):
        return "???"
    try:
        node = config[name]
        if OmegaConf.is_config(node):
            return OmegaConf.to_container(node, resolve=True, enum_to_str=True)
    except OmegaConfBaseException as error:
        raise ConfigError(f"{error.full_key or name}: {str(error).splitlines()[0]}") from error
    return node
