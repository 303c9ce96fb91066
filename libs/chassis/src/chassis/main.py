"""`python -m <service> run | migrate | dead-letters ...`: the one command line that every service has."""

import argparse
import asyncio
import json
import os
import sys
from dataclasses import asdict
from enum import StrEnum

import uvloop

from chassis import dead_letters
from chassis.cluster import UnknownCluster
from chassis.crashpoints import Point
from chassis.migrate import migrate
from chassis.recover import CannotRecover, Own, Rewound
from chassis.redrive import redrive
from chassis.replay import Span, replay
from chassis.retention import Retention, TooShort
from chassis.service import Build, connected, serve
from chassis.settings import ChassisSettings
from contracts.strict import moment


def main(name: str, settings: type[ChassisSettings], build: Build, points: type[StrEnum] | None = None) -> None:
    """Run service `name` as its arguments say; `points` are crash points of its own."""
    args = _arguments(name)
    if args.command == "crash-points":
        _say("\n".join([*Point, *(points or ())]))
        return
    chosen = settings()
    if args.command == "run":
        try:
            uvloop.run(serve(name, chosen, build))
        except (UnknownCluster, Rewound, TooShort) as refused:
            sys.exit(str(refused))
    elif args.command == "migrate":
        applied = asyncio.run(migrate(chosen.dsn.get_secret_value(), ("chassis", name)))
        _say(f"{name}: {len(applied)} migrations applied")
    elif args.command == "replay":
        asyncio.run(_replay(name, chosen, build, args))
    elif args.command == "recover":
        try:
            asyncio.run(_recover(name, chosen, build))
        except CannotRecover as refused:
            sys.exit(str(refused))
    else:
        sys.exit(asyncio.run(_dead_letters(name, chosen, build, args)))


def _arguments(name: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=f"python -m {name}")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="serve until SIGTERM")
    commands.add_parser("migrate", help="apply what is missing to the database")
    again = commands.add_parser("replay", help="on a new Kafka cluster: say again what was said, in order")
    again.add_argument("--topic", action="append", default=[], dest="topics", help="of this one; may be repeated")
    again.add_argument("--from", type=moment, dest="since", metavar="TIME", help="kept then or later, RFC 3339")
    again.add_argument("--to", type=moment, dest="until", metavar="TIME", help="and before then")
    commands.add_parser("recover", help="after a restore from a backup: learn again what the database has forgotten")
    commands.add_parser("crash-points", help="where a proof can end this service, a line each")
    letters = commands.add_parser("dead-letters", help="what could not be processed")
    actions = letters.add_subparsers(dest="action", required=True)
    actions.add_parser("list", help="one JSON line each")
    for action, text in (
        ("show", "one, with its bytes"),
        ("redrive", "it and all of its campaign, in order"),
        ("discard", "throw it away: two people must ask"),
    ):
        sub = actions.add_parser(action, help=text)
        sub.add_argument("id", type=int)
        if action == "discard":
            sub.add_argument("--reason", required=True)
            sub.add_argument("--token", required=True, help="the person's own token")
    return parser.parse_args()


async def _replay(name: str, settings: ChassisSettings, build: Build, args: argparse.Namespace) -> None:
    span = Span(tuple(args.topics), args.since, args.until)
    async with connected(name, settings, build) as parts:
        retention = Retention.of(settings.retention_days)
        most = None if retention is None else retention.replay
        done = await replay(parts.db, settings.kafka, span, parts.kept_records, most)
    _say(json.dumps({"service": name, **asdict(done)}, default=str))


async def _recover(name: str, settings: ChassisSettings, build: Build) -> None:
    async with connected(name, settings, build) as parts:
        own = Own(parts.db, settings.kafka, parts.says, parts.verifier)
        done = await own.recover(parts.topics, parts.relearn)
    _say(json.dumps({"service": name, **asdict(done)}))


async def _dead_letters(name: str, settings: ChassisSettings, build: Build, args: argparse.Namespace) -> int:
    async with connected(name, settings, build) as parts, parts.db.pool.acquire() as conn:
        match args.action:
            case "list":
                for letter in await dead_letters.listed(conn):
                    _say(json.dumps({"service": name, **asdict(letter)}, default=str))
                return 0
            case "show":
                found = await dead_letters.show(conn, args.id)
                if found is None:
                    _say(f"there is no dead letter {args.id}")
                    return 1
                letter, raw = found
                headers = [
                    (header, None if text is None else text.decode(errors="replace")) for header, text in raw.headers
                ]
                value = None if raw.value is None else raw.value.decode(errors="backslashreplace")
                shown = {**asdict(letter), "sha256": raw.sha256.hex(), "headers": headers, "value": value}
                _say(json.dumps(shown, default=str, indent=2))
                return 0
            case "redrive":
                if parts.applier is None:
                    raise TypeError(f"{name} reads no events")
                done = await redrive(parts.db, parts.applier, parts.verifier, args.id)
                _say(json.dumps(asdict(done)))
                return 0 if done.failed is None else 1
            case _:
                identity = parts.gate.verify(args.token)
                gone = identity.human and await dead_letters.discard(conn, args.id, identity.subject, args.reason)
                _say("discarded" if gone else "a second person must ask for it too")
                return 0


def _say(text: str) -> None:
    """A reader that has read enough, as `head` does, is no error."""
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
