-- The same tables of all services as one, and each fact once.
CREATE VIEW judge.fact AS
SELECT DISTINCT ON (event_id) * FROM judge.kafka WHERE readable ORDER BY event_id, partition, "offset";
CREATE INDEX ON judge.kafka (event_id);
CREATE INDEX ON judge.kafka (type, campaign_id);
