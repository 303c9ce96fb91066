"""A brief file is read as it was meant, or refused with its line."""

from pathlib import Path

import pytest

from handrail import brief_file
from handrail.cli_terminal import Failure


def said(folder: Path, text: str) -> str:
    file = folder / "brief.yaml"
    file.write_text(text)
    with pytest.raises(Failure) as caught:
        brief_file.read(file)
    return str(caught.value).replace(f"{folder}/", "")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("name: a\ngoal: [b\n", "brief.yaml:3:1: expected ',' or ']'"),
        ("name: a\n  goal: b\n", "brief.yaml:2:7: mapping values are not allowed here"),
        ("name: a\ngoal: b\nname: c\n", "brief.yaml:3:1: the key 'name' twice"),
        ("name: a\ntone_of_vioce: b\n", "brief.yaml:2: tone_of_vioce: no such field: misspelt?"),
        ("audience:\n  segment_ref: a\n  icp: b\n  size_estimate: many\n", "brief.yaml:4: audience.size_estimate: "),
        ("countries:\n  - DE\n  - germany\n", "brief.yaml:3: countries.1: "),
        ("name: a\nobjective:\n  target: 3\n", "brief.yaml:2: objective.outcome: Field required"),
        ("- a\n- b\n", "brief.yaml:1: a brief is a mapping of fields"),
        ("", "brief.yaml:1: a brief is a mapping of fields"),
        ("name: !!python/object:os.system x\n", "brief.yaml:1:7: could not determine a constructor"),
    ],
)
def test_each_complaint_names_its_line(tmp_path: Path, text: str, place: str) -> None:
    assert place in said(tmp_path, text)


def test_every_misfit_is_named_at_once(tmp_path: Path) -> None:
    text = said(tmp_path, "nmae: a\nmode: guesswork\ncountries: 3\n")
    assert [line for line in (1, 2, 3) if f"brief.yaml:{line}: " in text] == [1, 2, 3]


def test_norway_is_a_country_and_a_time_of_day_no_number(tmp_path: Path) -> None:
    file = tmp_path / "brief.yaml"
    file.write_text("countries: [NO, DE]\nquiet_hours: {starts: 20:00, ends: 08:00, confirmed: true}\n")
    draft = brief_file.read(file)
    assert draft.countries == ("NO", "DE")
    assert draft.quiet_hours
    assert draft.quiet_hours.starts.hour == 20


def test_a_brief_may_be_json(tmp_path: Path) -> None:
    file = tmp_path / "brief.json"
    file.write_text('{"name": "a", "frequency": {"per_week": 5, "per_day": 3, "confirmed": false}}')
    draft = brief_file.read(file)
    assert draft.frequency
    assert draft.frequency.confirmed is False


def test_the_examples_can_be_read(repository: Path) -> None:
    folder = repository / "examples" / "webinar-follow-up"
    assert brief_file.read(folder / "brief.yaml").objective
    assert brief_file.read(folder / "vague.yaml").goal == "improve engagement"
