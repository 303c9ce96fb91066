"""What the tower is told by its environment."""

from pydantic_settings import SettingsConfigDict

from chassis.settings import ChassisSettings
from contracts.event import Tenant


class Settings(ChassisSettings):
    model_config = SettingsConfigDict(env_prefix="TOWER_", frozen=True, extra="ignore")

    open_tenant: Tenant | None = None
    """Shown without a token: for a laptop only."""
