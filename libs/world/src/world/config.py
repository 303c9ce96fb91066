"""What the world is told on its command line."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from world.desk import Habits
from world.faults import Fault, Rule, rule

DEFAULT_SEED = 7
FAULTS = f"""
faults, written DOOR:KIND=RATE or DOOR:KIND=RATExTIMES:
  DOOR is smtp, mail_api, journey, esp, search (looking up), or * for all.
  RATE is the share of requests, 0 to 1; several rules of a door add up. xTIMES: only of a mail's first TIMES requests.
  KIND is one of {", ".join(Fault)}.
  `before` and `after`: the mail was not taken, or was. silent: said to be taken, and forgotten. late: the line is cut,
  and the mail taken --late-seconds later. locked_out: the sender is refused (any rate, at smtp).
  A mail to KIND[-TIMES][+anything]@simulator.example meets that fault at its first TIMES (1) requests.
  The dice come from --seed, door, mail and number of the request: the same run, the same faults.
  Example: --fault 'mail_api:reset_after=0.05' --fault '*:busy=0.02x2' --fault search:error_before=0.1
"""


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
    api_port: int | None = None
    api_token: str = ""
    habits: Habits
    faults: tuple[Rule, ...] = ()


def read(argv: Sequence[str] | None = None) -> Config:
    """The command line as a Config; ends the process with one clear line when it does not fit."""
    parser = argparse.ArgumentParser(
        prog="python -m world",
        description="Mail tools, and recipients who react. `pydoc world.desk` says what the tools speak.",
        epilog=FAULTS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
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
    parser.add_argument(
        "--api-port", type=int, metavar="PORT", help="serves /mail_api, /journey and /esp; none if left out"
    )
    parser.add_argument(
        "--api-token", type=Path, metavar="FILE", help="the senders' bearer token; goes with --api-port"
    )
    parser.add_argument("--key-lifetime", type=_seconds, default=86400.0, metavar="SECONDS", help="of mail_api's keys")
    parser.add_argument(
        "--index-delay", type=_seconds, default=0.5, metavar="SECONDS", help="until a search knows a mail"
    )
    parser.add_argument("--slow-seconds", type=_seconds, default=60.0, metavar="SECONDS", help="of the fault slow")
    parser.add_argument("--late-seconds", type=_seconds, default=1.0, metavar="SECONDS", help="of the fault late")
    parser.add_argument("--fault", type=_fault, action="append", default=[], metavar="DOOR:KIND=RATE", help="see below")
    said = parser.parse_args(argv)
    for file in (said.sendgrid_key, said.token_file, said.dkim_record, *([said.api_token] if said.api_token else [])):
        if not file.is_file():
            parser.error(f"there is no file {file}")
    if (said.api_port is None) != (said.api_token is None):
        parser.error("--api-port and --api-token go together")
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
        api_port=said.api_port,
        api_token=said.api_token.read_text().strip() if said.api_token else "",
        habits=Habits(
            key_lifetime=timedelta(seconds=said.key_lifetime),
            index_delay=timedelta(seconds=said.index_delay),
            slow_seconds=said.slow_seconds,
            late_seconds=said.late_seconds,
        ),
        faults=tuple(said.fault),
    )


def _seconds(text: str) -> float:
    if (seconds := float(text)) < 0:
        raise argparse.ArgumentTypeError("must not be negative")
    return seconds


def _fault(text: str) -> Rule:
    try:
        return rule(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _pair(text: str) -> tuple[str, str]:
    public, sign, local = text.partition("=")
    if not sign or "://" not in public or "://" not in local:
        raise argparse.ArgumentTypeError(f"{text!r} is not https://public.example=http://127.0.0.1:PORT")
    return public.rstrip("/"), local.rstrip("/")
