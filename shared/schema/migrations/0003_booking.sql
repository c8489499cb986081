-- Seats, bookings and money. Amounts are integer KRW. Rows of booking, payment,
-- refund and ledger are never deleted.

-- The seat truth: one row per taken or blocked seat of a showtime; a free seat has
-- none. A row whose until has passed has lapsed and may be taken over.
CREATE TABLE seat_claim (
	showtime_id text        NOT NULL,
	seat        text COLLATE "C" NOT NULL, -- claims are locked in this order everywhere
	booking_id  text,                 -- NULL: a hold or a block
	hold_id     text,                 -- the hold's nonce, NULL: a block
	account_id  text,
	kind        text        NOT NULL CHECK (kind IN ('held', 'reserved', 'sold', 'blocked')),
	until       timestamptz NOT NULL, -- infinity: pinned, sold or blocked
	PRIMARY KEY (showtime_id, seat)
);
CREATE INDEX seat_claim_booking ON seat_claim (booking_id) WHERE booking_id IS NOT NULL;
CREATE INDEX seat_claim_lapsing ON seat_claim (until) WHERE until < 'infinity';

CREATE TABLE booking (
	id                text        PRIMARY KEY,
	order_id          text        NOT NULL UNIQUE,
	hold_id           text        NOT NULL, -- the hold's nonce
	account_id        text        NOT NULL,
	email             text        NOT NULL,
	name              text        NOT NULL,
	locale            text        NOT NULL,
	sale_id           text        NOT NULL,
	performance_id    text        NOT NULL,
	performance_title text        NOT NULL,
	venue_name        text        NOT NULL,
	showtime_id       text        NOT NULL,
	starts_at         timestamptz NOT NULL,
	seat_count        int         NOT NULL CHECK (seat_count > 0),
	seat_limit        int         NOT NULL, -- of the sale when it was booked
	price             bigint      NOT NULL CHECK (price >= 0),
	discount          bigint      NOT NULL CHECK (discount >= 0 AND discount <= price),
	amount            bigint      NOT NULL CHECK (amount = price - discount),
	state             text        NOT NULL CHECK (state IN ('pending_payment', 'paying', 'confirmed', 'cancelling', 'cancelled', 'expired')),
	cancel_reason     text        NOT NULL DEFAULT '',
	session_epoch     bigint,     -- with session_n: the session in the line of sale_id
	session_n         bigint,
	request_id        text        NOT NULL DEFAULT '',
	pay_before        timestamptz NOT NULL,
	expires_at        timestamptz NOT NULL,
	version           bigint      NOT NULL DEFAULT 1,
	created_at        timestamptz NOT NULL DEFAULT now(),
	updated_at        timestamptz NOT NULL DEFAULT now(),
	confirmed_at      timestamptz,
	CONSTRAINT booking_hold_once UNIQUE (hold_id)
);
CREATE INDEX booking_of_account ON booking (account_id, id DESC);
CREATE INDEX booking_counted ON booking (account_id, sale_id) WHERE state IN ('pending_payment', 'paying', 'confirmed');
CREATE INDEX booking_expiring ON booking (expires_at) WHERE state = 'pending_payment';

CREATE TABLE booking_seat (
	booking_id  text   NOT NULL REFERENCES booking (id),
	showtime_id text   NOT NULL,
	seat        text   COLLATE "C" NOT NULL,
	grade       text   NOT NULL,
	price       bigint NOT NULL CHECK (price >= 0),
	discount    bigint NOT NULL DEFAULT 0,
	state       text   NOT NULL DEFAULT 'reserved' CHECK (state IN ('reserved', 'sold', 'released', 'returned')),
	PRIMARY KEY (booking_id, seat)
);
-- The backstop: whatever else goes wrong, a seat is sold once.
CREATE UNIQUE INDEX booking_seat_sold_once ON booking_seat (showtime_id, seat) WHERE state = 'sold';

