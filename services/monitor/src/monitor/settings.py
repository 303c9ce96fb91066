"""What the monitor is told by its environment."""

from pathlib import Path
from typing import Annotated

from pydantic import StringConstraints
from pydantic_settings import SettingsConfigDict

from chassis.settings import ChassisSettings
from contracts.event import Tenant


class Settings(ChassisSettings):
    model_config = SettingsConfigDict(env_prefix="MONITOR_", frozen=True, extra="ignore")

    tenant_keys: Path
    """Keys under which addresses become recipient hashes."""
    sendgrid_key: Path
    """The public key of the account's signed webhook."""
    sendgrid_tenant: Tenant = Tenant("demo")
    """Whose account it is."""
    reporting_currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] = "EUR"
    """Money in metrics is in this currency (ISO 4217); what is paid in another is left out, and counted as such."""
