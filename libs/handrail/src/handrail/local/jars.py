"""The jars of the Kafka broker: exactly those of `kafka-jars.txt`, downloaded once, checked every time."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from handrail.local.failure import CannotStart

KAFKA_VERSION = "4.3.1"
DOWNLOADS_AT_ONCE = 6
DOWNLOAD_TIMEOUT_SECONDS = 60


class JarRefused(CannotStart):
    """A jar is not the one on the list."""


@dataclass(frozen=True)
class Jar:
    """One line of the list."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file(self) -> str:
        """Its file name, as in every Maven repository."""
        return f"{self.artifact}-{self.version}.jar"

    def check(self, path: Path, advice: str) -> None:
        """Refuse a file with other content than the list says."""
        with path.open("rb") as content:
            found = hashlib.file_digest(content, "sha256").hexdigest()
        if found != self.sha256:
            raise JarRefused(
                f"{self.file} is not the jar of the list: sha256 {found}, expected {self.sha256}; {advice}"
            )


def listed() -> list[Jar]:
    """What `kafka-jars.txt` names."""
    return parse(files("handrail.local").joinpath("kafka-jars.txt").read_text())


def parse(text: str) -> list[Jar]:
    """`group:artifact version sha256` per line; `#` starts a comment."""
    jars = []
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            name, version, sha256 = line.split()
            group, artifact = name.split(":")
            jars.append(Jar(group, artifact, version, sha256))
    return jars


def cache_folder() -> Path:
    """Where jars are kept between runs, for all checkouts of this user."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "handrail" / f"kafka-{KAFKA_VERSION}"


def class_path(
    folder: Path | None = None,
    jars: Sequence[Jar] | None = None,
    on_progress: Callable[[str], None] = lambda text: None,
) -> str:
    """Java's class path of the broker. Downloads what the cache lacks; needs no network when it lacks nothing."""
    folder = folder or cache_folder()
    jars = listed() if jars is None else jars
    missing = [jar for jar in jars if not (folder / jar.file).exists()]
    if missing:
        on_progress(f"downloading {len(missing)} jars of Apache Kafka {KAFKA_VERSION} (once)")
        _download(missing, folder)
    for jar in jars:
        jar.check(folder / jar.file, f"delete {folder / jar.file} to have it downloaded again")
    return os.pathsep.join(str(folder / jar.file) for jar in jars)


def _download(jars: Iterable[Jar], folder: Path) -> None:
    # jgo alone costs 0.5 s to import, and only the first start needs it.
    from jgo.maven import MavenContext
    from requests import RequestException

    folder.mkdir(parents=True, exist_ok=True)
    # Each jar is moved into place whole and checked, so two launchers at once, or one that dies, leave no broken cache.
    staging = Path(tempfile.mkdtemp(prefix="staging-", dir=folder))
    repository = MavenContext(repo_cache=staging, timeout=DOWNLOAD_TIMEOUT_SECONDS)

    def fetch(jar: Jar) -> None:
        path = repository.project(jar.group, jar.artifact).at_version(jar.version).artifact().resolve()
        jar.check(path, "this is what the download gave, and it was not kept")
        os.replace(path, folder / jar.file)

    try:
        with ThreadPoolExecutor(DOWNLOADS_AT_ONCE) as pool:
            list(pool.map(fetch, jars))
    except (RequestException, RuntimeError) as failure:
        raise CannotStart(f"the jars of Apache Kafka could not be downloaded: {failure}") from failure
    finally:
        shutil.rmtree(staging, ignore_errors=True)
