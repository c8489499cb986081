-- Holds that were kept in Postgres while Redis was down: by account, for its limit
-- and for finding what a retried request was given. Other claims cost nothing.
CREATE INDEX seat_claim_held ON seat_claim (account_id) WHERE kind = 'held';
