"""What the world is told on its command line."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

DEFAULT_SEED = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    host: str
    smtp_port: int
    http_port: int | None
    seed: int
    pace: float
    ledger: Path
    monitor: str
    sendgrid_key: Path
    token_file: Path
    resolve: Mapping[str, str]
    dkim_record: Path
    dead_domains: frozenset[str]


def read(argv: Sequence[str] | None = None) -> Config:
    """The command line as a Config; ends the process with one clear line when it does not fit."""
    parser = argparse.ArgumentParser(prog="python -m world", description="A mail server, and recipients who react.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--smtp-port", type=int, required=True, metavar="PORT")
    parser.add_argument("--http-port", type=int, metavar="PORT", help="serves /livez and /ledger; none when left out")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED, help="the same seed, the same behaviour of everybody")
    parser.add_argument("--pace", type=float, default=1.0, help="2 reacts twice as slowly, 0 at once")
    parser.add_argument("--ledger", type=Path, required=True, metavar="FILE", help="one JSON line per mail received")
    parser.add_argument("--events-url", required=True, metavar="URL", help="where to report to: the monitor")
    parser.add_argument("--sendgrid-key", type=Path, required=True, metavar="PEM", help="signs the reports on mail")
    parser.add_argument("--token-file", type=Path, required=True, metavar="FILE", help="bearer token for CloudEvents")
    parser.add_argument("--dkim-record", type=Path, required=True, metavar="FILE", help="the sender's DNS record")
    parser.add_argument("--resolve", type=_pair, action="append", default=[], metavar="PUBLIC=LOCAL")
    parser.add_argument("--dead-domain", action="append", default=[], metavar="DOMAIN", help="every mail bounces")
    said = parser.parse_args(argv)
    for file in (said.sendgrid_key, said.token_file, said.dkim_record):
        if not file.is_file():
            parser.error(f"there is no file {file}")
    if said.pace < 0:
        parser.error("--pace must not be negative")
    return Config(
        host=said.host,
        smtp_port=said.smtp_port,
        http_port=said.http_port,
        seed=said.seed,
        pace=said.pace,
        ledger=said.ledger,
        monitor=said.events_url.rstrip("/"),
        sendgrid_key=said.sendgrid_key,
        token_file=said.token_file,
        resolve=dict(said.resolve),
        dkim_record=said.dkim_record,
        dead_domains=frozenset(domain.lower() for domain in said.dead_domain),
    )


def _pair(text: str) -> tuple[str, str]:
    public, sign, local = text.partition("=")
    if not sign or "://" not in public or "://" not in local:
        raise argparse.ArgumentTypeError(f"{text!r} is not https://public.example=http://127.0.0.1:PORT")
    return public.rstrip("/"), local.rstrip("/")
