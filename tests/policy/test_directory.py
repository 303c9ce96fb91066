"""A question goes along a chain: on call, the others of the role, the backup; past who is away, tired or the author."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts.escalation import Need
from contracts.event import Tenant
from policy.directory import Away, Candidate, Directory, Person, PersonKind, Question, Standing, load_directory
from policy.lint import lint_people
from policy.organisation import load_organisation
from tests.builders import T0, policy

NEED = Need(role="approver", count=1, backup_role="lead")


def person(subject: str, *roles: str, **changes: Any) -> Person:
    return Person(subject=subject, roles=roles or ("approver",), **changes)


def ask(*people: Person, **changes: Any) -> tuple[Candidate, ...]:
    values: dict[str, Any] = {"need": NEED, "author": "maya", "now": T0, "requests": {}, "per_hour": 3}
    return Directory(people=people).ask(Question(**(values | changes)))


def asked(*people: Person, **changes: Any) -> list[str]:
    return [one.subject for one in ask(*people, **changes) if one.standing is Standing.NEXT]


ANA, BEN, LEO = person("ana"), person("ben"), person("leo", "lead")


def test_everybody_of_the_role_is_asked_and_the_backup_stays_in_reserve() -> None:
    assert asked(ANA, BEN, LEO) == ["ana", "ben"]
    assert [one.standing for one in ask(ANA, LEO)] == [Standing.NEXT, Standing.IN_RESERVE]


def test_those_on_call_are_asked_before_the_others() -> None:
    assert asked(ANA, person("ben", on_call=True), LEO) == ["ben"]


@pytest.mark.parametrize(
    ("absent", "found"),
    [
        (True, ["leo"]),
        ((Away(since=T0 - timedelta(days=1), until=T0 + timedelta(days=1)),), ["leo"]),
        ((Away(since=T0, until=T0 + timedelta(days=1)),), ["leo"]),
        ((Away(since=T0 - timedelta(days=1), until=T0),), ["ana"]),
        (False, ["ana"]),
    ],
)
def test_who_is_away_is_represented_by_the_backup(absent: Any, found: list[str]) -> None:
    assert asked(person("ana", absent=absent), LEO) == found


def test_the_author_is_never_asked() -> None:
    assert asked(person("maya"), LEO) == ["leo"]
    assert [one.standing for one in ask(person("maya"))] == [Standing.AUTHOR]


def test_an_agent_is_never_asked() -> None:
    assert ask(person("bot", kind=PersonKind.AGENT)) == ()


def test_who_was_asked_enough_this_hour_is_passed_over() -> None:
    assert asked(ANA, BEN, LEO, requests={"ana": 3, "ben": 2}) == ["ben"]
    assert asked(ANA, LEO, requests={"ana": 3}) == ["leo"]
    assert [(one.standing, one.requests) for one in ask(ANA, LEO, requests={"ana": 3})] == [
        (Standing.BUSY, 3), (Standing.NEXT, 0),
    ]  # fmt: skip


def test_where_everybody_is_tired_they_are_asked_all_the_same() -> None:
    assert asked(ANA, LEO, requests={"ana": 9, "leo": 9}) == ["ana"]


def test_what_is_critical_passes_nobody_over() -> None:
    assert asked(ANA, LEO, requests={"ana": 9}, urgent=True) == ["ana"]


def test_groups_are_asked_until_there_are_as_many_as_are_needed() -> None:
    two = Need(role="approver", count=2, backup_role="lead")
    assert asked(ANA, LEO, person("eve", "other"), need=two) == ["ana", "leo"]
    assert asked(ANA, BEN, LEO, need=two, requests={"ana": 3}) == ["ben", "leo"]


def test_after_those_who_were_told_the_next_are_asked() -> None:
    assert asked(ANA, LEO, told=frozenset({"ana"})) == ["leo"]
    assert asked(ANA, LEO, told=frozenset({"ana", "leo"})) == []


def test_a_person_with_both_roles_is_one_candidate() -> None:
    assert [one.subject for one in ask(person("ana", "approver", "lead"))] == ["ana"]


@given(
    st.lists(
        st.builds(
            person, st.sampled_from("abcdefgh"), st.sampled_from(["approver", "lead", "other"]),
            absent=st.booleans(), on_call=st.booleans(),
        ),
        max_size=8, unique_by=lambda one: one.subject,
    ),
    st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 6)),
    st.integers(1, 3),
)  # fmt: skip
def test_somebody_is_asked_whenever_anybody_may_be(people: list[Person], requests: dict[str, int], count: int) -> None:
    need = Need(role="approver", count=count, backup_role="lead")
    found = asked(*people, need=need, author="a", requests=requests)
    able = {
        one.subject for one in people if one.subject != "a" and not one.absent and {"approver", "lead"} & set(one.roles)
    }
    assert set(found) <= able
    assert len(found) >= min(count, len(able))


def test_a_directory_is_read_strictly(tmp_path: Path) -> None:
    file = tmp_path / "people.yaml"
    for text, said in [
        ("people: [{subject: ana, roles: [a], tenant: demo}, {subject: leo, roles: [a]}]", "leo without a tenant"),
        ("people: [{subject: ana, roles: [a]}, {subject: ana, roles: [b]}]", "ana: more than once"),
        ("people: [{subject: ana, roles: [a], abscent: true}]", "abscent"),
        ("people: [{subject: ana, roles: [a], pigeon: x}]", "pigeon"),
    ]:
        file.write_text(text)
        with pytest.raises(ValidationError, match=said):
            load_directory(file)
    file.write_text(
        "people: [{subject: ana, roles: [a], tenant: demo, mail: ana@acme.example,"
        " absent: [{since: 2026-01-01T00:00:00Z, until: 2026-01-09T00:00:00Z}]},"
        " {subject: leo, roles: [a], tenant: other}]"
    )
    directory = load_directory(file)
    assert [one.subject for one in directory.of(Tenant("other")).people] == ["leo"]
    assert directory.people[0].is_away(T0)
    assert "ana@acme.example" not in repr(directory)


@pytest.mark.parametrize(
    ("people", "finding"),
    [
        ([person("leo", "marketing_lead")], "nobody is campaign_approver"),
        ([person("ana", "campaign_approver")], "nobody is marketing_lead"),
        ([person("ana", "campaign_approver", absent=True), person("leo", "marketing_lead")], "nobody is campaign_app"),
        ([person("ana", "campaign_approver", "marketing_lead")], "are one person"),
    ],
)
def test_a_role_without_holder_or_backup_is_found(people: list[Person], finding: str) -> None:
    assert any(finding in found for found in lint_people(policy().matrix, Directory(people=tuple(people))))


def test_a_quorum_that_nobody_can_reach_is_found() -> None:
    row = policy().matrix[0].model_copy(update={"needed": 3})
    pair = Directory(people=(person("ana", "campaign_approver"), person("leo", "marketing_lead")))
    assert any("needs 3 people" in found for found in lint_people([row], pair))
    assert lint_people(policy().matrix, pair) == []


def test_the_examples_people_can_answer_what_its_organisation_asks(repository: Path) -> None:
    settled = load_organisation(repository / "examples" / "organisation.yaml").policy
    people = load_directory(repository / "examples" / "people.yaml")
    assert lint_people(settled.matrix, people) == []
