"""Formulas of mail metrics, each with its base. Pure.

Opens never feed a decision: about half of them are made by software that fetches every mail.
"""

from math import sqrt

Z95 = 1.959964


def rate(count: int, of: int) -> float:
    """`count` of `of`; 0 of nothing."""
    return count / of if of else 0.0


def delivery_rate(delivered: int, sent: int) -> float:
    return rate(delivered, sent)


def hard_bounce_rate(bounced: int, sent: int) -> float:
    return rate(bounced, sent)


def complaint_rate(complaints: int, delivered: int) -> float:
    return rate(complaints, delivered)


def click_rate(clickers: int, delivered: int) -> float:
    return rate(clickers, delivered)


def click_to_open(clickers: int, opens: int, machine_opens: int) -> float:
    """Among opens by people."""
    return rate(clickers, opens - machine_opens)


def conversion_rate(conversions: int, clickers: int) -> float:
    return rate(conversions, clickers)


def interval(count: int, of: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a rate (Wilson 1927): holds for small counts too."""
    if of == 0:
        return 0.0, 1.0
    share, square = count / of, Z95 * Z95
    middle = (share + square / (2 * of)) / (1 + square / of)
    half = Z95 / (1 + square / of) * sqrt(share * (1 - share) / of + square / (4 * of * of))
    return max(0.0, middle - half), min(1.0, middle + half)
