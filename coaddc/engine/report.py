"""What a run shows: a progress bar, and one table at its end."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from coaddc.engine.events import Event, Failed, Made, StepDone, UnitStarted
from coaddc.plan.plan import Plan


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
    """

    def __init__(self, console: Console, units: int, *, show: bool) -> None:
        self.made: list[Made] = []
        self.failed: list[Failed] = []
        self._progress = progress_bar(console, show=show)
        self._units = self._progress.add_task("patches", total=units)
        self._steps: TaskID | None = None

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
            case Made():
                self.made.append(event)
            case Failed():
                self.failed.append(event)

    def _end_unit(self) -> None:
        if self._steps is not None:
            self._progress.remove_task(self._steps)
            self._progress.advance(self._units)


def progress_bar(console: Console, *, show: bool) -> Progress:
    """Return a bar that says what, how far, and how long still."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True, disable=not (show and console.is_terminal))


def summary(plan: Plan, made: Sequence[Made], failed: Sequence[Failed]) -> Table:
    """Return the table that ends a run: every product asked for, with its figures and place, or why not."""
    table = Table(title=None, show_edge=False)
    for name, justify in (("product", "left"), ("inputs", "right"), ("Mpix", "right"), ("FWHM", "right")):
        table.add_column(name, justify=justify, overflow="fold")  # type: ignore[arg-type]
    table.add_column("depth", justify="right")
    table.add_column("where, or why not", overflow="fold")
    for done in made:
        f = done.figures
        numbers = (str(f.inputs), f"{f.pixels / 1e6:.2f}", f'{f.fwhm:.2f}"', f"{f.depth:.2f}")
        table.add_row(done.target.product.name, *numbers, str(done.path))
    for product in plan.current:
        table.add_row(product.name, "", "", "", "", "up to date")
    for lost in failed:
        table.add_row(lost.target.product.name, "", "", "", "", f"[red]failed[/red]: {lost.error}")
    for request in plan.empty:
        table.add_row(request.name, "0", "", "", "", "; ".join(request.notes) or "no exposures")
    return table


def counts(plan: Plan, made: Sequence[Made], failed: Sequence[Failed]) -> str:
    """Return the run in one line."""
    parts = (
        (len(made), "made"),
        (len(plan.current), "up to date"),
        (len(failed), "failed"),
        (len(plan.empty), "without exposures"),
    )
    return ", ".join(f"{number} {what}" for number, what in parts if number) or "nothing asked"
