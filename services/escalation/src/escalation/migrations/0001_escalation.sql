-- Where a case or decision is to be found: an index beside the campaign's state, rewritten with it.
CREATE TABLE case_index (
    tenant      text        NOT NULL,
    case_id     uuid        NOT NULL,
    campaign_id uuid        NOT NULL,
    kind        text        NOT NULL,
    status      text        NOT NULL,
    severity    text        NOT NULL,
    opened_at   timestamptz NOT NULL,
    deadline    timestamptz NOT NULL,
    PRIMARY KEY (tenant, case_id)
);
CREATE INDEX case_index_open ON case_index (tenant, deadline) WHERE status = 'open'; -- the inbox, most urgent first

CREATE TABLE decision_index (
    tenant      text NOT NULL,
    decision_id uuid NOT NULL,
    campaign_id uuid NOT NULL,
    PRIMARY KEY (tenant, decision_id)
);

-- Frameworks that people approved: a later send inside one needs no approval for its newness. `content` is what was
-- approved last, so that the next card can say what differs. Of one decision type and legal class, for another is new.
CREATE TABLE framework_approval (
    tenant        text        NOT NULL,
    framework     text        NOT NULL,
    decision_type text        NOT NULL,
    legal_class   text        NOT NULL,
    approved_at   timestamptz NOT NULL,
    content       jsonb       NOT NULL,
    PRIMARY KEY (tenant, framework, decision_type, legal_class)
);

-- Who was told about which case: the inbox of each person.
CREATE TABLE notification (
    tenant  text        NOT NULL,
    case_id uuid        NOT NULL,
    subject text        NOT NULL,
    told_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant, case_id, subject)
);

-- Engaged kill switches, by the key their events come under: a campaign, a tenant's row, or the row of tenant `*`.
CREATE TABLE engaged_switch (
    tenant      text        NOT NULL,
    campaign_id uuid        NOT NULL,
    engaged_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant, campaign_id)
);

-- Questions to each person by hour, changed by adding only: nobody is asked more than can be read.
CREATE TABLE request_count (
    tenant   text        NOT NULL,
    subject  text        NOT NULL,
    hour     timestamptz NOT NULL,
    requests integer     NOT NULL,
    PRIMARY KEY (tenant, subject, hour)
);
