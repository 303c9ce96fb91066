"""Only the jars of the list ever run, and they are downloaded once."""

import subprocess
import sys
from pathlib import Path

import pytest

from handrail.local import jars
from handrail.local.jars import Jar, JarRefused


def test_a_jar_with_other_content_is_refused_by_name(tmp_path: Path) -> None:
    jar = Jar("org.example", "thing", "1.0", "0" * 64)
    (tmp_path / jar.file).write_bytes(b"something else")
    with pytest.raises(JarRefused, match=r"thing-1\.0\.jar is not the jar of the list"):
        jars.class_path(tmp_path, [jar])


def test_a_full_cache_needs_neither_network_nor_the_downloader() -> None:
    jars.class_path()
    offline = (
        "import socket, sys\n"
        "def refuse(*_, **__): raise AssertionError('network')\n"
        "socket.socket.connect = socket.getaddrinfo = refuse\n"
        "from handrail.local import jars\n"
        "assert jars.class_path()\n"
        "assert 'jgo' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", offline], check=True, timeout=60)


def test_the_list_has_one_version_of_each_jar_and_a_matching_client() -> None:
    versions = {jar.artifact: jar.version for jar in jars.listed()}
    assert len(versions) == len(jars.listed())
    assert versions["kafka_2.13"] == versions["kafka-clients"] == jars.KAFKA_VERSION
    assert versions["log4j-slf4j-impl"] == versions["log4j-core"] == versions["log4j-api"]
