"""How many outcomes a send will bring, and by when. Pure.

The rate is what the brief expects: a guess. It counts as a rate that was seen on 50 people, a beta prior, so that the
interval is that of a beta-binomial: it owns up to not knowing the rate, however many people are written to.
"""

from datetime import datetime, timedelta
from math import exp, lgamma, log

from contracts.brief import Anchor, Brief
from contracts.decision import Prediction

PRIOR_PEOPLE = 50
"""How many people's worth of evidence a brief's rate is."""
TAIL = 0.025
"""Left out on either side of the interval."""


def predicted(brief: Brief, recipients: int, within: timedelta) -> Prediction:
    """Outcomes of `recipients`: the mean, and the 2.5 % and 97.5 % quantiles of the beta-binomial."""
    rate = brief.worth.expected_rate
    low, high = _interval(recipients, max(rate * PRIOR_PEOPLE, 0.5), max((1 - rate) * PRIOR_PEOPLE, 0.5))
    return Prediction(
        metric=brief.objective.outcome.value,
        low=low,
        mid=min(float(high), max(float(low), round(recipients * rate, 1))),
        high=high,
        horizon=within,
    )


def horizon(brief: Brief, *, accepted_at: datetime, opens_at: datetime, now: datetime) -> timedelta:
    """From `now` until the brief's window closes, at the latest: the launch may be `now`, sending takes its window."""
    closes = brief.objective.window_closes
    if closes.at is not None:
        return max(timedelta(0), closes.at - now)
    launch = max(opens_at, now)
    start = {
        Anchor.ACCEPTANCE: accepted_at,
        Anchor.LAUNCH: launch,
        Anchor.END_OF_SENDING: launch + brief.timing.send_window,
    }
    end = start[closes.after or Anchor.ACCEPTANCE] + (closes.by or timedelta(0))
    return max(timedelta(0), end - now)


def _interval(n: int, a: float, b: float) -> tuple[int, int]:
    """Summed up from nothing on, in logarithms: the first chance is too small for a float where the rate is high."""
    if n == 0:
        return 0, 0
    logarithm = lgamma(n + b) - lgamma(b) - lgamma(n + a + b) + lgamma(a + b)
    total, low = 0.0, None
    for k in range(n):
        total += exp(logarithm)
        if low is None and total >= TAIL:
            low = k
        if total >= 1 - TAIL:
            return low or 0, k
        logarithm += log((n - k) * (k + a) / ((k + 1) * (n - k - 1 + b)))
    return n if low is None else low, n
