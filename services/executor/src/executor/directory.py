"""The organisation's people, as far as the executor needs them: where each one's own mail goes."""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import yaml
from email_validator import EmailNotValidError, validate_email

from contracts.event import Tenant

Directory: TypeAlias = Mapping[tuple[Tenant, str], str]
"""Address by tenant and subject; who has none is not in it."""


def load(path: Path, tenant: Tenant) -> Directory:
    """Reads `people: [{subject, mail, tenant}]`; whoever has no tenant is of `tenant`. Raises ValueError."""
    found: dict[tuple[Tenant, str], str] = {}
    for one in yaml.safe_load(path.read_text())["people"]:
        if (mail := one.get("mail")) is None:
            continue
        try:
            validate_email(mail, check_deliverability=False, test_environment=True)
        except EmailNotValidError as error:
            raise ValueError(f"{path}: the mail of {one['subject']} is no address: {error}") from None
        found[Tenant(one.get("tenant") or tenant), one["subject"]] = mail
    return found
