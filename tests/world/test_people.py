"""Chance comes from the seed and the person alone."""

from collections import Counter

from world.config import DEFAULT_SEED
from world.people import Does, Reaction, reactions

DEAD = frozenset({"acme-legacy.example"})
CROWD = [f"person{number}@company{number % 9}.example" for number in range(2000)]


def test_the_same_seed_the_same_behaviour() -> None:
    assert reactions(3, "ann@north.example", DEAD) == reactions(3, " ANN@north.example", DEAD)


def test_another_seed_another_behaviour() -> None:
    assert any(reactions(3, address, DEAD) != reactions(4, address, DEAD) for address in CROWD[:3])


def test_at_a_dead_domain_every_mail_bounces_and_nothing_else_happens() -> None:
    for number in range(50):
        [only] = reactions(DEFAULT_SEED, f"person{number}@acme-legacy.example", DEAD)
        assert only.does is Does.BOUNCES


def test_a_crowd_reacts_in_the_shares_that_a_campaign_can_be_judged_by() -> None:
    seen: Counter[Does] = Counter()
    for address in CROWD:
        seen.update(one.does for one in reactions(DEFAULT_SEED, address, DEAD))
    delivered = seen[Does.RECEIVES]
    assert delivered > 0.98 * len(CROWD)
    assert 0.45 < seen[Does.OPENS_BY_MACHINE] / delivered < 0.55
    assert 0.055 < seen[Does.BOOKS_DEMO] / delivered < 0.095
    assert 0 < seen[Does.BLOCKS] < 0.02 * len(CROWD)
    assert 0 < seen[Does.UNSUBSCRIBES] < 0.02 * len(CROWD)


def test_nobody_reads_before_the_mail_is_there_and_all_is_over_in_four_seconds() -> None:
    for address in CROWD:
        made = reactions(DEFAULT_SEED, address, DEAD)
        assert list(made) == sorted(made, key=lambda one: one.after_seconds)
        arrival = next((one.after_seconds for one in made if one.does is Does.RECEIVES), None)
        late: set[Does] = {one.does for one in made if arrival is not None and one.after_seconds < arrival}
        assert late <= {Does.DEFERS}
        assert all(one.after_seconds <= 4 for one in made)


def test_a_mail_whose_signature_fails_is_blocked() -> None:
    made = reactions(DEFAULT_SEED, "ann@north.example", DEAD, authentic=False)
    assert made == (Reaction(made[0].after_seconds, Does.BLOCKS),)
