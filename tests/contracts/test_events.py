"""Promises about every event type there is."""

import re
from collections.abc import Iterator
from types import UnionType
from typing import Any, Union, get_args, get_origin

import pytest
from pydantic import BaseModel

from contracts.catalogue import BY_TYPE, EVENTS, OWNERS
from contracts.codec import decode
from contracts.event import Event
from tests.contracts.samples import SAMPLES, read

FORBIDDEN = re.compile(r"(^|_)(e?mails?|address|first_?name|last_?name|full_?name|phone|ip)(_|$)")
OURS = {"mail_tool", "per_mail", "share_lost_per_wrong_mail"}
"""About mails, not of an address."""


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.__name__)
def test_every_event_type_has_a_golden_sample_that_still_parses(event: type[Event]) -> None:
    headers, value = read(event)
    fact = decode(event.topic, headers, value, verify=lambda *_: False)
    assert type(fact.event) is event
    assert fact.event.model_validate_json(fact.event.model_dump_json()) == fact.event


def test_no_sample_is_without_its_event_type() -> None:
    assert {path.stem for path in SAMPLES.glob("*.json")} == set(BY_TYPE)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.__name__)
def test_a_type_is_a_noun_and_a_past_participle_on_a_topic_of_its_owner(event: type[Event]) -> None:
    assert re.fullmatch(r"io\.handrail\.[a-z]+\.[a-z]+\.v[0-9]+", event.type)
    assert re.fullmatch(r"[a-z]+\.[a-z]+\.v[0-9]+", event.topic)
    module = event.__module__.removeprefix("contracts.").replace("actions", "executor")
    assert OWNERS[event.topic] == module
    assert event.__doc__


def fields(model: type[BaseModel], seen: frozenset[type] = frozenset()) -> Iterator[tuple[str, Any]]:
    """Every field of a model and of the models inside it."""
    for name, info in model.model_fields.items():
        yield name, info.annotation
        for inner in models(info.annotation):
            if inner not in seen:
                yield from fields(inner, seen | {inner})


def models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    if get_origin(annotation) in (tuple, Union, UnionType, list) or get_args(annotation):
        for argument in get_args(annotation):
            yield from models(argument)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.__name__)
def test_no_event_carries_a_name_or_address(event: type[Event]) -> None:
    bad = {name for name, _ in fields(event) if FORBIDDEN.search(name) and name not in OURS}
    assert not bad


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.__name__)
def test_no_event_has_a_dict_or_any(event: type[Event]) -> None:
    assert not {name for name, kind in fields(event) if kind is Any or get_origin(kind) is dict or kind is dict}


def test_the_rule_about_addresses_bites() -> None:
    class Inner(BaseModel):
        email_address: str

    class Bad(Event):
        inside: tuple[Inner, ...] | None

    assert [name for name, _ in fields(Bad) if FORBIDDEN.search(name)] == ["email_address"]
