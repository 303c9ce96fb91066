"""Who writes, and what may be linked to: the organisation's own words, so that a brief can only name them."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

Url = Annotated[str, StringConstraints(pattern=r"^https://[a-z0-9.-]+(/[^\s<>\"]*)?$", max_length=500)]


class AssetEntry(BaseModel):
    """An entry of the content repository."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    url: Url


class Sender(BaseModel):
    """The identity of every mail, the domains it may link to, and the content repository."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    from_address: str
    from_name: str
    reply_to: str
    postal_address: str
    link_domains: tuple[str, ...]
    assets: Mapping[str, AssetEntry]
