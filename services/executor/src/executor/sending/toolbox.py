"""The mail tools that this executor has credentials for, by the name that plans and grants know them by."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from executor.preparing.mail import Stamp
from executor.sending.tools import esp, journey, mail_api, smtp
from executor.sending.tools.esp import Esp
from executor.sending.tools.http import Account
from executor.sending.tools.journey import Journey
from executor.sending.tools.mail_api import MailApi
from executor.sending.tools.port import Tool
from executor.sending.tools.sandbox import Sandboxed
from executor.sending.tools.smtp import SmtpTool
from executor.settings import Settings


class HalfSet(ValueError):
    """A tool has an address and no token, or the other way round."""


def toolbox(settings: Settings, from_address: str, stamp: Stamp) -> Mapping[str, Tool]:
    """Every tool that is set up. Raises HalfSet."""
    patience = settings.tool_timeout_seconds
    tools: dict[str, Tool] = {
        smtp.NAME: SmtpTool(settings.smtp_host, settings.smtp_port, from_address, stamp, patience)
    }
    if account := _account(mail_api.NAME, settings.mail_api_url, settings.mail_api_token_file, patience):
        settle = settings.mail_api_settle_seconds
        tools[mail_api.NAME] = MailApi(
            account,
            timedelta(seconds=settings.mail_api_key_seconds),
            None if settle is None else timedelta(seconds=settle),
        )
    if account := _account(journey.NAME, settings.journey_url, settings.journey_token_file, patience):
        tools[journey.NAME] = Journey(account)
    if account := _account(esp.NAME, settings.esp_url, settings.esp_token_file, patience):
        tools[esp.NAME] = Esp(account, timedelta(seconds=settings.esp_settle_seconds))
    return {name: Sandboxed(tool) for name, tool in tools.items()} if settings.sandbox else tools


def _account(name: str, url: str | None, token_file: Path | None, patience: float) -> Account | None:
    if url is None and token_file is None:
        return None
    if url is None or token_file is None or not token_file.is_file():
        raise HalfSet(
            f"EXECUTOR_{name.upper()}_URL and EXECUTOR_{name.upper()}_TOKEN_FILE go together, and the file is"
        )
    return Account(url.rstrip("/"), token_file, patience)
