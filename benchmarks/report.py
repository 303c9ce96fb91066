"""The table, from what was measured: nobody types a number."""

import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

from benchmarks.alone import ALONE, Alone, Found
from benchmarks.frame import Measured
from benchmarks.rows import ROWS, Row

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"

Runs = Mapping[str, Sequence[Measured]]
"""The runs of each side, in their order."""


def spread(values: Sequence[float]) -> str:
    """Minimum, median and maximum."""
    return " / ".join(f"{value:,.0f}" for value in (min(values), median(values), max(values)))


def beside(name: str, row: Row, runs: Runs, load: float, quick: bool) -> str:
    """The line of a row that stands beside code by hand."""
    ours, baseline = ([one.rate for one in runs[side]] for side in ("ours", "baseline"))
    cpu = [median(one.cpu_micros for one in runs[side]) for side in ("ours", "baseline")]
    ratios = [a / b for a, b in zip(ours, baseline, strict=True)]
    ratio = " / ".join(f"{value:.0%}" for value in (min(ratios), median(ratios), max(ratios)))
    reached = "yes" if median(ratios) >= row.reach and median(ours) >= row.least else "no"
    about = _about(load, row.quick_events if quick else row.events, quick)
    aim = f"{row.reach:.0%}, {row.least:,}/s" if row.least else f"{row.reach:.0%}"
    return (
        f"| `{name}` | {row.what} | {row.compared_with} | {spread(ours)} | {spread(baseline)} | {ratio} | {aim} "
        f"| {reached} | {cpu[0]:.0f} / {cpu[1]:.0f} | {about} |"
    )


def alone(name: str, row: Alone, found: Found, load: float, quick: bool) -> str:
    """The line of a row that stands against itself."""
    reached = "yes" if found.reached else "no"
    about = _about(load, row.quick_events if quick else row.events, quick)
    return f"| `{name}` | {row.what} | {found.figures} | {found.ratio} | {row.aim} | {reached} | {about} |"


def _about(load: float, events: int, quick: bool) -> str:
    return f"{events:,}{' (quick)' if quick else ''}, {load:.1f}"


def table(lines: Mapping[str, str]) -> str:
    """The tables of `lines`, by row. Rates are events per second; ratios are of pairs that ran one after the other."""
    out = [f"{os.cpu_count() or 0} cores, {platform.machine()}, Python {platform.python_version()}."]
    if pairs := [lines[name] for name in ROWS if name in lines]:
        head = "row | what | compared with | ours, events/s | theirs, events/s | ratio | aim | reached | CPU us, both"
        out += ["", f"| {head} | events, load |", "|---|---|---|---:|---:|---:|---:|---|---:|---:|", *pairs]
    if singles := [lines[name] for name in ALONE if name in lines]:
        out += ["", "| row | what | measured | against itself | aim | reached | events, load |"]
        out += ["|---|---|---|---:|---|---|---:|", *singles]
    return "\n".join(out)


def write(page: Path, lines: Mapping[str, str]) -> None:
    """Put `lines` between the markers; rows that were not measured now stay as they are."""
    before, _, rest = page.read_text().partition(BEGIN)
    old, _, after = rest.partition(END)
    kept = {line.split("`")[1]: line for line in old.splitlines() if line.startswith("| `")}
    page.write_text(f"{before}{BEGIN}\n{table({**kept, **lines})}\n{END}{after}")
