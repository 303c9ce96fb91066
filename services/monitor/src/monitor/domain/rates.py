"""What a figure of mail means: each rate with its base, and how sure one can be of it. Pure arithmetic.

Opens appear in `click_to_open` alone, which is shown and never decides: software opens mail by itself.
"""

from math import sqrt

Z95 = 1.959963984540054
"""Standard deviations on either side that hold 95 %."""


def rate(count: int, of: int) -> float | None:
    """`count / of`; None of nothing, which is not the same as zero."""
    return count / of if of > 0 else None


def delivery_rate(delivered: int, sent: int) -> float | None:
    return rate(delivered, sent)


def hard_bounce_rate(bounced: int, sent: int) -> float | None:
    return rate(bounced, sent)


def complaint_rate(complained: int, delivered: int) -> float | None:
    return rate(complained, delivered)


def click_rate(clickers: int, delivered: int) -> float | None:
    """Unique: each recipient once."""
    return rate(clickers, delivered)


def click_to_open(clicks: int, opens: int) -> float | None:
    return rate(clicks, opens)


def conversion_rate(converted: int, clickers: int) -> float | None:
    """Of those who clicked."""
    return rate(converted, clickers)


def unsubscribe_rate(unsubscribed: int, delivered: int) -> float | None:
    return rate(unsubscribed, delivered)


def revenue_per_delivered(revenue_micros: int, delivered: int) -> float | None:
    """In millionths of the currency."""
    return rate(revenue_micros, delivered)


def wilson(count: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a rate (Wilson's score): honest for few, and for none; (0, 1) of nothing."""
    if of <= 0:
        return 0.0, 1.0
    share = min(1.0, count / of)
    spread = Z95**2 / of
    middle = (share + spread / 2) / (1 + spread)
    half = Z95 / (1 + spread) * sqrt(share * (1 - share) / of + spread / (4 * of))
    return max(0.0, middle - half), min(1.0, middle + half)


def difference(first: int, first_of: int, second: int, second_of: int) -> tuple[float, float]:
    """(second rate - first rate, half width of its 95 % interval), for two samples of their own."""
    one, two = first / first_of, second / second_of
    return two - one, Z95 * sqrt(one * (1 - one) / first_of + two * (1 - two) / second_of)
