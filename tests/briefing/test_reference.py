"""docs/reference/brief.md is true: it lists each field of each part, and says what the classes say."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from briefing.domain.review import OPTIONAL, review
from contracts import brief as parts
from contracts.brief import BriefDraft, Outcome
from contracts.event import Money
from contracts.monitor import Sla
from handrail import brief_file
from tests.builders import T0

PARTS: list[type[BaseModel]] = [
    BriefDraft, parts.Objective, parts.Audience, parts.Claim, parts.Channel, parts.Asset, parts.Timing, parts.Moment,
    parts.Budget, Money, parts.Frequency, parts.QuietHours, parts.Worth, parts.ManualStep, parts.ApprovalRule,
    parts.SlaTarget,
]  # fmt: skip


@pytest.fixture(scope="module")
def page(repository: Path) -> str:
    return (repository / "docs" / "reference" / "brief.md").read_text()


def sections(page: str) -> dict[str, list[str]]:
    """The first column of each table, by the section's heading."""
    out: dict[str, list[str]] = {}
    for heading, body in re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL):
        out[heading] = re.findall(r"^\| `([a-z_]+)` \|", body, re.MULTILINE)
    return out


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
def test_each_field_of_each_part_is_listed_in_order(page: str, part: type[BaseModel]) -> None:
    heading = "Brief" if part is BriefDraft else part.__name__
    assert sections(page)[heading] == list(part.model_fields)


def test_the_page_lists_no_part_that_there_is_not(page: str) -> None:
    others = {"Outcomes", "When it is refused", "Checks of the drafts"}
    assert set(sections(page)) == {"Brief", *(part.__name__ for part in PARTS[1:])} | others


def test_what_may_be_left_out_is_marked(page: str) -> None:
    marked = set(re.findall(r"^\| `([a-z_]+)` \|.*may be left out", page, re.MULTILINE))
    optional = {name for part in PARTS[1:] for name, info in part.model_fields.items() if not info.is_required()}
    assert marked == optional - {"at", "after", "by", "within", "at_least"} | OPTIONAL


@pytest.mark.parametrize("outcome", Outcome)
def test_each_outcome_is_explained(page: str, outcome: Outcome) -> None:
    assert outcome.value in sections(page)["Outcomes"]


@pytest.mark.parametrize("sla", Sla)
def test_each_promise_that_is_measured_is_named(page: str, sla: Sla) -> None:
    assert f"`{sla.value}`" in page


def test_the_brief_on_the_page_is_accepted(page: str, tmp_path: Path) -> None:
    [shown] = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    (tmp_path / "brief.yaml").write_text(shown)
    whole, found = review(brief_file.read(tmp_path / "brief.yaml"), T0)
    assert whole is not None, found
