"""Completeness and purity of the artifacts that are found, against injected light.

python benchmarks/artifacts.py [--side PIXELS] [--counts N,N,...] [--write FILE]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from injected import LIGHTS, Scene, Visit, stars, visits
from numpy.typing import NDArray

from coaddc.model.assembly import ArtifactsSection, Rejection, StackSection
from coaddc.model.images import Stacked, Warp
from coaddc.model.mask import bit
from coaddc.ops.artifact_difference import compare
from coaddc.ops.artifacts import find_artifacts, make_template
from coaddc.ops.mean import MeanStack

Flags = NDArray[np.bool_]

#: Peak of the injected light of each kind, in standard deviations of an exposure's pixel.
PEAKS = {"thin trail": 3.0, "wide trail": 1.0, "cosmic rays": 100.0, "ghost": 0.3, "moving sources": 10.0}
#: Fainter and brighter ones for the second table.
FACTORS = (0.1, 0.3, 1.0, 3.0, 10.0)
#: A pixel is affected from this light on, in standard deviations of its direct or its matched warp.
AFFECTED = 0.25
#: Light below this part of the sky's own at the pixel is not asked for (`artifacts.hole_tolerance`).
HIDDEN = 0.1
#: Stars from this flux on, nJy, are measured, and in an aperture of this radius, pixels.
BRIGHT, APERTURE = 2e4, 12.0
OPTIONS = ArtifactsSection(method=Rejection.compare_warp)


@dataclass
class Score:
    """What was found of a kind of light: nJy found and injected, above one sigma and in all."""

    found: float = 0.0
    injected: float = 0.0
    all_found: float = 0.0
    all_injected: float = 0.0

    def add(self, light: NDArray[np.floating], mask: Flags, clear: Flags, data: Flags) -> None:
        """Count the light of one visit."""
        light = np.abs(light)
        self.found += float(light[clear & mask].sum())
        self.injected += float(light[clear].sum())
        self.all_found += float(light[data & mask].sum())
        self.all_injected += float(light[data].sum())

    @property
    def complete(self) -> str:
        """The parts found, as text."""
        clear = f"{self.found / self.injected:.4f}" if self.injected else "none"
        return f"{clear} / {self.all_found / max(self.all_injected, 1e-9):.4f}"


@dataclass(frozen=True)
class Result:
    """What came of one scene."""

    scores: dict[str, Score]
    purity: float
    stars_flagged: float
    bias: tuple[float, float]
    rejected: tuple[float, float]
    taken: tuple[float, float]
    seconds: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--side", type=int, default=600)
    parser.add_argument("--counts", default="2,3,5,10,20")
    parser.add_argument("--write", type=Path)
    asked = parser.parse_args()
    text = report([int(n) for n in asked.counts.split(",")], asked.side)
    print(text)
    if asked.write:
        asked.write.write_text(text)


def report(counts: Sequence[int], side: int) -> str:
    lines = ["| visits | " + " | ".join(PEAKS) + " | purity | s |"]
    lines.append("|---" * (len(PEAKS) + 3) + "|")
    shine = ["", "| visits | star pixels flagged | no light | light, rejected | light, taken |"]
    shine.append("|---" * 5 + "|")
    scenes = [(f"{n}", Scene(n, side)) for n in counts]
    scenes.append(("10, PSF 2 %, 20 mas", Scene(10, side, psf_error=0.02, shift_error=0.02)))
    brightness = ["", "| 10 visits | " + " | ".join(PEAKS) + " |", "|---" * (len(PEAKS) + 1) + "|"]
    for name, scene in scenes:
        made = visits(scene, PEAKS)
        result = judge(scene, made)
        lines.append(f"| {name} | {_row(result)} |")
        shine.append(f"| {name} | {_stars_row(result)} |")
        print(lines[-1], shine[-1], sep="\n", flush=True)
        if name == "10":
            for factor in FACTORS:
                scores = judge(scene, [_scaled(visit, factor) for visit in made]).scores
                cells = " | ".join(scores[kind].complete for kind in PEAKS)
                brightness.append(f"| x {factor} | {cells} |")
                print(brightness[-1], flush=True)
    return "\n".join(lines + shine + brightness) + "\n"


def _row(result: Result) -> str:
    cells = [result.scores[kind].complete for kind in PEAKS]
    cells.append(f"{result.purity:.3f}")
    return " | ".join([*cells, f"{result.seconds:.2f}"])


def _stars_row(result: Result) -> str:
    biases = (result.bias, result.rejected, result.taken)
    return " | ".join(
        [f"{result.stars_flagged:.1e}", *(f"{middle:+.2f}, {rms:.2f}" for middle, rms in biases)]
    )


def _found(warps: Sequence[Warp], template: Stacked, width: float) -> list[Flags]:
    compared = compare(dict(enumerate(warps)), template, OPTIONS)
    return [mask.flags for mask in find_artifacts(compared, OPTIONS, width).values()]


def judge(scene: Scene, made: list[Visit]) -> Result:
    """Find the artifacts of visits with light and without, and compare with what was injected."""
    clean = [visit.matched for visit in made]
    spoilt = [visit.spoilt()[1] for visit in made]
    start = time.process_time()
    template = make_template(spoilt, scene.box, OPTIONS)
    masks = _found(spoilt, template, scene.width)
    seconds = time.process_time() - start
    still = make_template(clean, scene.box, OPTIONS)
    false, sky = _found(clean, still, scene.width), still.image
    scores = {kind: Score() for kind in LIGHTS}
    right = flagged = 0
    for visit, mask in zip(made, masks, strict=True):
        affected = np.zeros(mask.shape, bool)
        at = visit.matched.box.within(scene.box)
        for light in visit.lights:
            data = (visit.matched.weight > 0) & (np.abs(light.matched) > HIDDEN * np.abs(sky[at]))
            clear = data & (np.abs(light.direct) > np.sqrt(visit.direct.variance))
            scores[light.kind].add(light.direct, mask, clear, data)
            for plane, warp in ((light.direct, visit.direct), (light.matched, visit.matched)):
                affected |= np.abs(plane) > AFFECTED * np.sqrt(warp.variance)
        right, flagged = right + int((affected & mask).sum()), flagged + int(mask.sum())
    return Result(
        scores,
        right / max(flagged, 1),
        _on_stars(scene, clean, false),
        _bias(scene, made, false, spoilt=False),
        _bias(scene, made, masks, spoilt=True),
        _bias(scene, made, None, spoilt=True),
        seconds,
    )


def _scaled(visit: Visit, factor: float) -> Visit:
    lights = [
        replace(light, direct=light.direct * factor, matched=light.matched * factor) for light in visit.lights
    ]
    return replace(visit, lights=lights)


def _distance(scene: Scene, x: float, y: float) -> NDArray[np.floating]:
    yy, xx = np.mgrid[scene.box.y0 : scene.box.y1, scene.box.x0 : scene.box.x1]
    return np.hypot(yy - y, xx - x)


def _bright(scene: Scene) -> list[Flags]:
    """Return the apertures of the bright stars that lie well inside."""
    sky = stars(scene)
    xs, ys = scene.tract.to_pixel(ra=sky.ra[sky.flux > BRIGHT], dec=sky.dec[sky.flux > BRIGHT])
    inner = scene.box.grow(-30)
    return [
        _distance(scene, x, y) < APERTURE for x, y in zip(xs, ys, strict=True) if inner.contains(y=y, x=x)
    ]


def _on_stars(scene: Scene, warps: list[Warp], masks: list[Flags]) -> float:
    """Return the part of the pixels of bright stars that is flagged where nothing was injected."""
    near = np.any(_bright(scene), axis=0)
    parts = [mask[near[warp.box.within(scene.box)]] for warp, mask in zip(warps, masks, strict=True)]
    return float(np.concatenate(parts).mean())


def _mean(scene: Scene, warps: list[Warp], masks: list[Flags] | None) -> Stacked:
    stack = MeanStack.empty(StackSection(), scene.box)
    for i, warp in enumerate(warps):
        bad = masks[i] if masks else np.zeros(warp.box.shape, bool)
        stack.add(replace(warp, mask=np.where(bad, warp.mask | bit("CR"), warp.mask).astype(np.int32)))
    return stack.finish()


def _bias(scene: Scene, made: list[Visit], masks: list[Flags] | None, *, spoilt: bool) -> tuple[float, float]:
    """Return median and rms error, mmag, of bright stars in the mean with masks: against the sky alone."""
    truth = _mean(scene, [visit.direct for visit in made], None).image
    image = _mean(scene, [visit.spoilt()[0] if spoilt else visit.direct for visit in made], masks).image
    ratio = np.array([image[near].sum() / truth[near].sum() for near in _bright(scene)])
    error = -2500.0 * np.log10(ratio)
    return float(np.median(error)), float(np.sqrt((error**2).mean()))


if __name__ == "__main__":
    main()