CREATE TABLE payment (
	id              text        PRIMARY KEY,
	booking_id      text        NOT NULL UNIQUE REFERENCES booking (id),
	order_id        text        NOT NULL UNIQUE,
	provider        text        NOT NULL,
	currency        text        NOT NULL DEFAULT 'KRW',
	amount          bigint      NOT NULL CHECK (amount >= 0), -- to be paid
	balance         bigint      NOT NULL DEFAULT 0,           -- of this order at the provider, as far as we know; sums the ledger
	state           text        NOT NULL CHECK (state IN ('ready', 'confirming', 'unknown', 'waiting_for_deposit', 'done', 'partially_cancelled', 'cancelled', 'failed', 'expired')),
	payment_key     text        NOT NULL DEFAULT '', -- of the latest attempt
	method          text        NOT NULL DEFAULT '',
	receipt_url     text        NOT NULL DEFAULT '',
	failure_code    text        NOT NULL DEFAULT '', -- of the latest attempt, if it was refused
	failure_message text        NOT NULL DEFAULT '',
	requested_at    timestamptz,          -- of the latest confirm
	approved_at     timestamptz,
	next_check_at   timestamptz,          -- the reconciler looks at it then
	checks          int         NOT NULL DEFAULT 0,
	lease_until     timestamptz,          -- somebody is talking to the provider about it
	asked_at        timestamptz,          -- last GET for the sake of a webhook
	version         bigint      NOT NULL DEFAULT 1,
	created_at      timestamptz NOT NULL DEFAULT now(),
	updated_at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX payment_due ON payment (next_check_at) WHERE next_check_at IS NOT NULL;

-- One try to capture with one payment key.
CREATE TABLE payment_attempt (
	payment_key text        NOT NULL,
	payment_id  text        NOT NULL REFERENCES payment (id),
	state       text        NOT NULL CHECK (state IN ('confirming', 'unknown', 'done', 'declined')),
	n           int         NOT NULL DEFAULT 1,      -- of the idempotency key
	answered    boolean     NOT NULL DEFAULT false,  -- the last try got an answer that would be replayed: ask before another
	created_at  timestamptz NOT NULL DEFAULT now(),
	updated_at  timestamptz NOT NULL DEFAULT now(),
	CONSTRAINT payment_attempt_key_once UNIQUE (payment_key)
);
-- No double capture: one attempt at most may have taken, or may yet take, money.
CREATE UNIQUE INDEX payment_attempt_one_live ON payment_attempt (payment_id) WHERE state IN ('confirming', 'unknown', 'done');

CREATE TABLE refund (
	id              text        PRIMARY KEY,
	payment_id      text        NOT NULL REFERENCES payment (id),
	booking_id      text        NOT NULL REFERENCES booking (id),
	payment_key     text        NOT NULL,
	kind            text        NOT NULL CHECK (kind IN ('fan', 'late', 'mismatch', 'external')),
	amount          bigint      NOT NULL CHECK (amount > 0),
	reason          text        NOT NULL,
	state           text        NOT NULL CHECK (state IN ('requested', 'sending', 'unknown', 'done', 'rejected')),
	transaction_key text,                            -- the provider's, once done
	n               int         NOT NULL DEFAULT 1,  -- of the idempotency key
	answered        boolean     NOT NULL DEFAULT false,
	failure_code    text        NOT NULL DEFAULT '',
	failure_message text        NOT NULL DEFAULT '',
	next_check_at   timestamptz,
	checks          int         NOT NULL DEFAULT 0,
	lease_until     timestamptz,
	requested_at    timestamptz NOT NULL DEFAULT now(),
	done_at         timestamptz,
	updated_at      timestamptz NOT NULL DEFAULT now(),
	CONSTRAINT refund_transaction_once UNIQUE (transaction_key)
);
CREATE UNIQUE INDEX refund_one_in_flight ON refund (payment_id) WHERE state IN ('requested', 'sending', 'unknown');
CREATE INDEX refund_of_booking ON refund (booking_id);
CREATE INDEX refund_due ON refund (next_check_at) WHERE next_check_at IS NOT NULL;

CREATE TABLE ticket (
	id          text        PRIMARY KEY,
	booking_id  text        NOT NULL REFERENCES booking (id),
	account_id  text        NOT NULL,
	showtime_id text        NOT NULL,
	seat        text        NOT NULL,
	code        text        NOT NULL UNIQUE, -- signed; what the QR shows
	state       text        NOT NULL DEFAULT 'valid' CHECK (state IN ('valid', 'void')),
	issued_at   timestamptz NOT NULL DEFAULT now(),
	UNIQUE (booking_id, seat)
);

-- Every move of a state and of money, for ever.
CREATE TABLE ledger (
	id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	at         timestamptz NOT NULL DEFAULT clock_timestamp(),
	booking_id text        NOT NULL,
	payment_id text        NOT NULL DEFAULT '',
	refund_id  text        NOT NULL DEFAULT '',
	entry      text        NOT NULL,            -- 'booking', 'payment', 'refund': a move; else what happened
	from_state text        NOT NULL DEFAULT '',
	to_state   text        NOT NULL DEFAULT '',
	amount     bigint      NOT NULL DEFAULT 0,  -- what it adds to the payment's balance
	note       text        NOT NULL DEFAULT ''
);
CREATE INDEX ledger_of_booking ON ledger (booking_id, id);
CREATE INDEX ledger_of_payment ON ledger (payment_id) WHERE amount <> 0;

CREATE FUNCTION ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'the ledger is append-only';
END $$;
CREATE TRIGGER ledger_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger
	FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only();

-- Answers already given, for 24 hours.
CREATE TABLE idempotency_key (
	account_id  text        NOT NULL,
	route       text        NOT NULL,
	key         text        NOT NULL,
	fingerprint bytea       NOT NULL, -- SHA-256 of method, path and raw body
	status      int         NOT NULL DEFAULT 0,
	body        bytea       NOT NULL DEFAULT '',
	ref         text        NOT NULL DEFAULT '', -- what to render anew instead of the body
	created_at  timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (account_id, route, key)
);
CREATE INDEX idempotency_key_age ON idempotency_key (created_at);

-- What the provider told us, unsigned: hints, stored once.
CREATE TABLE webhook_event (
	transmission_id text        PRIMARY KEY,
	type            text        NOT NULL,
	order_id        text        NOT NULL,
	payment_key     text        NOT NULL,
	status          text        NOT NULL,
	body            bytea       NOT NULL,
	received_at     timestamptz NOT NULL DEFAULT now()
);

-- Booking sessions that a confirmed booking has used up; read when Redis is down.
CREATE TABLE spent_session (
	sale_id    text        NOT NULL,
	epoch      bigint      NOT NULL,
	n          bigint      NOT NULL,
	booking_id text        NOT NULL,
	spent_at   timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (sale_id, epoch, n)
);
