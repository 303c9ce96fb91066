"""One run of one side, in a process of its own: `python -m benchmarks.side ROW SIDE STAGE`; prints what it measured."""

import json
import os
import sys
from dataclasses import asdict

import uvloop

from benchmarks.frame import Stage
from benchmarks.rows import ROWS

if __name__ == "__main__":
    _, name, side, stage = sys.argv
    row = ROWS[name]
    measured = uvloop.run((row.ours if side == "ours" else row.baseline)(Stage.from_json(stage)))
    print("measured " + json.dumps(asdict(measured)), flush=True)
    os._exit(0)  # a service would first finish what nobody measures
