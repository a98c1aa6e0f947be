"""A plan for people: tables and a few lines, from the plain data that `facts` returns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from coaddc.plan.counts import Counts

#: Keys of a data ID that say where: products that differ in nothing else are one line.
PLACE = ("skymap", "tract", "patch")
#: Reasons that a line gives.
REASONS = 3
#: Lines up to which each says how its exposures were selected; beyond, only those do that have none.
TOLD = 12
#: Bytes in the unit that memory is told in.
MIB = 1 << 20
Facts = Mapping[str, Any]


def plan_tables(facts: Facts) -> Iterator[RenderableType]:
    """Return what to print of a plan: its products, what they share, and what it all takes."""
    yield _products(facts)
    if any(unit["shared"] for unit in facts["units"]):
        yield ""
        yield _shared(facts)
    yield ""
    yield from map(escape, _totals(facts))


def passes_table(passes: Sequence[tuple[str, Counts]]) -> Table:
    """Return the size of a plan after each pass."""
    table = Table(title="after each pass", title_justify="left", title_style="", show_edge=False)
    table.add_column("pass")
    for name in Counts.__slots__:
        table.add_column(name, justify="right")
    for step, counts in passes:
        table.add_row(step, *(f"{getattr(counts, name):,}" for name in Counts.__slots__))
    return table


def _products(facts: Facts) -> Table:
    products = facts["products"]
    same, labels = _labels([product["data_id"] for product in products])
    lines: dict[str, list[Facts]] = {}
    for label, product in zip(labels, products, strict=True):
        lines.setdefault(label, []).append(product)
    table = Table(title=escape(same), title_justify="left", title_style="", show_edge=False)
    table.add_column("product", overflow="fold")
    for column in ("patches", "exposures", "visits", "absent", "outdated", "current", "empty"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("selected, and why it is not up to date", overflow="fold", ratio=1)
    for label, group in lines.items():
        states = Counter(product["state"] for product in group)
        counts = [str(states[state] or "") for state in ("absent", "outdated", "current", "empty")]
        spans = [_span(product[name] for product in group) for name in ("exposures", "visits")]
        table.add_row(
            escape(label), str(len(group)), *spans, *counts, escape(_reasons(group, told=len(lines) <= TOLD))
        )
    return table


def _labels(ids: Sequence[Mapping[str, Any]], left_out: Sequence[str] = PLACE) -> tuple[str, list[str]]:
    """Return what all data IDs have in common, and of each what it has not, but for the keys to leave out."""
    same = {key: value for key, value in ids[0].items() if all(other.get(key) == value for other in ids)}
    rest = [{k: v for k, v in one.items() if k not in same and k not in left_out} for one in ids]
    if not all(rest) and "band" in same and "band" not in left_out:
        band = same.pop("band")
        rest = [{"band": band, **one} for one in rest]
    return _named(same), [_named(one) for one in rest]


def _named(data_id: Mapping[str, Any]) -> str:
    return " ".join(f"{key}={value}" for key, value in data_id.items())


def _span(numbers: Iterable[int]) -> str:
    found = list(numbers)
    return str(found[0]) if min(found) == max(found) else f"{min(found)}-{max(found)}"


def _reasons(group: Sequence[Facts], *, told: bool) -> str:
    """Return why products are not up to date; if told, of one alone how it was selected too."""
    reasons = list(dict.fromkeys(text for product in group for text in product["why"]))
    if told and len(group) == 1 and group[0]["state"] != "empty":
        return "; ".join([*group[0]["selection"], *_targets(group[0]), *reasons])
    more = [f"and {len(reasons) - REASONS} further reasons"] if len(reasons) > REASONS else []
    return "; ".join([*reasons[:REASONS], *more])


def _targets(product: Facts) -> Iterator[str]:
    if product["target_fwhm"] is not None:
        yield f'matched to {product["target_fwhm"]:.2f}"'
    if product["template_fwhm"] is not None:
        yield f'artifacts looked for at {product["template_fwhm"]:.2f}"'


def _shared(facts: Facts) -> Table:
    """Return who shares what, over all patches: the same products share on many."""
    _, labels = _labels([product["data_id"] for product in facts["products"]], (*PLACE, "band"))
    groups: dict[tuple[str, ...], Counter[str]] = {}
    for group in (group for unit in facts["units"] for group in unit["shared"]):
        names = tuple(labels[number] for number in group["products"])
        groups.setdefault(names, Counter()).update(group["tasks"])
    table = Table(title="done once", title_justify="left", title_style="", show_edge=False)
    table.add_column("tasks", overflow="fold")
    table.add_column("for", overflow="fold", ratio=1)
    for names, ops in groups.items():
        told = ", ".join(f"{number:,} {op}" for op, number in ops.items())
        table.add_row(escape(told), escape(f"{len(names)} products: {_briefly(names)}"))
    return table


def _briefly(names: Sequence[str]) -> str:
    if len(names) <= 2 * REASONS:
        return "; ".join(names)
    return "; ".join([*names[:REASONS], f"... {len(names) - REASONS} more"])


def _totals(facts: Facts) -> Iterator[str]:
    t = facts["totals"]
    parts = ((t["absent"], "absent"), (t["outdated"], "outdated"))
    made = " and ".join(f"{number:,} {what}" for number, what in parts if number)
    rest = f"{t['current']:,} up to date, {t['empty']:,} without exposures"
    made = f"{t['absent'] + t['outdated']:,} to make{f' ({made})' if made else ''}"
    yield f"{t['products']:,} products asked: {made} on {t['patches']:,} patches; {rest}"
    yield f"{t['tasks_asked']:,} tasks asked, {t['tasks_left']:,} left"
    if facts["units"]:
        yield f"{t['resampled_pixels'] / 1e6:,.2f} Mpix to resample"
        yield f"{t['peak_memory'] / MIB:,.0f} MiB of memory at most"
        yield f"estimated time: {_time(t)}"


def _time(totals: Facts) -> str:
    seconds, unknown = totals["seconds"], totals["seconds_unknown"]
    if seconds is None:
        return "unknown: nothing has run here yet"
    told = f"{seconds:.1f} s" if seconds < 60 else f"{seconds / 60:.1f} min"
    if seconds >= 3600:
        told = f"{seconds / 3600:.1f} h"
    return f"{told} and more: here have not run yet {', '.join(unknown)}" if unknown else f"about {told}"
