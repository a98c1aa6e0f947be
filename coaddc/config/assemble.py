"""From a composed config to an assembly: typed, checked, named by its keys."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from coaddc.config import axes
from coaddc.config.compose import Composed
from coaddc.config.keys import Catalog
from coaddc.config.read import read
from coaddc.config.schema import section_class
from coaddc.config.variant import variant
from coaddc.model.assembly import Assembly
from coaddc.model.digest import canonical
from coaddc.model.errors import ConfigError
from coaddc.model.suite import Suite


def assemble(job: Composed, catalog: Catalog) -> Assembly:
    """Read one job as an assembly.

    Raises
    ------
    ConfigError
        Where a section makes no sense; the message names the file, where no override is at fault.
    """
    keys = {key: value for key in catalog.keys if (value := job.choices.get(key)) is not None}
    _check_unset(job, catalog)
    _check_bundle(job, catalog)
    sections = {key: section(job, key, catalog) for key in keys}
    config = {group: job.config.get(group) for group in ("survey", "skymap", *keys)}
    _check_plain(config)
    name = variant(job.base, job.config, (*keys, "survey"))
    return Assembly(
        keys=keys if name is None else {**keys, "variant": name},
        sections=sections,
        warp=sections["warp"],
        psf_model=sections["psf_model"],
        stack=sections["stack"],
        artifacts=sections["artifacts"],
        wavelength=sections.get("wavelength"),
        survey=section(job, "survey", catalog),
        skymap=section(job, "skymap", catalog),
        bands=axes.bands(job.config.get("band")),
        tracts=axes.tracts(job.config.get("tract")),
        patches=axes.patches(job.config.get("patch")),
        config=config,
        overrides=tuple(word.lstrip("+") for word in job.words),
        background=sections.get("background"),
    )


def section(job: Composed, group: str, catalog: Catalog) -> Any:
    """Read one section of a job."""
    data = job.config.get(group) or {}
    try:
        return read(section_class(group), data, group)
    except ConfigError as error:
        value = catalog.groups.get(group, {}).get(job.choices.get(group) or "")
        if group in job.overridden or value is None:
            raise
        raise ConfigError(f"{error} (in {value.file})") from error


def unite(jobs: Iterable[Composed], catalog: Catalog) -> Suite:
    """Read all jobs of a command as one suite; jobs that ask for the same are one.

    Raises
    ------
    ConfigError
        Where a job makes no sense, or jobs differ in how they are to be run.
    """
    jobs = list(jobs)
    assemblies: dict[str, Assembly] = {}
    for job in jobs:
        assembly = assemble(job, catalog)
        assemblies.setdefault(_identity(assembly), assembly)
        for group in ("engine", "store"):
            _check_same(group, jobs[0].config, job.config)
    first = jobs[0]
    suite = Suite(
        assemblies=tuple(assemblies.values()),
        engine=section(first, "engine", catalog),
        store=section(first, "store", catalog),
        implied=catalog.implied_keys,
        logs=Path(first.run_folder),
    )
    _check_aliases(suite)
    return suite


def _identity(assembly: Assembly) -> str:
    asked = (assembly.keys, assembly.config, assembly.bands, assembly.tracts, assembly.patches)
    return repr((tuple(assembly.keys.items()), canonical(asked)))


def _check_same(group: str, one: Mapping[str, Any], other: Mapping[str, Any]) -> None:
    if canonical(one.get(group)) == canonical(other.get(group)):
        return
    first, second = one[group], other[group]
    names = [name for name in first if first[name] != second.get(name)] or list(second)
    raise ConfigError(
        f"{group}.{names[0]}={first.get(names[0])} and {second.get(names[0])} in one command, which "
        f"makes all its coadds together, with one {group}"
    )


def _check_plain(config: Mapping[str, Any]) -> None:
    for group, data in config.items():
        try:
            canonical(data)
        except TypeError as error:
            raise ConfigError(f"{group}: {error}") from error


def _check_unset(job: Composed, catalog: Catalog) -> None:
    for group in job.overridden:
        if group in catalog.keys and job.choices.get(group) is None:
            values = ", ".join(catalog.groups[group])
            raise ConfigError(f"{group}.*: the key {group} is not set; give it a value first: {values}")


def _check_bundle(job: Composed, catalog: Catalog) -> None:
    """Refuse a bundle that says more than which values: it is not in the data ID, so none would know."""
    value = catalog.groups.get("coadd_type", {}).get(job.choices.get("coadd_type") or "")
    if value is None or not isinstance(value.content, Mapping):
        return
    further = set(value.content) - {"defaults", "coadd_type", "doc"}
    if further:
        raise ConfigError(
            f"{value.file}: a bundle only chooses values, in its defaults; put {', '.join(sorted(further))} "
            "into a value of a key, and choose that"
        )


def _check_aliases(suite: Suite) -> None:
    taken = [key for assembly in suite.assemblies for key in assembly.keys if key in suite.store.aliases]
    if taken:
        raise ConfigError(f"{taken[0]}: cannot be a key: store.aliases gives that name to another")
