-- Who began a transaction is said once, by SET LOCAL at its beginning, and lands in
-- the rows that tell others about it: see platform/audit.
ALTER TABLE outbox
	ADD COLUMN request_id  text NOT NULL DEFAULT '',
	ADD COLUMN traceparent text NOT NULL DEFAULT ''; -- W3C Trace Context
ALTER TABLE outbox
	ALTER COLUMN request_id SET DEFAULT coalesce(current_setting('fairgate.request_id', true), ''),
	ALTER COLUMN traceparent SET DEFAULT coalesce(current_setting('fairgate.traceparent', true), '');

-- tx orders the rows so that none can appear before one that has been read: ids are
-- given before the commit. Rows from before this migration have none and are in the
-- ledger only.
ALTER TABLE ledger
	ADD COLUMN request_id text NOT NULL DEFAULT '',
	ADD COLUMN actor      text NOT NULL DEFAULT '',
	ADD COLUMN tx         xid8;
ALTER TABLE ledger
	ALTER COLUMN request_id SET DEFAULT coalesce(current_setting('fairgate.request_id', true), ''),
	ALTER COLUMN actor SET DEFAULT coalesce(current_setting('fairgate.actor', true), ''),
	ALTER COLUMN tx SET DEFAULT pg_current_xact_id();
CREATE INDEX ledger_by_tx ON ledger (tx, id);

-- How far a reader has written the ledger out.
CREATE TABLE audit_cursor (
	name       text        PRIMARY KEY,
	tx         xid8        NOT NULL DEFAULT '0',
	id         bigint      NOT NULL DEFAULT 0, -- of the last row written, within tx
	updated_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO audit_cursor (name) VALUES ('ledger');
