"""What the executor counts of its gates: the first attempt apart from the later ones."""

from collections.abc import Mapping
from itertools import product
from typing import Any

import pytest
from prometheus_client import REGISTRY

from chassis.decision import Decision, Message, TaskFailed
from contracts.event import Value
from executor.commands import WaiveItem
from executor.domain.state import Campaign
from executor.effects import Shared
from executor.metrics import observe
from tests.builders import meta
from tests.executor.builders import FAILS, MAILS, Story, asked

GATES = tuple(product(("draft", "launch"), ("pass", "fail"), ("first", "later")))


class Observed(Story):
    """A story that the metrics see."""

    def tell(self, body: Value | TaskFailed, **about: Any) -> Decision[Campaign, Shared]:
        decision = super().tell(body, **about)
        observe(Message(meta(), body), decision)
        return decision


def gates() -> Mapping[tuple[str, ...], float]:
    names = ("gate", "result", "attempt")
    found = {
        one: REGISTRY.get_sample_value("handrail_qa_gates_total", dict(zip(names, one, strict=True))) for one in GATES
    }
    return {one: value for one, value in found.items() if value is not None}


@pytest.fixture
def before() -> Mapping[tuple[str, ...], float]:
    found = gates()
    assert set(found) == set(GATES), "a rate would not see the first one"
    return found


def passed(before: Mapping[tuple[str, ...], float]) -> Mapping[tuple[str, ...], float]:
    return {one: value - before[one] for one, value in gates().items() if value != before[one]}


def test_what_passes_at_once_is_a_first_pass_of_every_gate(before: Mapping[tuple[str, ...], float]) -> None:
    Observed().prepared()
    assert passed(before) == {("draft", "pass", "first"): 2, ("launch", "pass", "first"): 1}


def test_what_a_person_had_to_waive_is_none(before: Mapping[tuple[str, ...], float]) -> None:
    story = Observed().prepared(FAILS)
    expected = {("draft", "fail", "first"): 2.0, ("launch", "fail", "first"): 1.0}
    assert passed(before) == expected
    for mail in MAILS:
        item = f"{mail}:{FAILS.check}"
        story.tell(WaiveItem.model_validate({**asked("leo", mail), "item": item, "reason": "a quotation"}))
    assert passed(before) == {**expected, ("launch", "fail", "later"): 1, ("launch", "pass", "later"): 1}
