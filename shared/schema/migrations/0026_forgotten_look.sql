-- Erased accounts are looked at in turn, those first that were looked at the longest ago:
-- however many of them cannot be forgotten yet, the others' turn comes.
ALTER TABLE forgotten_account ADD COLUMN looked_at timestamptz NOT NULL DEFAULT '-infinity';
CREATE INDEX forgotten_account_due ON forgotten_account (looked_at) WHERE done_at IS NULL;
DROP INDEX forgotten_account_open;
