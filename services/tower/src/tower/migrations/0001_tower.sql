-- What the pages show of a campaign: made from events alone, so that it can be made again.
CREATE TABLE campaign_row (
    tenant      text        NOT NULL,
    campaign_id uuid        NOT NULL,
    body        jsonb       NOT NULL,
    changed_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant, campaign_id)
);

-- Everything that happened, in words, in the order of its topics.
CREATE TABLE happening (
    tenant      text        NOT NULL,
    campaign_id uuid        NOT NULL,
    event_id    uuid        NOT NULL,
    type        text        NOT NULL,
    said        text        NOT NULL,
    occurred_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, campaign_id, event_id)
);
CREATE INDEX happening_campaign ON happening (tenant, campaign_id, occurred_at DESC);
