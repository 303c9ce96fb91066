-- Engaged kill switches, by the key their events come under: a campaign, a tenant's row, or the row of tenant `*`.
CREATE TABLE engaged_switch (
    tenant      text        NOT NULL,
    campaign_id uuid        NOT NULL,
    engaged_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant, campaign_id)
);

-- An approval of a framework is of one decision type and legal class too; what an older row meant nobody knows.
DELETE FROM framework_approval;
ALTER TABLE framework_approval
    ADD COLUMN decision_type text NOT NULL,
    ADD COLUMN legal_class   text NOT NULL,
    DROP CONSTRAINT framework_approval_pkey,
    ADD PRIMARY KEY (tenant, framework, decision_type, legal_class);
