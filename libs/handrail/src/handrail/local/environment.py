"""The settings of each service as environment variables: the one table of what the launcher tells whom."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from handrail.keys import AUDIENCE, ISSUER, SIGNERS, Keys, key_id
from handrail.local.ports import LOOPBACK

SERVICES = ("briefing", "executor", "monitor", "escalation", "audit", "tower")
# A migration needs no Kafka, but settings want a value; it runs before the port of Kafka is settled.
NO_KAFKA = "kafka.invalid:9092"


@dataclass(frozen=True)
class Place:
    """What the settings of all services of one run are made from."""

    kafka: str
    dsns: Mapping[str, str]
    urls: Mapping[str, str]
    """Of the first replica of each service."""
    keys: Keys
    organisation: Path
    people: Path
    journal: Path


def of(service: str, replica: str, port: int, place: Place) -> dict[str, str]:
    """The variables of one replica."""
    keys = place.keys
    settings = {
        "DSN": place.dsns[service],
        "KAFKA": place.kafka,
        "HTTP_HOST": LOOPBACK,
        "HTTP_PORT": str(port),
        "REPLICA": replica,
        "AUTH_ISSUER": ISSUER,
        "AUTH_AUDIENCE": AUDIENCE,
        "AUTH_KEYS": str(keys.jwks),
        "SIGNATURE_KEYS": str(keys.signature_keys),
        "PEER_ESCALATION": place.urls["escalation"],
        "PEER_EXECUTOR": place.urls["executor"],
        "PEER_AUDIT": place.urls["audit"],
    }
    if service in SIGNERS:
        settings |= {"SIGNING_KEY": str(keys.signing(service)), "SIGNING_KEY_ID": key_id(service)}
    if service in ("executor", "monitor"):
        settings |= {"TENANT_KEYS": str(keys.tenants)}
    if service in ("briefing", "executor"):
        settings |= {"ORGANISATION": str(place.organisation)}
    if service in ("escalation", "executor"):
        settings |= {"PEOPLE": str(place.people)}
    if service == "monitor":
        settings |= {"SENDGRID_KEY": str(keys.sendgrid_public)}
    if service == "executor":
        settings |= {
            "SMTP_HOST": LOOPBACK,
            "SMTP_PORT": "1025",
            "DKIM_KEY": str(keys.dkim),
            "DKIM_DOMAIN": "mail.handrail.localhost",
            "DKIM_SELECTOR": "handrail",
            "PUBLIC_URL": "https://mail.handrail.localhost",
            "JOURNAL": str(place.journal),
            "UNSUBSCRIBE_KEY": str(keys.unsubscribe),
        }
    return {f"{service.upper()}_{name}": value for name, value in settings.items()}


def save(home: Path, environments: Mapping[str, Mapping[str, str]]) -> None:
    """Keep the variables of every process, for commands that start a service's program beside it."""
    fresh = home / "environment.new"
    fresh.unlink(missing_ok=True)
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(environments, file, indent=1)
    os.replace(fresh, home / "environment.json")


def forget(home: Path) -> None:
    """Remove the variables of a run that ended."""
    (home / "environment.json").unlink(missing_ok=True)


def load(home: Path) -> dict[str, dict[str, str]]:
    """The variables of every process of the last start, by its name; empty when there was none."""
    try:
        saved: dict[str, dict[str, str]] = json.loads((home / "environment.json").read_text())
    except FileNotFoundError:
        return {}
    return saved
