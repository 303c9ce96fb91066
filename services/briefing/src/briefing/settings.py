"""What briefing is told by its environment."""

from pathlib import Path

from pydantic_settings import SettingsConfigDict

from chassis.settings import ChassisSettings


class Settings(ChassisSettings):
    model_config = SettingsConfigDict(env_prefix="BRIEFING_", frozen=True, extra="ignore")

    organisation: Path
    """`organisation.yaml`: the policy part is frozen into every plan."""
