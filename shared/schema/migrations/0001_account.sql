-- Accounts, their log-ins and the refresh tokens of each log-in.

CREATE TABLE account (
    id            text PRIMARY KEY,
    email         text,          -- lower case; NULL once the account is deleted
    password_hash text,          -- argon2id in PHC form; NULL once deleted
    name          text        NOT NULL,
    role          text        NOT NULL DEFAULT 'fan' CHECK (role IN ('fan', 'organizer', 'checkin', 'admin')),
    locale        text        NOT NULL DEFAULT 'ko',
    created_at    timestamptz NOT NULL DEFAULT now(),
    deleted_at    timestamptz
);
CREATE UNIQUE INDEX account_email ON account (email);

-- One log-in on one device. Its refresh tokens replace one another; revoking the
-- log-in kills the whole family.
CREATE TABLE login (
    id         text PRIMARY KEY,
    account_id text        NOT NULL REFERENCES account (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz
);
CREATE INDEX login_account ON login (account_id);

CREATE TABLE refresh_token (
    digest     bytea PRIMARY KEY,    -- SHA-256 of the token; the token itself is not stored
    login_id   text        NOT NULL REFERENCES login (id) ON DELETE CASCADE,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz           -- when it was first exchanged for its successor
);
CREATE INDEX refresh_token_login ON refresh_token (login_id);
