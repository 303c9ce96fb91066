-- Who may be written to. Addresses live here and nowhere else.
CREATE TABLE audience (
    tenant       text        NOT NULL,
    name         text        NOT NULL,
    content_hash text        NOT NULL,
    contacts     int         NOT NULL,
    with_consent int         NOT NULL,
    imported_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant, name)
);
CREATE TABLE contact (
    tenant         text NOT NULL,
    recipient_hash text NOT NULL,
    address        text NOT NULL,
    domain         text NOT NULL,
    first_name     text NOT NULL,
    timezone       text NOT NULL,
    locale         text NOT NULL,
    PRIMARY KEY (tenant, recipient_hash)
);
CREATE TABLE audience_member (
    tenant         text NOT NULL,
    audience       text NOT NULL,
    position       int  NOT NULL,  -- order of registration: who is written to first
    recipient_hash text NOT NULL,
    segment        text NOT NULL,
    PRIMARY KEY (tenant, audience, position),
    UNIQUE (tenant, audience, recipient_hash)
);
CREATE TABLE consent (
    tenant         text        NOT NULL,
    recipient_hash text        NOT NULL,
    state          text        NOT NULL CHECK (state IN ('yes', 'no', 'withdrawn')),
    source         text        NOT NULL,
    text_version   text        NOT NULL,
    captured_at    timestamptz NOT NULL CHECK (captured_at BETWEEN '2000-01-01' AND '2200-01-01'),
    PRIMARY KEY (tenant, recipient_hash)
);
CREATE TABLE suppression (
    tenant         text        NOT NULL,
    recipient_hash text        NOT NULL,
    domain         text        NOT NULL,
    reason         text        NOT NULL,
    at             timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant, recipient_hash)
);

-- Drafts, by revision: what a check looked at.
CREATE TABLE artefact (
    tenant       text NOT NULL,
    campaign_id  uuid NOT NULL,
    plan_version int  NOT NULL,
    name         text NOT NULL,
    revision     int  NOT NULL,
    segment      text NOT NULL,
    subject      text NOT NULL,
    preheader    text NOT NULL,
    body_text    text NOT NULL,
    body_html    text NOT NULL,
    content_hash text NOT NULL,
    PRIMARY KEY (tenant, campaign_id, plan_version, name, revision)
);

-- Each recipient's mail as rendered when the send was proposed: what is approved is what is sent.
CREATE TABLE mail (
    tenant           text NOT NULL,
    campaign_id      uuid NOT NULL,
    plan_version     int  NOT NULL,
    recipient_hash   text NOT NULL,
    position         int  NOT NULL,
    recipient_domain text NOT NULL,
    variant          text NOT NULL,
    subject          text NOT NULL,
    body_text        text NOT NULL,
    body_html        text NOT NULL,
    digest           text NOT NULL,
    PRIMARY KEY (tenant, campaign_id, plan_version, recipient_hash)
);

-- What a rendering came to, and for the how many-th asking: a worker that comes late renders nothing again.
CREATE TABLE rendering (
    tenant       text  NOT NULL,
    campaign_id  uuid  NOT NULL,
    plan_version int   NOT NULL,
    nth          int   NOT NULL,
    result       jsonb NOT NULL,
    PRIMARY KEY (tenant, campaign_id, plan_version)
);

-- Which mails an approval covers; an option to a trigger is another snapshot over the same mails.
CREATE TABLE snapshot (
    tenant         text NOT NULL,
    campaign_id    uuid NOT NULL,
    snapshot_hash  text NOT NULL,
    position       int  NOT NULL,
    recipient_hash text NOT NULL,
    PRIMARY KEY (tenant, campaign_id, snapshot_hash, position)
);

-- When a person asked for test mails to themselves within the last hour.
CREATE TABLE test_mail (
    tenant   text          NOT NULL,
    subject  text          NOT NULL,
    asked_at timestamptz[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (tenant, subject)
);
