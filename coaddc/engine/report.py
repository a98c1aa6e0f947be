"""What a run shows: a progress bar, and one table at its end."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from coaddc.engine.events import (
    CompiledKernels,
    Compiling,
    Event,
    Failed,
    Made,
    StepDone,
    UnitDone,
    UnitStarted,
)
from coaddc.model.product import DataId
from coaddc.plan.plan import Plan
from coaddc.plan.work import work

#: What there is to see while the first run on a machine is slower than the next.
COMPILING = "compile kernels, once on this machine"


class Follower:
    """Follows a run: shows its progress where the terminal can, and keeps what it told.

    Parameters
    ----------
    console
        Where to show it.
    units
        Number of units to come.
    show
        Whether to show progress at all.

    Attributes
    ----------
    made, failed
        What was told of products.
    compiled
        Seconds that kernels were compiled for.
    """

    def __init__(self, console: Console, units: int, *, show: bool) -> None:
        self.made: list[Made] = []
        self.failed: list[Failed] = []
        self._done: list[UnitDone] = []
        self._progress = progress_bar(console, show=show)
        self._units = self._progress.add_task("patches", total=units)
        self._steps: TaskID | None = None
        self.compiled = 0.0

    def __enter__(self) -> Follower:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def __call__(self, event: Event) -> None:
        """Take an event."""
        match event:
            case UnitStarted(unit, steps):
                self._end_unit()
                self._steps = self._progress.add_task(unit.name, total=steps)
            case StepDone() if self._steps is not None:
                self._progress.advance(self._steps)
            case UnitDone():
                self._done.append(event)
            case Made():
                self.made.append(event)
            case Failed():
                self.failed.append(event)
            case Compiling():
                self._progress.add_task(COMPILING, total=None)
            case CompiledKernels(seconds):
                self.compiled = seconds

    @property
    def measured(self) -> dict[str, tuple[float, float]]:
        """Pixels, and seconds of one thread that they took, by kind of task, of the units where none failed.

        The first unit counts only where it is the only one: kernels are compiled, or loaded, while it runs.
        """
        lost = {failed.target.product.name for failed in self.failed}
        found: dict[str, tuple[float, float]] = {}
        for done in self._done[1:] or self._done:
            if any(target.product.name in lost for target in done.unit.targets):
                continue
            for op, pixels in work(done.unit).items():
                before, seconds = found.get(op, (0.0, 0.0))
                found[op] = before + pixels, seconds + done.seconds.get(op, 0.0)
        return found

    def _end_unit(self) -> None:
        if self._steps is not None:
            self._progress.remove_task(self._steps)
            self._progress.advance(self._units)


def progress_bar(console: Console, *, show: bool) -> Progress:
    """Return a bar that says what, how far, and how long still."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True, disable=not (show and console.is_terminal))


def terminal() -> Console:
    """Return where to write; wide where nobody's window is the limit."""
    console = Console()
    return console if console.is_terminal else Console(width=160)


def summary(plan: Plan, made: Sequence[Made], failed: Sequence[Failed]) -> Table:
    """Return the table that ends a run: every product asked for, with its figures and place, or why not."""
    ids = [dict(request.data_id) for request in plan.requests]
    same = {key: value for key, value in ids[0].items() if all(other.get(key) == value for other in ids)}
    if len(ids) == 1:
        same.pop("band")
    table = Table(title=_named(same), title_justify="left", title_style="", show_edge=False)
    table.add_column("product", overflow="fold")
    for column in ("inputs", "Mpix", "FWHM", "depth"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("where, or why not", overflow="fold")

    def label(data_id: DataId) -> str:
        return _named({key: value for key, value in data_id.items() if key not in same})

    for done in made:
        f = done.figures
        numbers = (str(f.inputs), f"{f.pixels / 1e6:.2f}", f'{f.fwhm:.2f}"', f"{f.depth:.2f}")
        table.add_row(label(done.target.product.data_id), *numbers, str(done.path))
    for product in plan.current:
        table.add_row(label(product.data_id), "", "", "", "", "up to date")
    for lost in failed:
        table.add_row(
            label(lost.target.product.data_id), "", "", "", "", f"failed: {lost.error}", style="red"
        )
    for request in plan.empty:
        table.add_row(label(request.data_id), "0", "", "", "", "; ".join(request.notes))
    return table


def _named(data_id: DataId) -> str:
    return escape(" ".join(f"{key}={value}" for key, value in data_id.items()))


def counts(plan: Plan, made: Sequence[Made], failed: Sequence[Failed]) -> str:
    """Return the run in one line."""
    parts = (
        (len(made), "made"),
        (len(plan.current), "up to date"),
        (len(failed), "failed"),
        (len(plan.empty), "without exposures"),
    )
    return ", ".join(f"{number} {what}" for number, what in parts if number) or "nothing asked"
