"""What every service is told by its environment; each service adds its own."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class ChassisSettings(BaseSettings):
    """Read once at start, from variables with the service's name as prefix (`BRIEFING_DSN`)."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    dsn: SecretStr
    kafka: str
    http_host: str = "127.0.0.1"
    http_port: int = 8000
    replica: str | None = None
    """The name of this replica, for static membership of the consumer group; none is a dynamic member."""
    auth_issuer: str = "handrail-dev"
    auth_audience: str = "handrail"
    auth_keys: Path | None = None
    """JWKS file with the issuer's public keys; none means that no token is believed."""
    signature_keys: Path | None = None
    signing_key: Path | None = None
    signing_key_id: str | None = None
    """How the key is called in `signature_keys`; the service's name, unless set."""
    otlp_endpoint: str | None = None
    pool_size: int = 8
    task_lease_seconds: float = 60
    """How long a task is one worker's before another may take it."""
    retention_days: float = Field(default=30, gt=0)
    """How long what was said is kept, and what came four times as long (`retention.py`); `inf` forgets nothing. The
    same in every service: each remembers what the others may say again."""
    crash_points: Path | None = None
    """A folder that proofs arm crashes in; none, as in production, never crashes on purpose."""
