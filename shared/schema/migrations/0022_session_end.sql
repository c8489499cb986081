-- A session of a line may also end without a booking: the fan left, or the line was reset.
-- Then booking_id is empty, and what is held in the session is found by its number. Only
-- holds of times when Redis failed are here, so the index is small.
CREATE INDEX seat_claim_in_session ON seat_claim (session_n) WHERE kind = 'held';
