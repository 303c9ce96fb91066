-- No record is buried for a death that it did not cause. These proofs end processes from outside and send nothing that
-- cannot be read, so there is nothing to bury, and no campaign to park.
SELECT 'buried' AS what, format('%s %s/%s/%s, %s: %s', service, topic, partition, kafka_offset, kind, reason) AS which
  FROM judge.dead_letter
