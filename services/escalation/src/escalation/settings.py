"""What escalation is told by its environment."""

from pathlib import Path

import yaml
from pydantic_settings import SettingsConfigDict

from chassis.settings import ChassisSettings
from escalation.domain.state import Directory, Person


class Settings(ChassisSettings):
    model_config = SettingsConfigDict(env_prefix="ESCALATION_", frozen=True, extra="ignore")

    people: Path
    """The directory of people: subject, roles, absent, and tenant where it is of several."""

    @property
    def directory(self) -> Directory:
        listed = yaml.safe_load(self.people.read_text())["people"]
        people = tuple(
            Person(one["subject"], tuple(one["roles"]), bool(one.get("absent", False)), one.get("tenant"))
            for one in listed
        )
        without = [person.subject for person in people if person.tenant is None]
        if without and len(without) < len(people):  # a missing word must not make anybody one of every tenant
            raise ValueError(f"{self.people}: {', '.join(without)} without a tenant: give everybody one, or nobody")
        return Directory(people)
