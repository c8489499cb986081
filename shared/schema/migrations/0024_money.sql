-- No amount is above 2^40 won, so that no sum of them wraps: see money.Max.
ALTER TABLE showtime_price ADD CONSTRAINT showtime_price_amount_bounded CHECK (amount <= 1099511627776);
ALTER TABLE booking ADD CONSTRAINT booking_price_bounded CHECK (price <= 1099511627776);
ALTER TABLE booking_seat ADD CONSTRAINT booking_seat_price_bounded CHECK (price <= 1099511627776 AND discount BETWEEN 0 AND price);
ALTER TABLE payment ADD CONSTRAINT payment_amount_bounded CHECK (amount <= 1099511627776);
ALTER TABLE refund ADD CONSTRAINT refund_amount_bounded CHECK (amount <= 1099511627776);
