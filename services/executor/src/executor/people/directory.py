"""The organisation's people, as far as the executor needs them: where each one's own mail goes."""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

from email_validator import EmailNotValidError, validate_email

from contracts.event import Tenant
from policy.directory import load_directory

Directory: TypeAlias = Mapping[tuple[Tenant, str], str]
"""Address by tenant and subject; who has none is not in it."""


def load(path: Path, tenant: Tenant) -> Directory:
    """Reads `people.yaml`; whoever has no tenant is of `tenant`. Raises ValueError."""
    found: dict[tuple[Tenant, str], str] = {}
    for one in load_directory(path).people:
        if one.mail is None:
            continue
        mail = one.mail.get_secret_value()
        try:
            validate_email(mail, check_deliverability=False, test_environment=True)
        except EmailNotValidError as error:
            raise ValueError(f"{path}: the mail of {one.subject} is no address: {error}") from None
        found[Tenant(one.tenant or tenant), one.subject] = mail
    return found
