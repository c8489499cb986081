-- What the check of the invariants has found and not yet seen healed, and how far it
-- has come: it looks at what has changed, and at everything in small parts.
CREATE TABLE invariant_violation (
	invariant  text        NOT NULL,
	booking_id text        NOT NULL,
	found_at   timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (invariant, booking_id)
);

CREATE TABLE invariant_sweep (
	name     text        PRIMARY KEY CHECK (name IN ('ledger', 'booking', 'claim')),
	position text[]      NOT NULL,
	moved_at timestamptz NOT NULL DEFAULT now(),
	round_at timestamptz          -- when it was last through
);
INSERT INTO invariant_sweep (name, position) VALUES ('ledger', '{0}'), ('booking', '{""}'), ('claim', '{"",""}');
