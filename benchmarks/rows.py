"""The rows of the table."""

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks import appending, in_out, ingest, relaying, stateless, stepping, steps, steps_by_hand
from benchmarks.frame import Prepare, Side


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    what: str
    compared_with: str
    reach: float
    """The least ratio, ours to the baseline's, that is aimed at."""
    least: int = 0
    """And the least that ours is to do in a second."""
    prepare: Prepare
    ours: Side
    baseline: Side
    events: int = 60_000
    quick_events: int = 10_000
    partitions: int = 6


ROWS: Mapping[str, Row] = {
    "ingest": Row(
        what="mail events in: typed, de-duplicated, folded into state by the monitor, durable",
        compared_with="the least loop by hand that leaves the same counts",
        reach=0.9,
        prepare=ingest.prepare,
        ours=ingest.ours,
        baseline=ingest.baseline,
    ),
    "stateless": Row(
        what="mail events in, typed and counted, no state",
        compared_with="raw client, the same decoder",
        reach=0.75,
        prepare=stateless.prepare,
        ours=stateless.ours,
        baseline=stateless.by_decoder,
    ),
    "stateless_bare": Row(
        what="the same",
        compared_with="raw client, pydantic on the value alone",
        reach=0.75,
        prepare=stateless.prepare,
        ours=stateless.ours,
        baseline=stateless.by_pydantic,
    ),
    "in_out": Row(
        what="one event in, one event out, relayed",
        compared_with="two loops by hand with the same guarantees",
        reach=0.8,
        least=8_000,
        prepare=in_out.prepare,
        ours=in_out.ours,
        baseline=in_out.baseline,
    ),
    "step": Row(
        what="a campaign's step: proposed, ruled and signed, taken and recorded; two services, over Kafka",
        compared_with="the same three transactions by hand, without Kafka",
        reach=0.4,
        least=500,
        prepare=steps.prepare,
        ours=stepping.ours,
        baseline=steps_by_hand.baseline,
        events=4_000,
        quick_events=1_000,
        partitions=3,
    ),
    "relay": Row(
        what="a full event log relayed to Kafka",
        compared_with="raw producer, idempotent, `acks=all`, records in memory",
        reach=0.6,
        prepare=relaying.prepare,
        ours=relaying.ours,
        baseline=relaying.baseline,
    ),
    "audit": Row(
        what="records appended to audit's chain",
        compared_with="the same decoder, one INSERT a batch",
        reach=0.6,
        prepare=appending.prepare,
        ours=appending.ours,
        baseline=appending.by_insert,
        events=50_000,
    ),
    "audit_bare": Row(
        what="the same",
        compared_with="one INSERT a batch of rows in memory",
        reach=0.6,
        prepare=appending.prepare,
        ours=appending.ours,
        baseline=appending.by_bare_insert,
        events=50_000,
    ),
}
