"""What the executor is told by its environment."""

from pathlib import Path

from pydantic_settings import SettingsConfigDict

from chassis.settings import ChassisSettings


class Settings(ChassisSettings):
    model_config = SettingsConfigDict(env_prefix="EXECUTOR_", frozen=True, extra="ignore")

    organisation: Path
    """`organisation.yaml`: who writes, what may be linked to."""
    people: Path
    """`people.yaml`: where each person's own mail goes."""
    tenant_keys: Path
    """Keys under which addresses become recipient hashes."""
    smtp_host: str
    smtp_port: int
    dkim_key: Path
    dkim_domain: str
    dkim_selector: str
    public_url: str
    """The https base under which recipients reach the unsubscribe page."""
    unsubscribe_key: Path
    journal: Path
    """A folder outside PostgreSQL's disk: what began outside is written there first."""
    sandbox: bool = False
    """Nothing leaves; the same code."""
