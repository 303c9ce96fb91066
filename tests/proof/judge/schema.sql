-- What the judge knows from outside: nothing here was said by a service's tables. No constraints: a self-test spoils it.
CREATE SCHEMA judge;
CREATE TABLE judge.kafka (
    topic        text        NOT NULL,
    partition    int         NOT NULL,
    "offset"     bigint      NOT NULL,
    at           timestamptz NOT NULL, -- the broker's time of arrival
    readable     boolean     NOT NULL,
    first        boolean,              -- of the records with its event id: a fact counts once
    event_id     uuid,
    type         text,
    tenant       text,
    campaign_id  uuid,
    sequence     bigint,
    epoch        int,
    causation_id uuid,
    occurred_at  timestamptz,
    signature    text,
    key          bytea,
    sha256       bytea       NOT NULL, -- of the value
    leaf         bytea       NOT NULL,
    body         jsonb
);
-- One line per effect outside, whichever tool made it. `target` is who or what it reached, in the world's own words.
CREATE TABLE judge.ledger (
    tool           text        NOT NULL,
    number         bigint      NOT NULL,
    at             timestamptz NOT NULL,
    tenant         text        NOT NULL,
    campaign_id    uuid        NOT NULL,
    target         text        NOT NULL,
    effect_id      uuid,
    recipient_hash text,
    digest         text        NOT NULL, -- made by the world from what it received
    authentic      boolean     NOT NULL
);
CREATE TABLE judge.progress (consumer text, topic text, partition int, committed bigint, ends bigint);
CREATE TABLE judge.subscription (consumer text, topic text);
CREATE TABLE judge.person (subject text PRIMARY KEY, kind text, roles text[]);
CREATE TABLE judge.promise (campaign_id uuid, type text); -- a door said that it was written
CREATE TABLE judge.stop (scope text, campaign_id uuid, asked_at timestamptz, answered_at timestamptz, lifted_at timestamptz);
CREATE TABLE judge.outside (event_id uuid); -- what the proof itself published
CREATE TABLE judge.known (name text PRIMARY KEY, value text);

-- The framing of everything that is hashed: four bytes of length, big-endian, before each part.
CREATE FUNCTION judge.framed(part bytea) RETURNS bytea LANGUAGE sql IMMUTABLE AS
$$ SELECT int4send(length(part)) || part $$;
CREATE FUNCTION judge.framed(part text) RETURNS bytea LANGUAGE sql IMMUTABLE AS
$$ SELECT judge.framed(convert_to(part, 'UTF8')) $$;
CREATE FUNCTION judge.digest(VARIADIC parts text[]) RETURNS text LANGUAGE sql IMMUTABLE AS
$$ SELECT encode(sha256(string_agg(judge.framed(part), ''::bytea ORDER BY nth)), 'hex')
     FROM unnest(parts) WITH ORDINALITY AS row (part, nth) $$;
CREATE FUNCTION judge.known(asked text) RETURNS text LANGUAGE sql STABLE AS
$$ SELECT value FROM judge.known WHERE name = asked $$;
CREATE FUNCTION judge.body(topic text, key bytea, headers bytea[], value bytea) RETURNS bytea LANGUAGE sql IMMUTABLE AS
$$ SELECT judge.framed(topic) || judge.framed(key)
       || coalesce((SELECT string_agg(judge.framed(part), ''::bytea ORDER BY nth)
                      FROM unnest(headers) WITH ORDINALITY AS row (part, nth)), '') || judge.framed(value) $$;
CREATE FUNCTION judge.leaf(topic text, key bytea, headers bytea[], value bytea) RETURNS bytea LANGUAGE sql IMMUTABLE AS
$$ SELECT sha256('\x00'::bytea || judge.body(topic, key, headers, value)) $$;
-- The same where headers are framed already, as the audit keeps them.
CREATE FUNCTION judge.body(topic text, key bytea, headers bytea, value bytea) RETURNS bytea LANGUAGE sql IMMUTABLE AS
$$ SELECT judge.framed(topic) || judge.framed(key) || headers || judge.framed(value) $$;
CREATE FUNCTION judge.leaf(topic text, key bytea, headers bytea, value bytea) RETURNS bytea LANGUAGE sql IMMUTABLE AS
$$ SELECT sha256('\x00'::bytea || judge.body(topic, key, headers, value)) $$;
-- The same where headers are kept as one object, in order.
CREATE FUNCTION judge.leaf(topic text, key bytea, headers json, value bytea) RETURNS bytea LANGUAGE sql IMMUTABLE AS
$$ SELECT judge.leaf(topic, key, ARRAY(
       SELECT convert_to(part, 'UTF8')
         FROM json_each_text(headers) WITH ORDINALITY AS header (name, said, nth),
              LATERAL (VALUES (1, name), (2, said)) AS pair (half, part)
        ORDER BY nth, half), value) $$;
