-- Whose a booking session is: the account that first booked in it, or first used its pass
-- while Redis could not say whose it is. One session serves one account, whatever Redis
-- knows or has forgotten.
CREATE TABLE session_account (
	sale_id    text        NOT NULL,
	epoch      bigint      NOT NULL,
	n          bigint      NOT NULL,
	account_id text        NOT NULL,
	bound_at   timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (sale_id, epoch, n)
);
