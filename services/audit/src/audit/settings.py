"""What audit is told by its environment."""

from pydantic_settings import SettingsConfigDict

from chassis.settings import ChassisSettings


class Settings(ChassisSettings):
    model_config = SettingsConfigDict(env_prefix="AUDIT_", frozen=True, extra="ignore")
