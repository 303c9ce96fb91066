"""Traces go on from service to service, whether or not anybody looks at spans."""

from chassis.telemetry import span
from tests.builders import meta

PARENT = f"00-{'1a' * 16}-{'2b' * 8}-01"


def test_what_follows_stays_in_its_trace_with_a_span_id_of_its_own() -> None:
    with span("Handled", meta(traceparent=PARENT)) as traceparent:
        one, two = traceparent(), traceparent()
    assert one[:36] == two[:36] == PARENT[:36]
    assert one[-3:] == "-01"
    assert len({one, two, PARENT}) == 3


def test_what_nothing_caused_begins_a_trace() -> None:
    traces = set()
    for found in (None, "nonsense", f"00-{'0' * 32}-{'2b' * 8}-01"):
        with span("Handled", meta(traceparent=found)) as traceparent:
            version, trace, parent, flags = traceparent().split("-")
        assert (version, len(trace), len(parent), flags) == ("00", 32, 16, "01")
        traces.add(trace)
    assert len(traces) == 3
