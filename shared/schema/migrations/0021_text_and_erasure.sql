-- Text is NFC, as the services normalise it at their doors (shared/text), so that what is
-- searched and compared is the same bytes. An e-mail that is not in lower case becomes so
-- unless another account has that address already: then it stays as it is, and a warning
-- names the account, because only a person can say whose the address is. Until then its
-- owner cannot log in, as before: log-ins have always looked for lower case. What SQL cannot do, the A-labels of an international
-- domain, the log-in bears: it looks for both forms.
UPDATE venue SET name = normalize(name), name_en = normalize(name_en), region = normalize(region), address = normalize(address)
	WHERE name IS NOT NORMALIZED OR name_en IS NOT NORMALIZED OR region IS NOT NORMALIZED OR address IS NOT NORMALIZED;
UPDATE hall SET name = normalize(name) WHERE name IS NOT NORMALIZED;
UPDATE performer SET name = normalize(name) WHERE name IS NOT NORMALIZED;
UPDATE performance SET title = normalize(title), synopsis = normalize(synopsis)
	WHERE title IS NOT NORMALIZED OR synopsis IS NOT NORMALIZED;
UPDATE account SET name = normalize(name) WHERE name IS NOT NORMALIZED;

DO $$
DECLARE
	clash record;
BEGIN
	UPDATE account a SET email = lower(a.email)
		WHERE a.email <> lower(a.email)
		  AND NOT EXISTS (SELECT FROM account b WHERE b.id <> a.id AND lower(b.email) = lower(a.email));
	FOR clash IN SELECT id FROM account WHERE email <> lower(email) LOOP
		RAISE WARNING 'account % keeps its e-mail as it is: another account has the same in other letters', clash.id;
	END LOOP;
END $$;

-- What is left of the e-mail of an erased account: HMAC-SHA-256 with EMAIL_KEY. Nobody
-- signs up with it again. Addresses that were erased before this are not known any more.
CREATE TABLE erased_email (
	mark      bytea PRIMARY KEY,
	erased_at timestamptz NOT NULL DEFAULT now()
);

-- Log-ins of erased accounts were kept, revoked; now they go with the account.
DELETE FROM login l USING account a WHERE a.id = l.account_id AND a.deleted_at IS NOT NULL;

-- Accounts whose owners want to be forgotten: their bookings lose name and e-mail as soon
-- as no money of them is on its way. done_at: nothing is left, and nothing can come.
CREATE TABLE forgotten_account (
	account_id text PRIMARY KEY,
	asked_at   timestamptz NOT NULL DEFAULT now(),
	done_at    timestamptz
);
CREATE INDEX forgotten_account_open ON forgotten_account (asked_at) WHERE done_at IS NULL;
INSERT INTO forgotten_account (account_id) SELECT id FROM account WHERE deleted_at IS NOT NULL;
DELETE FROM notification n USING account a WHERE a.id = n.account_id AND a.deleted_at IS NOT NULL;

-- A mail's recipient is the account, as for every other thing that happens once for it:
-- no address is needed to know that a mail was sent.
UPDATE delivery d SET recipient = b.account_id, last_error = ''
	FROM booking b WHERE b.id = d.entity AND d.channel = 'mail' AND d.recipient <> b.account_id;
