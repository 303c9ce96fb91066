-- Grants as they came, with their signature: what an effect rests on.
CREATE TABLE approval_grant (
    tenant        text        NOT NULL,
    grant_id      uuid        NOT NULL,
    campaign_id   uuid        NOT NULL,
    decision_id   uuid        NOT NULL,
    plan_version  int         NOT NULL,
    content_hash  text        NOT NULL,
    policy_hash   text        NOT NULL,
    snapshot_hash text        NOT NULL,
    from_wave     int         NOT NULL,
    first_wave    int         NOT NULL,
    next_waves    int         NOT NULL,
    granted_at    timestamptz NOT NULL,
    opens_at      timestamptz NOT NULL, -- the brief's launch, if that is later: the send window begins here
    expires_at    timestamptz NOT NULL,
    headers       bytea[]     NOT NULL,
    value         bytea       NOT NULL,
    consumed_at   timestamptz,
    revoked_at    timestamptz,
    PRIMARY KEY (tenant, grant_id)
);

-- One recipient's place in a send. Only a row that was never dispatched may become abandoned.
CREATE TABLE effect_intent (
    tenant              text NOT NULL,
    campaign_id         uuid NOT NULL,
    plan_version        int  NOT NULL,
    step                text NOT NULL,
    recipient_hash      text NOT NULL,
    decision_id         uuid NOT NULL,
    effect_id           uuid NOT NULL,
    grant_id            uuid NOT NULL,
    recipient_domain    text NOT NULL,
    variant             text NOT NULL,
    position            int  NOT NULL,
    wave                int  NOT NULL,
    digest              text NOT NULL,
    tool                text NOT NULL,
    state               text NOT NULL CHECK (state IN ('planned', 'dispatched', 'succeeded', 'failed_definite', 'unknown',
                                                       'skipped', 'abandoned')),
    because             text NOT NULL DEFAULT '',
    attempts            int  NOT NULL DEFAULT 0,
    not_before          timestamptz,
    journal             text,
    lease               uuid,
    leased_until        timestamptz,
    touched_on          date,              -- the day its touch was counted on
    cost                bigint NOT NULL DEFAULT 0, -- micros reserved for it
    evidence            text,
    reported            boolean NOT NULL DEFAULT false, -- its outcome was handed to the fold
    first_dispatched_at timestamptz, -- null as long as it is proven that nothing of it left
    lost_at             timestamptz, -- planned with a lost answer: to be asked for again, or looked up
    look_ups            int  NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, campaign_id, plan_version, step, recipient_hash, decision_id),
    CHECK (state <> 'abandoned' OR first_dispatched_at IS NULL),
    CHECK (lost_at IS NULL OR first_dispatched_at IS NOT NULL)
);
-- One mail per person and step, whatever the decision.
CREATE UNIQUE INDEX effect_intent_once ON effect_intent (tenant, campaign_id, plan_version, step, recipient_hash)
 WHERE state <> 'abandoned';
CREATE INDEX effect_intent_effect ON effect_intent (effect_id);
CREATE INDEX effect_intent_work ON effect_intent (tenant, campaign_id, decision_id, wave, position)
 WHERE state IN ('planned', 'dispatched');

-- What each run counts and tells, however large the send is.
CREATE INDEX effect_intent_wave ON effect_intent (tenant, campaign_id, decision_id, wave);
CREATE INDEX effect_intent_untold ON effect_intent (tenant, campaign_id, decision_id, position)
 WHERE NOT reported AND state IN ('succeeded', 'failed_definite', 'unknown', 'skipped');
CREATE INDEX effect_intent_lost ON effect_intent (tenant, campaign_id, decision_id)
 WHERE state = 'planned' AND lost_at IS NOT NULL;

-- What the guard reads under the campaign's lock.
CREATE TABLE campaign_guard (
    tenant      text    NOT NULL,
    campaign_id uuid    NOT NULL,
    fence       bigint  NOT NULL,
    halted      boolean NOT NULL,
    spent       bigint  NOT NULL DEFAULT 0, -- micros, reserved when dispatched
    PRIMARY KEY (tenant, campaign_id)
);

-- No row counts as engaged. The global row comes with the migration, others with tenant and campaign.
CREATE TABLE kill_switch (
    scope       text        PRIMARY KEY, -- global, tenant:<t>, campaign:<t>:<id>
    engaged     boolean     NOT NULL,
    epoch       bigint      NOT NULL DEFAULT 0,
    changed_by  text        NOT NULL,
    reason      text        NOT NULL,
    release_by  text,                    -- who asked to release it: a second person must confirm
    changed_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
INSERT INTO kill_switch (scope, engaged, changed_by, reason) VALUES ('global', false, 'migration', 'the first state');

-- The days of a person's mails over all campaigns of the tenant: the frequency boundary is a condition on this one row.
CREATE TABLE touch (
    tenant         text   NOT NULL,
    recipient_hash text   NOT NULL,
    days           date[] NOT NULL,
    PRIMARY KEY (tenant, recipient_hash)
);

-- Campaigns that a restored database had forgotten: when their plan comes again they begin halted, or are over.
CREATE TABLE forgotten_campaign (
    tenant      text   NOT NULL,
    campaign_id uuid   NOT NULL,
    fence       bigint NOT NULL,
    finished    text,
    PRIMARY KEY (tenant, campaign_id)
);
