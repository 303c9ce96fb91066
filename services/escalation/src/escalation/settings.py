"""What escalation is told by its environment."""

from pathlib import Path

from pydantic_settings import SettingsConfigDict

from chassis.settings import ChassisSettings
from policy.directory import Directory, load_directory


class Settings(ChassisSettings):
    model_config = SettingsConfigDict(env_prefix="ESCALATION_", frozen=True, extra="ignore")

    people: Path
    """The directory: who can be asked (`people.yaml`)."""

    @property
    def directory(self) -> Directory:
        return load_directory(self.people)
