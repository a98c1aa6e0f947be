"""All files of the demo survey."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from coaddc.model.simulation import Simulation
from coaddc.sim.camera import mosaic
from coaddc.sim.fits import write_exposure
from coaddc.sim.observe import observe
from coaddc.sim.schedule import schedule
from coaddc.sim.sky import make_sky
from coaddc.sim.truth import RayPixels, write_truth


def write_files(
    options: Simulation, folder: Path, report: Callable[[str, int, int], None] | None = None
) -> None:
    """Simulate and write a survey, and the truth of it.

    Parameters
    ----------
    options
        What to simulate.
    folder
        Is made, with ``exposures/*.fits`` and ``truth/*.fits``.
    report
        Told after each exposure what is going on, how much is done, and of how much.
    """
    (folder / "exposures").mkdir(parents=True)
    (folder / "truth").mkdir()
    visits, detectors = schedule(options), mosaic(options)
    sky = make_sky(options, visits)
    rays: list[RayPixels] = []
    for visit in visits:
        for detector in detectors:
            exposure, hit = observe(sky, visit, detector, options.seed)
            write_exposure(folder / "exposures" / f"{visit.number}-{detector.name}.fits", exposure)
            rays.append(RayPixels(visit.number, detector.name, hit))
            if report is not None:
                report("simulating the demo survey", len(rays), len(visits) * len(detectors))
    write_truth(folder / "truth", sky, rays)
