"""What must be known of all visits before the first tile: by what their skies differ."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from coaddc.engine.chain import Chains, Failure, Offsets, failure
from coaddc.engine.ordered import ordered
from coaddc.model.geom import Box
from coaddc.model.mask import bits
from coaddc.ops.sky_bins import SkyBins, sky_bins
from coaddc.ops.sky_match import SkyModel, match_skies
from coaddc.plan.task import Task, origin


class Backgrounds:
    """The background tasks of a unit.

    Parameters
    ----------
    tasks
        Of the unit.
    chains
        Where exposures are opened, once for all that is done with them.
    """

    def __init__(self, tasks: Sequence[Task], chains: Chains) -> None:
        self._tasks = [task for task in tasks if task.op == "background"]
        self._chains = chains
        self._warps = {origin(t)[0].digest: origin(t)[1] for t in tasks if t.op == "level"}
        self._wanted = {_name(e, t): (e, t) for t in self._tasks for e in t.inputs}

    @property
    def steps(self) -> int:
        """Number of times that `run` will call ``step``."""
        return len(self._wanted)

    def run(
        self, pool: ThreadPoolExecutor, ahead: int, step: Callable[[], None]
    ) -> dict[str, Offsets | Failure]:
        """Compare the skies of all exposures; return what each background task found, by its digest."""
        names = list(self._wanted)
        found: dict[tuple[str, int, str], SkyBins | Failure] = {}
        for name, bins in zip(names, ordered(pool, self._measure, names, ahead=ahead), strict=True):
            found[name] = bins
            step()
        return {task.digest: self._match(task, found) for task in self._tasks}

    def _measure(self, name: tuple[str, int, str]) -> SkyBins | Failure:
        exposure, task = self._wanted[name]
        frame = self._chains.frame(exposure, self._warps[exposure.digest])
        if isinstance(frame, Failure):
            return frame
        box, reject = Box(**task.params["box"]), bits(task.params["reject"])
        try:
            return sky_bins(frame.exposure, frame.pixel_map, box, side=task.params["bin"], reject=reject)
        except Exception as error:
            return failure(frame.exposure.row.name, error)

    def _match(
        self, task: Task, found: Mapping[tuple[str, int, str], SkyBins | Failure]
    ) -> Offsets | Failure:
        bins = []
        for exposure in task.inputs:
            item = found[_name(exposure, task)]
            if isinstance(item, Failure):
                return item
            bins.append(item)
        p = task.params
        model = SkyModel(Box(**p["box"]), p["bin"], p["order"], p["nsigma"])
        try:
            offsets = match_skies(bins, p["weights"], p["units"], model)
        except Exception as error:
            return failure("background", error)
        return {exposure.digest: offset for exposure, offset in zip(task.inputs, offsets, strict=True)}


def _name(exposure: Task, task: Task) -> tuple[str, int, str]:
    """Name what is measured of an exposure: tasks that compare it in the same bins share that."""
    return exposure.digest, task.params["bin"], ",".join(task.params["reject"])
