"""The help of the command: every group, value and field, the user's own too."""

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any

from coaddc.config.fields import fields_of
from coaddc.config.keys import NOT_KEYS, Catalog
from coaddc.config.read import describe
from coaddc.config.schema import SECTIONS, section_class
from coaddc.model.assembly import Section

_HEAD = """\
coaddc [VERB] [KEY=VALUE[,VALUE...]]... [KEY.FIELD=VALUE]...    make the coadds that the values span

A comma sweeps. All coadds of a command are compiled to one plan, in which shared work is done once.

    coaddc                                            the default of everything
    coaddc warp=psfMatched,direct selection=deep      two coadds of each band and patch
    coaddc 'baseline=glob(y*)' band=g patch=[0,1]     all years, one band, two patches
    coaddc stack=clipped stack.nsigma=3               another field: a coadd of its own
"""
_VERBS = """\
VERBS
  plan WORDS...                   what would be done and what is shared, how long it takes, why; does nothing
       --json, --graph=mermaid, --graph=dot, --passes: for programs, drawn, the size after each pass
  ls [ROOT] [KEY=VALUE...]        the products of a store (ROOT: coadds, where it is left off)
  show [ROOT] KEY=VALUE...        what a product is, what went into it, and its config
  explain [ROOT] KEY=VALUE...     why a product is there, and whether it is what its words ask for now
  explain [ROOT] "KEY=..." "..."  how two products differ: configs, exposures, versions
  diff ROOT "KEY=VALUE..." "..."  how the configs of two products differ
  template [ROOT] KEY=VALUE...    what a visit with airmass=, parallactic_angle= sees of sub-bands; to file=
  help                            this
"""
_KEYS = "KEYS of the data ID (* where nothing is said; + yours, from ./conf or --config-dir; ~KEY unsets one)"
_INPUTS = "INPUTS AND RUNNING, not part of the data ID"
_BUNDLES = "BUNDLES of the above; what is said beside them wins"
_AXES = """\
WHAT IS MADE; left off, all that the survey covers
  band       name of a filter, or a list: band=g  band=[g,r]
  tract      number, or a list
  patch      sequence number or x,y, quoted twice, or a list: patch=0  patch=[3,4]  'patch="0,0"'
"""
_NEW = """\
NEW VALUES AND KEYS: files of ./conf. conf/parity/odd.yaml with the line `where: visit % 2 == 1` makes
parity=odd a value of the key parity. A file of the same name as one of coaddc's stands in for it.
"""
_FIELDS = """\
FIELDS of each section: its type, its default and what it means. KEY.FIELD=VALUE overrides one. Every key has
doc, where, order_by and keep.
"""
_FLAGS = """\
FLAGS
  --help                   this
  --cfg job [--resolve]    show the composed config instead of running; -p stack: one section
  --info defaults-tree     how it was composed
  --config-dir FOLDER      a further folder like ./conf, searched last
  -m, --multirun           understood, not needed
  hydra/launcher=NAME      another launcher: each job by itself
"""


def help_text(catalog: Catalog) -> str:
    """Return the whole help."""
    bundles = ("coadd_type", "suite")
    inputs = [group for group in NOT_KEYS if group not in bundles]
    return "\n".join(
        [
            _HEAD,
            _VERBS,
            _KEYS,
            *_groups(catalog, catalog.keys),
            _INPUTS,
            *_groups(catalog, inputs),
            _BUNDLES,
            *_groups(catalog, bundles),
            _AXES,
            _NEW,
            _FIELDS,
            *_sections(catalog),
            _FLAGS,
        ]
    )


def _groups(catalog: Catalog, groups: Any) -> Iterator[str]:
    for group in groups:
        yield f"  {group}"
        for name, value in catalog.groups.get(group, {}).items():
            mark = "*" if catalog.implied.get(group) == name else " "
            own = "+" if value.own else " "
            yield f"   {mark}{own} {name:<18} {value.doc}".rstrip()
    yield ""


def _sections(catalog: Catalog) -> Iterator[str]:
    yield from _fields("KEY", Section)
    for group in SECTIONS:
        if group in catalog.groups and group != "coadd_type":
            yield from _fields(group, section_class(group))


def _fields(group: str, cls: type) -> Iterator[str]:
    shared = {field.path for field in fields_of(Section, group)} if cls is not Section else set()
    for field in fields_of(cls, group):
        if field.path not in shared and not field.path.endswith(".doc"):
            yield f"  {field.path} ({describe(field.kind)}) = {written(field.default)}"
            yield f"      {field.doc}"
    yield ""


def written(value: Any) -> str:
    """Write a default as it would be written on the command line."""
    if isinstance(value, Enum):
        return value.name
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(written, value))}]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {written(item)}" for name, item in value.items()) + "}"
    return str(value)
