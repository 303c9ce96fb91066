-- What is known of each recipient in a campaign: counters stay exact, whatever the order of sends and reports.
CREATE TABLE recipient (
    tenant         text   NOT NULL,
    campaign_id    uuid   NOT NULL,
    recipient_hash text   NOT NULL,
    domain         text   NOT NULL,
    wave           text,                 -- decision:wave, once the executor recorded the mail
    kinds          text[] NOT NULL,      -- what was reported, each once
    PRIMARY KEY (tenant, campaign_id, recipient_hash)
);

-- Figures of channels; only a later revision replaces one.
CREATE TABLE metric_row (
    tenant      text        NOT NULL,
    campaign_id uuid        NOT NULL,
    metric      text        NOT NULL,
    channel     text        NOT NULL,
    bucket      timestamptz NOT NULL,
    value       bigint      NOT NULL,
    unit        text        NOT NULL,
    currency    text,
    attribution text        NOT NULL,
    as_of       timestamptz NOT NULL,
    provisional boolean     NOT NULL,
    revision    bigint      NOT NULL,
    PRIMARY KEY (tenant, campaign_id, metric, channel, bucket)
);

-- Every scrape asks how the campaigns stand that have a brief and no end; ended ones pile up for ever.
CREATE INDEX campaign_state_running ON campaign_state (tenant)
 WHERE body->>'finished' IS NULL AND (body->>'received_at' IS NOT NULL OR body->>'asked_at' IS NOT NULL);
