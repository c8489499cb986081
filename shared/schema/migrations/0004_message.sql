-- Events on their way to the broker. The transaction that makes an event true
-- inserts its row; the relay publishes it and deletes the row once the broker
-- has confirmed. The table is nearly always empty and churns at the speed of the
-- whole system, so it is vacuumed early and without pauses.
CREATE TABLE outbox (
    id         bigserial   PRIMARY KEY,
    event_id   text        NOT NULL,
    type       text        NOT NULL,             -- routing key
    payload    jsonb       NOT NULL,             -- the whole envelope
    created_at timestamptz NOT NULL DEFAULT now(),
    not_before timestamptz NOT NULL DEFAULT '-infinity' -- an event nobody is bound to waits here, out of the others' way
) WITH (
    fillfactor                         = 100,
    autovacuum_vacuum_threshold        = 500,
    autovacuum_vacuum_scale_factor     = 0.0,
    autovacuum_vacuum_insert_threshold = 5000,
    autovacuum_vacuum_insert_scale_factor = 0.0,
    autovacuum_analyze_threshold       = 5000,
    autovacuum_analyze_scale_factor    = 0.0,
    autovacuum_vacuum_cost_delay       = 0
);
