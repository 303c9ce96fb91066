-- What the pages show of a campaign: made from events alone, so that it can be made again.
CREATE TABLE campaign_row (
    tenant      text        NOT NULL,
    campaign_id uuid        NOT NULL,
    body        jsonb       NOT NULL,
    changed_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant, campaign_id)
);
CREATE INDEX campaign_row_changed ON campaign_row (tenant, changed_at); -- every open page asks twice a second

-- Everything that happened, in words, in the order of its topics.
CREATE TABLE happening (
    tenant      text        NOT NULL,
    campaign_id uuid        NOT NULL,
    event_id    uuid        NOT NULL,
    type        text        NOT NULL,
    decision_id uuid,                 -- the decision it is about, where it is about one
    said        text        NOT NULL,
    occurred_at timestamptz NOT NULL,
    topic       text        NOT NULL,
    sequence    bigint      NOT NULL, -- facts of one transaction have one time
    PRIMARY KEY (tenant, campaign_id, event_id)
);
CREATE INDEX happening_campaign ON happening (tenant, campaign_id, occurred_at DESC);

-- Why each decision was made, and what came of it.
CREATE TABLE decision (
    tenant      text        NOT NULL,
    decision_id uuid        NOT NULL,
    campaign_id uuid        NOT NULL,
    body        jsonb       NOT NULL,
    changed_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant, decision_id)
);
CREATE INDEX decision_campaign ON decision (tenant, campaign_id);
