"""What escalation is told by its environment."""

from pathlib import Path

import yaml
from pydantic_settings import SettingsConfigDict

from chassis.settings import ChassisSettings
from escalation.domain.state import Directory, Person


class Settings(ChassisSettings):
    model_config = SettingsConfigDict(env_prefix="ESCALATION_", frozen=True, extra="ignore")

    people: Path
    """The directory of people: subject, roles, absent."""

    @property
    def directory(self) -> Directory:
        listed = yaml.safe_load(self.people.read_text())["people"]
        return Directory(
            tuple(Person(one["subject"], tuple(one["roles"]), bool(one.get("absent", False))) for one in listed)
        )
