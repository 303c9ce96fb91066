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
    mail_api_url: str | None = None
    """Base URL of the mail API with idempotency keys; each tool with a URL needs a token file."""
    mail_api_token_file: Path | None = None
    mail_api_key_seconds: float = 24 * 3600
    """How long it knows a key, as its documentation says."""
    mail_api_settle_seconds: float | None = None
    """Where it can be searched by reference: how long a look-up may lag behind."""
    journey_url: str | None = None
    journey_token_file: Path | None = None
    esp_url: str | None = None
    esp_token_file: Path | None = None
    esp_settle_seconds: float = 120
    """After a lost answer: longer than it works on a request and its search lags behind."""
    tool_timeout_seconds: float = 20
    dkim_key: Path
    dkim_domain: str
    dkim_selector: str
    public_url: str
    """The https base under which recipients reach the unsubscribe page."""
    unsubscribe_key: Path
    journal: Path
    """A folder outside PostgreSQL's disk: what began outside is written there first."""
    lease_seconds: float = 300
    """How long a permitted effect is this process's, before another settles it as the journal says."""
    sandbox: bool = False
    """Nothing leaves; the same code."""
