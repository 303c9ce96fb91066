-- The end of each tenant's chain: its row is locked by whoever appends.
CREATE TABLE head (
    tenant text   PRIMARY KEY,
    seq    bigint NOT NULL,
    hash   bytea  NOT NULL,
    signed bigint NOT NULL DEFAULT 0  -- up to where a checkpoint was signed
);

-- Every record once, byte for byte, each holding all before it.
CREATE TABLE record (
    tenant      text        NOT NULL,
    seq         bigint      NOT NULL,
    event_id    uuid        NOT NULL,
    campaign_id uuid        NOT NULL,
    decision_id uuid,
    type        text        NOT NULL,
    topic       text        NOT NULL,
    key         bytea       NOT NULL,
    headers     bytea       NOT NULL, -- name, value, name, value ..., framed as the leaf has them
    value       bytea       NOT NULL,
    leaf        bytea       NOT NULL,
    prev        bytea       NOT NULL,
    hash        bytea       NOT NULL,
    occurred_at timestamptz NOT NULL,
    stored_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant, seq),
    UNIQUE (tenant, event_id)
);
CREATE INDEX record_campaign ON record (tenant, campaign_id, seq);
CREATE INDEX record_decision ON record (tenant, decision_id, seq) WHERE decision_id IS NOT NULL;

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'records are append-only';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON record FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON record EXECUTE FUNCTION refuse_change();
ALTER TABLE record ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE record ENABLE ALWAYS TRIGGER append_only_whole;
