-- Tables that every service has in its own database.

-- One row per campaign: its lock makes this service's decisions about a campaign one after the other, whoever makes them.
CREATE TABLE campaign (
    tenant      text NOT NULL,
    campaign_id uuid NOT NULL,
    PRIMARY KEY (tenant, campaign_id)
);

-- The fold's state: one document per campaign, replaced as a whole under the campaign's lock.
CREATE TABLE campaign_state (
    tenant      text        NOT NULL,
    campaign_id uuid        NOT NULL,
    body        jsonb       NOT NULL,
    saved_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant, campaign_id)
);

-- The writing service's log epoch: raised only by recovery from a backup.
CREATE TABLE log_epoch (
    one   boolean PRIMARY KEY DEFAULT true CHECK (one),
    epoch int     NOT NULL DEFAULT 0
);
INSERT INTO log_epoch DEFAULT VALUES;

-- The last sequence given, per topic and campaign within an epoch.
CREATE TABLE stream (
    tenant      text   NOT NULL,
    topic       text   NOT NULL,
    campaign_id uuid   NOT NULL,
    epoch       int    NOT NULL,
    last        bigint NOT NULL,
    PRIMARY KEY (tenant, topic, campaign_id, epoch)
);

-- What this service has already met: a redelivered event claims nothing.
CREATE TABLE inbox (
    event_id   uuid        PRIMARY KEY,
    claimed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX inbox_claimed ON inbox (claimed_at); -- the oldest go first

-- What this service has said: outbox, and what is said again when Kafka's data are lost.
CREATE TABLE event_log (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id    uuid        NOT NULL UNIQUE,
    tenant      text        NOT NULL,
    campaign_id uuid        NOT NULL,
    topic       text        NOT NULL,
    epoch       int,
    sequence    bigint,              -- null on inbound.*: outsiders are not numbered by us
    key         bytea       NOT NULL,
    shard       smallint    NOT NULL,
    headers     json        NOT NULL, -- name to text, in order
    value       bytea       NOT NULL,
    logged_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    sent_at     timestamptz,
    UNIQUE (tenant, topic, campaign_id, epoch, sequence)
);
CREATE INDEX event_log_unsent ON event_log (id) WHERE sent_at IS NULL; -- the relay's only question

-- The Kafka clusters this service has worked with: on another one, somebody must say what is sent again.
CREATE TABLE kafka_cluster (
    cluster_id text        PRIMARY KEY,
    met_at     timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Every plan this service acts by, as it was published.
CREATE TABLE plan (
    tenant      text  NOT NULL,
    campaign_id uuid  NOT NULL,
    version     int   NOT NULL,
    policy_hash text  NOT NULL,
    body        bytea NOT NULL,
    PRIMARY KEY (tenant, campaign_id, version)
);

-- Claimed messages that name a plan version not seen yet, as they came.
CREATE TABLE waiting (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant       text        NOT NULL,
    campaign_id  uuid        NOT NULL,
    plan_version int         NOT NULL,
    topic        text        NOT NULL,
    headers      bytea[]     NOT NULL,
    value        bytea       NOT NULL,
    since        timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX waiting_campaign ON waiting (tenant, campaign_id, id);

-- Work and deadlines that a decision asked for. Only the database's clock counts.
CREATE TABLE task (
    id             uuid        PRIMARY KEY,
    tenant         text        NOT NULL,
    campaign_id    uuid        NOT NULL,
    kind           text        NOT NULL,
    body           jsonb       NOT NULL,
    cause          uuid        NOT NULL,
    correlation_id uuid        NOT NULL,
    traceparent    text,
    due_at         timestamptz NOT NULL,
    lease          uuid,
    leased_by      text,             -- the replica: one that starts anew gives its old leases back
    leased_until   timestamptz,
    attempts       int         NOT NULL DEFAULT 0,
    error          text,
    done_at        timestamptz
);
CREATE INDEX task_due ON task (due_at) WHERE done_at IS NULL;
CREATE INDEX task_campaign ON task (tenant, campaign_id) WHERE done_at IS NULL;
CREATE INDEX task_done ON task (done_at) WHERE done_at IS NOT NULL; -- the oldest go first

-- What a command was answered: a repeated key gets the same answer.
CREATE TABLE command_log (
    cause      uuid        PRIMARY KEY,
    body_hash  text        NOT NULL,
    status     int         NOT NULL,
    answer     jsonb       NOT NULL,
    handled_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX command_log_handled ON command_log (handled_at); -- the oldest go first

-- What could not be processed, byte for byte, and what waits behind it.
CREATE TABLE dead_letter (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    cluster_id   text        NOT NULL,
    topic        text        NOT NULL,
    partition    int         NOT NULL,
    kafka_offset bigint      NOT NULL,
    key          bytea,
    headers      bytea[]     NOT NULL,  -- name, value, name, value ...; a value may be null
    value        bytea,
    sha256       bytea       NOT NULL,  -- of the value, so that a judge needs no access to it
    kind         text        NOT NULL CHECK (kind IN ('undecodable', 'failing', 'behind')),
    reason       text        NOT NULL,
    tenant       text,
    campaign_id  uuid,                  -- null: parks nothing
    attempts     int         NOT NULL DEFAULT 0,
    redriven     int         NOT NULL DEFAULT 0,
    kept_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (cluster_id, topic, partition, kafka_offset)
);
CREATE INDEX dead_letter_campaign ON dead_letter (tenant, campaign_id, id) WHERE campaign_id IS NOT NULL;

-- Who asked for a dead letter to be thrown away, and why: two people must.
CREATE TABLE dead_letter_discard (
    dead_letter_id bigint      NOT NULL,
    actor          text        NOT NULL,
    reason         text        NOT NULL,
    asked_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (dead_letter_id, actor)
);

-- How often a reader began here, and how often the record was tried alone; survives the process it may have killed.
CREATE TABLE attempt (
    cluster_id   text        NOT NULL,
    topic        text        NOT NULL,
    partition    int         NOT NULL,
    kafka_offset bigint      NOT NULL,
    begun        int         NOT NULL DEFAULT 0,
    tried        int         NOT NULL DEFAULT 0,
    first_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (cluster_id, topic, partition, kafka_offset)
);
