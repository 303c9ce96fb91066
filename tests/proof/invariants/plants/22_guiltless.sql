-- plant: a record that was blamed for a kill
INSERT INTO executor.dead_letter (topic, partition, kafka_offset, kind, reason)
VALUES ('monitor.signals.v1', 0, 0, 'failing', 'killed the process that handled it');
