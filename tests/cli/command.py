"""The command as people run it, without a terminal."""

import io
import os
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from handrail.cli import main

RUN = "from handrail.cli import main; main()"


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


def handrail(*words: str, home: Path, **environment: str) -> Ran:
    """Run `handrail` with a home folder; nothing of the caller's own environment tells it where services are."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("HANDRAIL_")]:
            patch.delenv(name)
        for name, value in {"HANDRAIL_HOME": str(home), "COLUMNS": "200", **environment}.items():
            patch.setenv(name, value)
        patch.setattr(sys, "argv", ["handrail", *words])
        with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
            main()
    return Ran(int(ended.value.code or 0), out.getvalue(), err.getvalue())
