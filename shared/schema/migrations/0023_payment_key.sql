-- A payment key may be presented by anybody, for any order: it is known once for each
-- payment, so that a stranger's attempt is in nobody's way.
ALTER TABLE payment_attempt
	DROP CONSTRAINT payment_attempt_key_once,
	ADD CONSTRAINT payment_attempt_key_once UNIQUE (payment_key, payment_id);
-- Webhooks are unsigned: an id that was used for one order says nothing of another.
ALTER TABLE webhook_event
	DROP CONSTRAINT webhook_event_pkey,
	ADD PRIMARY KEY (transmission_id, order_id);
