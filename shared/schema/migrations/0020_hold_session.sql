-- The session in the sale's line that a hold was made in, so that it can be released
-- when the session ends. NULL: the sale is not queued, or not a hold.
ALTER TABLE seat_claim
	ADD COLUMN session_epoch bigint,
	ADD COLUMN session_n bigint;
