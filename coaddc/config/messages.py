"""What Hydra and OmegaConf raise, as one clear message: which file, which field, what is near."""

import re
from typing import Any

from hydra.errors import HydraException, MissingConfigException
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException, ValidationError
from yaml import MarkedYAMLError, YAMLError

from coaddc.config.fields import field_at
from coaddc.config.keys import Catalog, Value
from coaddc.config.read import convert, describe
from coaddc.model.errors import ConfigError, near

#: What `explain` explains.
EXPLAINED = (HydraException, OmegaConfBaseException, YAMLError)


def explain(error: BaseException, catalog: Catalog) -> str:
    """Return the message for an error of Hydra, OmegaConf or YAML."""
    if isinstance(error, MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        return f"{mark.name}, line {mark.line + 1}: not YAML: {error.problem}" if mark else str(error)
    where = _file(error, catalog)
    if isinstance(error, MissingConfigException) and "/" in (error.missing_cfg_file or ""):
        return _missing(error, catalog)
    if match := re.search(r"Could not override '([\w/]+)'", str(error)):
        group = match[1]
        if group not in catalog.groups:
            return f"{where}override of {group!r}: no such group{near(group, catalog.groups)}"
        return f"{where}override of {group!r}: it is listed after this, so its value is not yet chosen"
    cause = _omegaconf(error)
    if cause is not None:
        return where + _field(cause)
    return where + str(error).split("\nSee ")[0].strip()


def _missing(error: MissingConfigException, catalog: Catalog) -> str:
    """Explain a value that is not there; Hydra names the primary config, not the file that asks for it."""
    group, _, name = str(error.missing_cfg_file).rpartition("/")
    values = catalog.groups.get(group) or [option.strip() for option in error.options or []]
    message = f"{group} has no value {name!r}{near(name, values)}"
    everything = [value for named in catalog.groups.values() for value in named.values()]
    asking = [str(value.file) for value in everything if _asks(value, group, name)]
    return f"{', '.join(asking)}: {message}" if asking else message


def _asks(value: Value, group: str, name: str) -> bool:
    """Tell whether the defaults list of a value has this entry."""
    entries = [item for entry in value.choices for item in entry.items()]
    return any(
        re.split("[ /]", str(key))[-1].split("@")[0] == group and said == name for key, said in entries
    )


def _file(error: BaseException, catalog: Catalog) -> str:
    """Say in which file, where Hydra does: ``In 'stack/bad': ...``."""
    match = re.match(r"In '([^']+)'", str(error))
    if match is None:
        return ""
    group, _, name = match[1].rpartition("/")
    value = catalog.groups.get(group, {}).get(name)
    if value is not None:
        return f"{value.file}: "
    files = [root / f"{match[1]}.yaml" for root in catalog.roots]
    return f"{next((file for file in files if file.is_file()), match[1])}: "


def _omegaconf(error: BaseException) -> Any:
    """Return the error of OmegaConf that one of Hydra stands for."""
    chain = [error, error.__cause__, error.__context__]
    return next((link for link in chain if isinstance(link, OmegaConfBaseException)), None)


def _field(error: Any) -> str:
    path = error.full_key or str(error.key)
    if path.startswith("hydra."):
        return f"{path}: {_first(error)}"
    if isinstance(error, ConfigKeyError | ConfigAttributeError | ValidationError):
        try:
            kind = field_at(path).kind
            if isinstance(error, ValidationError):
                convert(kind, getattr(error, "value", None), path)
                return f"{path}: expected {describe(kind)}: {_first(error)}"
        except ConfigError as known:
            return str(known)
    return f"{path}: {_first(error)}"


def _first(error: Any) -> str:
    return str(error.msg or error).splitlines()[0]
