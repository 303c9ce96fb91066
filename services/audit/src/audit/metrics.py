"""What audit counts."""

from prometheus_client import Counter, Gauge

from contracts.catalogue import TOPICS

RECORDS = Counter("handrail_audit_records", "Records appended to a chain.", ["kind"])
CHECKPOINTS = Counter("handrail_audit_checkpoints", "Heads signed.")
CHECKPOINT_FAILURES = Counter("handrail_audit_checkpoint_failures", "Heads that could not be signed.")
FAILURES = Counter("handrail_audit_append_failures", "Batches that could not be appended and were rolled back.")
CONFLICTS = Counter("handrail_audit_conflicts", "Records with other bytes under a stored event id.")
FORGERIES = Counter("handrail_audit_forgeries", "Records kept although their signature did not hold.")
VERIFICATIONS = Counter("handrail_audit_verifications", "Recomputations of stored records.", ["result"])
LAG = Gauge("handrail_audit_lag_seconds", "From the newest fact of ours in the last batch to its being stored.")

for topic in TOPICS:
    RECORDS.labels(kind=topic)
for result in ("ok", "broken"):
    VERIFICATIONS.labels(result=result)
