"""What audit counts."""

from prometheus_client import Counter, Gauge

from contracts.catalogue import TOPICS

RECORDS = Counter("handrail_audit_records", "Records appended to a chain.", ["kind"])
CHECKPOINTS = Counter("handrail_audit_checkpoints", "Heads signed.")
FAILURES = Counter("handrail_audit_append_failures", "Checkpoints that could not be signed.")
LAG = Gauge("handrail_audit_lag_seconds", "Seconds since the last record was stored.")

for topic in TOPICS:
    RECORDS.labels(kind=topic)
