-- A fan's inbox. seq grows in commit order within one account (the writer holds
-- a lock on the account), so "everything after seq" never skips one.
CREATE TABLE notification (
    seq        bigserial   PRIMARY KEY,
    account_id text        NOT NULL,
    kind       text        NOT NULL,
    entity     text        NOT NULL,
    title      text        NOT NULL,
    body       text        NOT NULL,
    link       text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT notification_once UNIQUE (account_id, kind, entity)
);
CREATE INDEX notification_account ON notification (account_id, seq);

-- One row for each mail and each post, whatever happens to its message:
-- pending, then sending under a lease, then sent.
CREATE TABLE delivery (
    channel      text        NOT NULL,           -- mail, slack
    template     text        NOT NULL,
    entity       text        NOT NULL,
    recipient    text        NOT NULL,
    state        text        NOT NULL CHECK (state IN ('pending', 'sending', 'sent')),
    attempt      int         NOT NULL DEFAULT 0,
    leased_until timestamptz,
    last_error   text        NOT NULL DEFAULT '',
    created_at   timestamptz NOT NULL DEFAULT now(),
    sent_at      timestamptz,
    PRIMARY KEY (channel, template, entity, recipient)
);
CREATE INDEX delivery_unsent ON delivery (created_at) WHERE state <> 'sent';
