"""A workflow as data: templates are files, so a new one needs no code."""

from dataclasses import dataclass
from importlib.resources import files

import yaml
from pydantic import BaseModel, ConfigDict

from contracts.brief import Workflow
from contracts.event import Name
from contracts.plan import HandledBy


class TemplateStep(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Name
    kind: Name
    handled_by: HandledBy
    because: str
    after: tuple[Name, ...]
    verified_by: str


class Template(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Workflow
    version: int
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    tools: tuple[str, ...]
    channels: tuple[Name, ...]
    decision_types: tuple[Name, ...]
    steps: tuple[TemplateStep, ...]

    @property
    def framework(self) -> str:
        """What people approve the first use of."""
        return f"{self.id}.{self.version}"


@dataclass(frozen=True, slots=True)
class Templates:
    by_workflow: dict[Workflow, Template]


def load_templates() -> Templates:
    """All templates of the package. Raises ValidationError that names the field."""
    folder = files("briefing") / "templates"
    found = [
        Template.model_validate(yaml.safe_load(entry.read_text()))
        for entry in folder.iterdir()
        if entry.name.endswith(".yaml")
    ]
    return Templates({template.id: template for template in found})
