"""Does a goal say what, how many and by when? Pure; English, as the goal's example is."""

import re

from contracts.brief import Objective, Outcome

_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|(?-i:May)|june?|july?|aug(?:ust)?|sep(?:t(?:ember)?)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_SPAN = r"(?:second|minute|hour|day|week|month|quarter|year)"
_TIMES = re.compile(
    rf"\b(?:\d{{4}}-\d\d-\d\d"
    rf"|\d{{1,2}}(?:st|nd|rd|th)?\.?\s+(?:of\s+)?{_MONTH}\b(?:\s+\d{{4}})?"
    rf"|{_MONTH}\b(?:\s+\d{{1,2}}(?:st|nd|rd|th)?\b)?(?:,?\s+\d{{4}})?"
    rf"|q[1-4]\b(?:\s+\d{{4}})?"
    rf"|(?:within|in|after|during)\s+(?:an?|one|the|\d+)\s+(?:next\s+)?(?:\d+\s+)?{_SPAN}s?"
    rf"|(?:this|next|per|each|every)\s+{_SPAN}"
    rf"|(?:19|20)\d\d)\b",
    re.IGNORECASE,
)
_NUMBERS = re.compile(r"\d[\d.,]*")
_WORDS = {
    Outcome.TRIAL_SIGNUPS: r"trial|sign[- ]?up",
    Outcome.BOOKED_DEMOS: r"demo",
    Outcome.PIPELINE_INFLUENCED: r"pipeline|opportunit",
    Outcome.EVENT_REGISTRATIONS: r"registr|register|attend",
    Outcome.QUALIFIED_LEADS: r"lead",
    Outcome.CONVERSIONS: r"conver|customer|purchase|order|sale",
    Outcome.COST_PER_ACQUISITION: r"cpa|cost per|acquisition",
    Outcome.OPENS: r"open",
    Outcome.IMPRESSIONS: r"impression|view",
    Outcome.LIKES: r"like",
}


def why_vague(goal: str, objective: Objective | None) -> str | None:
    """What keeps anybody from saying whether `goal` was reached; None when nothing does."""
    rest, times = _TIMES.subn(" ", goal)
    numbers = {found.rstrip(".,").replace(",", "").replace(".", "") for found in _NUMBERS.findall(rest)}
    words = [*_WORDS.values(), *([re.escape(objective.unit)] if objective else ())]
    lacks = [
        what
        for what, there in (
            ("number", bool(numbers)),
            ("time", bool(times)),
            ("outcome that can be counted", re.search(rf"\b(?:{'|'.join(words)})", rest, re.IGNORECASE) is not None),
        )
        if not there
    ]
    if lacks:
        return f"vague: {goal[:200]!r} names no {' and no '.join(lacks)}, so nobody could say that it was reached"
    if objective is not None and str(objective.target) not in numbers:
        return f"it speaks of {', '.join(sorted(numbers))}, objective.target is {objective.target}: which is meant?"
    return None
