"""The table, from what was measured: nobody types a number."""

import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

from benchmarks.alone import Alone, Found
from benchmarks.frame import Measured
from benchmarks.rows import Row

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"

Runs = Mapping[str, Sequence[Measured]]
"""The runs of each side, in their order."""


def spread(values: Sequence[float]) -> str:
    """Minimum, median and maximum."""
    return " / ".join(f"{value:,.0f}" for value in (min(values), median(values), max(values)))


def line(row: Row, runs: Runs) -> str:
    ours, baseline = ([one.rate for one in runs[side]] for side in ("ours", "baseline"))
    cpu = [median(one.cpu_micros for one in runs[side]) for side in ("ours", "baseline")]
    ratios = [a / b for a, b in zip(ours, baseline, strict=True)]
    ratio = " / ".join(f"{value:.0%}" for value in (min(ratios), median(ratios), max(ratios)))
    reached = "yes" if median(ratios) >= row.reach and median(ours) >= row.least else "no"
    aim = f"{row.reach:.0%}, {row.least:,}/s" if row.least else f"{row.reach:.0%}"
    return (
        f"| {row.what} | {row.compared_with} | {spread(ours)} | {spread(baseline)} | {ratio} | {aim} "
        f"| {reached} | {cpu[0]:.0f} / {cpu[1]:.0f} |"
    )


def page(
    beside: Mapping[str, tuple[Row, Runs]],
    alone: Mapping[str, tuple[Alone, Found]],
    quick: bool,
    before: float,
    after: float,
) -> str:
    """Rates are events per second; ratios are of pairs that ran one after the other."""
    cores = os.cpu_count() or 0
    out = [
        f"{cores} cores, {platform.machine()}, Python {platform.python_version()}; load average {before:.1f} before the"
        f" first row and {after:.1f} after the last, this run's own work included."
        f"{' A first look, with fewer events (`--quick`).' if quick else ''}",
    ]
    if beside:
        out += [
            "",
            "| what | compared with | ours, events/s | theirs, events/s | ratio | aim | reached | CPU us, both |",
            "|---|---|---:|---:|---:|---:|---|---:|",
            *(line(row, runs) for row, runs in beside.values()),
        ]
    if alone:
        out += ["", "| what | measured | against itself | aim | reached |", "|---|---|---:|---:|---|"]
    for row, found in alone.values():
        reached = "yes" if found.reached else "no"
        out.append(f"| {row.what} | {found.figures} | {found.ratio} | {row.aim} | {reached} |")
    return "\n".join(out)


def write(page: Path, text: str) -> None:
    """Replace what stands between the markers."""
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")
