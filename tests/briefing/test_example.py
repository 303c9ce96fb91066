"""The example that people start from holds what its README promises."""

import csv
from collections import Counter
from datetime import datetime

import pytest
import yaml

from briefing.domain.review import FIXES, review
from briefing.template import load_templates
from contracts.brief import Outcome
from handrail import brief_file
from policy.resolve import resolve
from tests.briefing.builders import EXAMPLE, ORG, ROOT
from tests.briefing.conftest import Briefings
from tests.builders import T0

DEAD = "acme-legacy.example"
FIRST_WAVE = ORG.policy.waves.first
BRIEF = brief_file.read(EXAMPLE / "brief.yaml")


@pytest.fixture(scope="module")
def contacts() -> list[dict[str, str]]:
    with (EXAMPLE / "contacts.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def domain(contact: dict[str, str]) -> str:
    return contact["email"].partition("@")[2]


async def test_the_brief_is_accepted_and_the_one_step_that_stays_manual_is_listed(briefing: Briefings) -> None:
    answer = await briefing.submit(BRIEF)
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert [warning["field"] for warning in said["warnings"]] == ["manual_baseline"]
    assert len(said["plan"]["operating_sheet"]) == 8


async def test_the_vague_brief_is_refused_and_every_field_it_lacks_is_named(briefing: Briefings) -> None:
    vague = brief_file.read(EXAMPLE / "vague.yaml")
    answer = await briefing.submit(vague)
    assert answer.status_code == 422
    fields = [error["field"] for error in answer.json()["errors"]]
    missing = [name for name in FIXES if getattr(vague, name) is None]
    assert vague.goal == "improve engagement"
    assert sorted(fields) == sorted(["goal", *missing])
    assert {"objective", "audience", "offer", "business_case", "frequency"} <= set(missing)


def test_the_brief_replaces_a_manual_process_whose_steps_are_known() -> None:
    whole, _ = review(BRIEF, T0)
    assert whole is not None
    template = load_templates().by_workflow[whole.workflow]
    named = {step.plan_step for step in whole.manual_baseline if step.plan_step}
    assert named <= {step.id for step in template.steps}


def test_the_brief_asks_for_nothing_that_the_organisation_would_change() -> None:
    whole, _ = review(BRIEF, T0)
    assert whole is not None
    policy = resolve(ORG.policy, "webinar_follow_up.1", whole)
    assert (policy.frequency, policy.quiet_hours) == (whole.frequency, whole.quiet_hours)
    assert (policy.frequency.per_week, policy.frequency.per_day) == (5, 3)
    assert policy.quiet_hours.starts == policy.quiet_hours.ends
    assert whole.objective.outcome is Outcome.BOOKED_DEMOS
    assert {rule.role for rule in whole.approval_rules} <= {row.role for row in policy.matrix}


def test_every_asset_of_the_brief_has_an_https_address_on_a_domain_that_may_be_linked() -> None:
    assert BRIEF.assets
    for asset in BRIEF.assets:
        host = ORG.sender.assets[asset.id].url.removeprefix("https://").partition("/")[0]
        assert any(host == allowed or host.endswith(f".{allowed}") for allowed in ORG.sender.link_domains)


def test_the_contacts_are_as_many_as_the_brief_says(contacts: list[dict[str, str]]) -> None:
    assert BRIEF.audience is not None
    assert len(contacts) == BRIEF.audience.size_estimate == 600
    assert len({contact["email"] for contact in contacts}) == 600
    assert {contact["status"] for contact in contacts} == {"attended", "no_show"}
    assert all(contact["consent_source"] and contact["consent_text_version"] for contact in contacts)


def test_twelve_contacts_gave_no_consent(contacts: list[dict[str, str]]) -> None:
    assert sum(contact["consent"] == "yes" for contact in contacts) == 588


def test_the_dead_domain_fills_an_eighth_of_the_first_wave(contacts: list[dict[str, str]]) -> None:
    """30 of 240 bounce: more than the 5 % at which the campaign halts, over more than the 200 it takes to say so."""
    contacts = sorted(contacts, key=lambda one: (datetime.fromisoformat(one["registered_at"]), one["email"]))
    eligible = [contact for contact in contacts if contact["consent"] == "yes"]
    assert FIRST_WAVE == 240
    assert Counter(map(domain, contacts))[DEAD] == 45
    assert Counter(map(domain, eligible))[DEAD] == 45
    assert Counter(map(domain, eligible[:FIRST_WAVE]))[DEAD] == 30
    bounces = next(rule for rule in ORG.policy.triggers if rule.trigger == "hard_bounces")
    assert bounces.threshold < 30 / FIRST_WAVE
    assert bounces.minimum <= FIRST_WAVE


def test_all_addresses_of_the_examples_are_reserved_ones(contacts: list[dict[str, str]]) -> None:
    hosts = {domain(contact) for contact in contacts} | set(ORG.sender.link_domains)
    hosts |= {address.partition("@")[2] for address in (ORG.sender.from_address, ORG.sender.reply_to)}
    assert {host.rpartition(".")[2] for host in hosts} == {"example"}


def test_every_role_that_the_policy_asks_is_held_by_somebody_who_did_not_write_the_brief() -> None:
    people = yaml.safe_load((ROOT / "examples" / "people.yaml").read_text())["people"]
    held = {role: {one["subject"] for one in people if role in one["roles"]} for one in people for role in one["roles"]}
    asked = {row.role for row in ORG.policy.matrix} | {row.backup_role for row in ORG.policy.matrix}
    assert all(held[role] - {BRIEF.owner} for role in asked)
    assert BRIEF.owner in held["marketer"]
