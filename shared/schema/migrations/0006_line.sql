-- The mirror of the lines in Redis, and the seed of new ones: the worker makes in
-- Redis what is missing there and writes back what changed. Sales are not
-- referenced: the line knows only their ids.
CREATE TABLE line_policy (
    sale_id         text PRIMARY KEY CHECK (sale_id ~ '^[a-z0-9-]{1,40}$'),
    state           text NOT NULL DEFAULT 'scheduled',
    mode            text NOT NULL DEFAULT 'on',
    method          text NOT NULL DEFAULT 'fifo',
    identity        text NOT NULL DEFAULT 'account',
    capacity        integer NOT NULL DEFAULT 500 CHECK (capacity >= 1),
    rate_per_minute integer NOT NULL DEFAULT 3000 CHECK (rate_per_minute >= 1),
    session_seconds integer NOT NULL DEFAULT 300 CHECK (session_seconds >= 1),
    claim_seconds   integer NOT NULL DEFAULT 60 CHECK (claim_seconds >= 50),
    abandon_seconds integer NOT NULL DEFAULT 120 CHECK (abandon_seconds >= 1),
    grace_seconds   integer NOT NULL DEFAULT 600 CHECK (grace_seconds >= 0),
    lobby_opens_at  timestamptz,
    opens_at        timestamptz,
    challenge       text NOT NULL DEFAULT '',
    message         jsonb NOT NULL DEFAULT '{}',
    version         bigint NOT NULL DEFAULT 1,
    sold_out        boolean NOT NULL DEFAULT false,
    epoch           bigint NOT NULL DEFAULT 0, -- 0: the line has never lived in Redis
    tail            bigint NOT NULL DEFAULT 0, -- the last number given
    updated_at      timestamptz NOT NULL DEFAULT now()
);
