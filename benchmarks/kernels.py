"""Kernels alone, one thread: time a pixel, beside SWarp's, and beside what memory and arithmetic allow here.

python benchmarks/kernels.py [--side PIXELS] [--rounds N] [--write FILE]

The limits are measured: bytes copied a second between arrays too large for the caches, and additions and
multiplications a second, single precision, of values that stay in registers. A kernel's limit is the longer
of the times that its least bytes (each plane read, or written, once) and its operations would take at these
rates; what a store into memory reads first, and all that is neither sum nor product, is not counted.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from exposures import DEC, RA, SCALE, Field, Visit, sky, visits, write
from measure import markdown, tell
from numba import njit
from phases import Clock
from programs import machine, run_swarp

import coaddc.ops.section as sections
import coaddc.ops.warp as warping
from coaddc.kernels.networks import median_network
from coaddc.model.assembly import Interpolant, StackSection, Statistic
from coaddc.model.geom import Box
from coaddc.model.images import Warp
from coaddc.model.mask import bit, bits
from coaddc.model.psf import GaussianMixture, Moffat
from coaddc.model.wcs import Wcs
from coaddc.ops.convolver import Convolver
from coaddc.ops.interpolant import interpolant_1d
from coaddc.ops.likelihood import likelihood, point_sources
from coaddc.ops.match import Matching, kernel_field, match
from coaddc.ops.pixel_map import pixel_map
from coaddc.ops.stack import STACKS
from coaddc.ops.warped_psf import WarpedPsf
from coaddc.sim.field import star_field
from coaddc.sim.memory import MemoryExposure
from coaddc.sim.psf import SkyPsf

#: Exposures that SWarp resamples: what the latter more take than the first alone is its time per exposure.
FEW, MANY = 2, 6
#: Half-width, pixels, of matching kernels and PSFs, and rows and columns of what is stacked.
HALF, STACKED = 20, (512, 2048)
#: Bytes of image, variance, mask and weight of a pixel, and of the planes and sums of a stack.
WARP, STACK = 16, 22
#: Steps of a chain of multiplications and additions, and how often it is run.
_CHAIN, _REPEATS = 32, 500
KERNELS: dict[str, Any] = {
    "find_bad": sections,
    "fill": sections,
    "prefilter": sections,
    "spread_mask": sections,
    "resample": warping,
}


@dataclass(frozen=True)
class Limits:
    """What the machine does in one thread: bytes moved, and floating point operations, a nanosecond."""

    memory: float
    arithmetic: float


@dataclass(frozen=True)
class Row:
    """One kernel: seconds for so many pixels, and what a pixel needs: bytes moved and operations."""

    name: str
    seconds: float
    pixels: float
    size: float = 0.0
    operations: float = 0.0

    def cells(self, limits: Limits) -> list[str]:
        """Return a line of the table."""
        each = self.seconds / self.pixels * 1e9
        memory, arithmetic = self.size / limits.memory, self.operations / limits.arithmetic
        least = max(memory, arithmetic)
        bound = [f"{self.size:.0f}", f"{memory:.2f}", f"{arithmetic:.2f}", f"{least / each:.0%}"]
        return [self.name, f"{1e3 / each:.1f}", f"{each:.2f}", *(bound if least else [""] * 4)]


def quickest(function: Callable[[], Any], rounds: int) -> float:
    """Return the least processor time of some calls, after one that may compile."""
    function()
    times = []
    for _ in range(rounds):
        started = time.thread_time()
        function()
        times.append(time.thread_time() - started)
    return min(times)


@njit
def _copy(source: Any, target: Any) -> None:
    for k in range(source.size):
        target[k] = source[k]


@njit(fastmath={"contract"})
def _multiply_add(values: Any) -> None:
    for k in range(values.size):
        x = values[k]
        a, b, c = x, x + np.float32(1.0), x + np.float32(2.0)  # chains enough to keep both units busy
        for _ in range(_CHAIN):
            a, b, c = a * x + np.float32(0.1), b * x + np.float32(0.2), c * x + np.float32(0.3)
        values[k] = (a + b + c) * np.float32(0.1)


def measured_limits(rounds: int) -> Limits:
    """Measure what the machine does."""
    source = np.ones(1 << 26, np.float32)
    target, values = np.ones_like(source), np.full(1 << 12, 0.5, np.float32)
    copy = quickest(lambda: _copy(source, target), rounds)
    arithmetic = quickest(lambda: [_multiply_add(values) for _ in range(_REPEATS)], rounds) / _REPEATS
    return Limits(2e-9 * source.nbytes / copy, 6e-9 * _CHAIN * values.size / arithmetic)


def tract(field: Field) -> tuple[Wcs, Box]:
    """Return a grid that all exposures fall on."""
    side = int(1.45 * field.side) + 200
    return Wcs.tan(ra=RA, dec=DEC, scale=SCALE, x=side / 2, y=side / 2), Box.of_shape((side, side))


def exposed(field: Field, visit: Visit) -> MemoryExposure:
    """Return an exposure in memory, a thousandth of its pixels bad."""
    wcs, rng = visit.wcs(field.side), np.random.default_rng(visit.number)
    shape = (field.side, field.side)
    made = star_field(sky(field), wcs, shape, SkyPsf(Moffat(visit.seeing), wcs, SCALE), visit.noise, 1)
    made.mask[rng.random(shape) < 1e-3] = bit("BAD")
    return made


def warped(field: Field, interpolant: Interpolant, rounds: int, *, turned: bool) -> Iterator[Row]:
    """Time the kernels of a warp, inside it, on the exposures that SWarp takes.

    These are the ones that are turned by some 37 degrees, or all others; the last row is the whole.
    """
    target, box = tract(field)
    clock = Clock()
    plain = {name: getattr(place, name) for name, place in KERNELS.items()}
    took: dict[str, float] = dict.fromkeys((*KERNELS, "whole"), 0.0)
    count = 0
    for visit in visits(field)[FEW:MANY]:
        if (abs(visit.rotation - 37.0) < 5.0) != turned:
            continue
        exposure = exposed(field, visit)
        positions = pixel_map(exposure.wcs, target, box, exposure.shape)
        found: list[dict[str, float]] = []
        for turn in range(rounds + 1):
            clock.spent.clear()
            for name, place in KERNELS.items():
                setattr(place, name, clock.wrap(name, plain[name]))
            started = time.thread_time()
            made = warping.warp(exposure, positions, box, interpolant=interpolant, weight=1.0)
            spent = {name: clock.spent[name][1] for name in KERNELS}
            found += [{**spent, "whole": time.thread_time() - started}] * (turn > 0)
        for name in took:
            took[name] += min(each[name] for each in found)
        assert made is not None
        count += int((made.weight > 0).sum())
    for name, place in KERNELS.items():
        setattr(place, name, plain[name])
    yield from _rows_of_warp(took, count, interpolant, turned)


def _rows_of_warp(
    took: dict[str, float], count: int, interpolant: Interpolant, turned: bool
) -> Iterator[Row]:
    scheme = interpolant_1d(interpolant)
    taps, power, powers = scheme.taps, scheme.weights.shape[1] - 1, scheme.variances.shape[1] - 1
    sums = 2 * 2 * (taps**2 + taps)
    weights = 2 * taps * (2 * power + (2 * powers if scheme.variances.size else 1))
    name = interpolant.value + (", turned by 37 degrees" if turned else "")
    yield Row(f"resample image, variance and mask, {name}", took["resample"], count, 28, sums + weights)
    if turned:
        return
    if scheme.prefiltered:
        yield Row("prefilter", took["prefilter"], count, 8)
    else:
        yield Row("find bad pixels and fill them", took["find_bad"] + took["fill"], count, 13)
        yield Row("spread the mask", took["spread_mask"], count, 8)
    yield Row(f"warp: all of these, and copies, {name}", took["whole"], count, 28)


def swarp_rows(folder: Path, field: Field, rounds: int) -> Iterator[Row]:
    """Time SWarp resampling the same exposures, and finding nearest neighbours: all that is not a kernel."""
    target, box = tract(field)
    header = target.header()
    header["NAXIS1"], header["NAXIS2"] = box.shape[1], box.shape[0]
    for count in (FEW, MANY):
        (folder / str(count)).mkdir()
        write(folder / str(count), Field(count=MANY, side=field.side))
        for path in sorted((folder / str(count) / "image").glob("*.fits"))[count:]:
            path.unlink()
    pixels = 0
    for visit in visits(field)[FEW:MANY]:
        positions = pixel_map(visit.wcs(field.side), target, box, (field.side, field.side))
        assert positions is not None
        y, x = (np.arange(part.start, part.stop, 8) for part in positions.box.within(Box.of_shape((0, 0))))
        u, v = positions.position(x=x[None], y=y[:, None])
        pixels += 64 * int(((u >= 0) & (u <= field.side - 1) & (v >= 0) & (v <= field.side - 1)).sum())
    for name in ("LANCZOS3", "NEAREST"):
        settings = {"COMBINE": "N", "RESAMPLING_TYPE": name}
        costs = {
            count: min(
                run_swarp(folder / str(count), "out", header, settings, "weight", 1).cpu
                for _ in range(rounds)
            )
            for count in (FEW, MANY)
        }
        yield Row(f"SWarp, {name}: image and weight, files to files", costs[MANY] - costs[FEW], pixels)


def stacked_warps(count: int) -> list[Warp]:
    """Return warps of noise, a hundredth of their pixels rejected."""
    rng, box = np.random.default_rng(count), Box.of_shape(STACKED)
    found = []
    for sigma in rng.uniform(1.0, 2.0, count).astype(np.float32):
        image = sigma * rng.standard_normal(STACKED, np.float32)
        mask = np.where(rng.random(STACKED, np.float32) < 0.01, bit("CR"), 0).astype(np.int32)
        variance = np.full(STACKED, sigma**2)
        found.append(Warp(box, image, variance, mask, 1 / variance))
    return found


def stack_rows(rounds: int) -> Iterator[Row]:
    """Time the statistics of stacks, by the pixel of an input."""
    for count in (5, 20, 40):
        warps = stacked_warps(count)
        for statistic in Statistic if count == 20 else (Statistic.median, Statistic.clipped):

            def combine(statistic: Statistic = statistic, warps: list[Warp] = warps) -> None:
                stack = STACKS[statistic](StackSection(statistic=statistic), Box.of_shape(STACKED))
                for warp in warps:
                    stack.add(warp)
                stack.finish()

            running = statistic is Statistic.mean
            size = WARP + (2 * 30 if running else STACK / count)
            operations = 6.0 if running else 2.0 * len(median_network(count)) / count + 8
            pixels = count * np.prod(STACKED)
            yield Row(
                f"{statistic.value} of {count}, an input", quickest(combine, rounds), pixels, size, operations
            )


def convolution_rows(rounds: int) -> Iterator[Row]:
    """Time PSF matching and likelihood filtering of a warp with a PSF that changes over it."""
    box = Box.of_shape(STACKED)
    grid = Wcs.tan(ra=RA, dec=DEC, scale=SCALE, x=STACKED[1] / 2, y=STACKED[0] / 2)
    source = WarpedPsf(_Growing(), grid, STACKED, grid)
    white = np.ones((1, 1))
    kernels = kernel_field(source, Matching(GaussianMixture.of_fwhm(5.5), HALF, 256, 1e-6), box, white)
    sources = point_sources(source, box, white, half=HALF, cell=256)
    convolver = Convolver.of(kernels, box, 1)
    (warp,) = stacked_warps(1)
    reject = bits(StackSection().reject)
    for name, transforms, function in (
        ("match to a PSF", 4 + len(kernels.components), lambda: match(warp, kernels, box)),
        (
            "filter for point sources",
            6 + len(sources.shape.components) + len(sources.energy.components),
            lambda: likelihood(warp, warp.variance, sources, box, reject),
        ),
    ):
        wide, piece = convolver.size, convolver.side
        points = wide[0] * wide[1]
        operations = transforms * 2.5 * np.log2(points) * points / (piece[0] * piece[1])
        yield Row(
            f"{name}, {transforms} transforms", quickest(function, rounds), box.area, 2 * WARP, operations
        )


class _Growing:
    """A Moffat that widens by a tenth over the columns."""

    radius = 20.0

    def evaluate(self, *, x: float, y: float, dx: Any, dy: Any) -> Any:
        return Moffat(3.6 + 0.36 * x / STACKED[1]).evaluate(x=x, y=y, dx=dx, dy=dy)


def report(field: Field, rounds: int) -> str:
    """Time all; return the table."""
    limits = measured_limits(rounds)
    with tempfile.TemporaryDirectory() as folder:
        swarp = list(swarp_rows(Path(folder), field, max(1, rounds - 1)))
    warps = [
        row
        for interpolant in (Interpolant.lanczos3, Interpolant.omoms3)
        for turned in (False, True)
        for row in warped(field, interpolant, rounds, turned=turned)
    ]
    rows = [*swarp, *warps, *stack_rows(rounds), *convolution_rows(rounds)]
    head = ["kernel", "Mpix/s", "ns/pixel", "bytes/pixel", "memory: ns", "arithmetic: ns", "of the limit"]
    whole, nearest = (row.seconds / row.pixels for row in swarp)
    ratios = [
        [row.name, f"{whole / each:.1f}", f"{(whole - nearest) / each:.1f}"]
        for row in warps
        if not row.name.startswith(("find", "spread", "prefilter"))
        for each in [row.seconds / row.pixels]
    ]
    return "\n\n".join(
        [
            f"{machine()}. One thread: {limits.memory:.1f} GB/s copied, {limits.arithmetic:.0f} Gflop/s.",
            markdown(head, [row.cells(limits) for row in rows]),
            markdown(["SWarp's time over", "all", "without that of NEAREST"], ratios),
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=2048, help="rows and columns of exposures")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", type=Path, help="file for the tables, Markdown")
    words = parser.parse_args()
    text = report(Field(count=MANY, side=words.side), words.rounds) + "\n"
    tell(text, words.write)


if __name__ == "__main__":
    main()
