"""`python -m tests.proof.growth --minutes N --seed S`: memory and tables under a steady stream."""

import argparse
import asyncio
import secrets
import sys
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.proof.growth.growing import BLOAT_LIMIT, LONG_MINUTES, MEMORY_LIMIT, Grown, grow
from tests.proof.place import place


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.proof.growth")
    parser.add_argument("--minutes", type=float, default=10, help="eight times the retention at least")
    parser.add_argument("--retention", type=float, default=60, help="seconds; claims are known four times as long")
    parser.add_argument("--width", type=int, default=3, help="campaigns at a time")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    parser.add_argument("--home", type=Path, help="a folder that stays, to look into")
    said = parser.parse_args()
    if said.minutes * 60 < 8 * said.retention:
        parser.error("the second half must begin when claims are already forgotten")
    with ExitStack() as stack:
        home = said.home or Path(stack.enter_context(TemporaryDirectory(prefix="handrail-proof-")))
        running = stack.enter_context(place(home, retention=timedelta(seconds=said.retention)))
        # As much faster as everything else is here: a retention of a day sees fifteen hundred of its rounds.
        for change in ("ALTER SYSTEM SET autovacuum_naptime = '5s'", "SELECT pg_reload_conf()"):
            running.system.infrastructure.postgres.execute(change)
        grown = asyncio.run(
            grow(running, seed=said.seed, minutes=said.minutes, width=said.width, retention=said.retention)
        )
    print(text(grown, said.retention))
    return 0 if grown.holds else 1


def text(grown: Grown, retention: float) -> str:
    lines = [
        f"growth: seed {grown.seed}, {grown.minutes:.1f} min, {grown.campaigns} campaigns, retention {retention:.0f} s;"
        " of the second half, with what it may be off (95 %)",
        "  memory: MiB at the end, MiB per hour",
    ]
    for name, (last, per_hour) in sorted(grown.memory.items()):
        judged = f"{per_hour.judged(MEMORY_LIMIT).value}" if grown.minutes >= LONG_MINUTES else "not judged"
        lines.append(f"    {name:<14} {last:7.1f} {per_hour.per_hour:+9.1f} +- {per_hour.off:<7.1f} {judged}")
    lines += [
        "  pruned tables: rows at half time, and what had come within their age; the same at the end;",
        "  seconds that the oldest was ever old, and might be",
    ]
    for (service, name), rows in sorted(grown.rows.items()):
        lines.append(
            f"    {service:<11}{name:<12}{rows.first:7} of {rows.came_first:<7}{rows.last:7} of {rows.came_last:<7}"
            f"{rows.oldest:5.0f} / {rows.may_be:<5.0f}{'flat' if rows.in_time else 'GROWS'}"
        )
    lines.append(f"  bloat: size against the size of the rows alone (at most {BLOAT_LIMIT:g})")
    lines += [f"    {service:<11}{name:<12}{factor:7.2f}" for (service, name), factor in sorted(grown.bloat.items())]
    lines.append("  tables that grow with campaigns: KiB for each")
    largest = sorted(grown.kept.items(), key=lambda one: -one[1])[:8]
    lines += [f"    {service:<11}{name:<15}{size:7.1f}" for (service, name), size in largest]
    for finding in grown.findings:
        lines.append(f"  {finding.violations:>5}  {finding.invariant}")
        lines += [f"           {example}" for example in finding.examples]
    lines.append(f"  {'holds' if grown.holds else 'FAILS, see above'}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
