-- An event's envelope only passes through the outbox. As json it is kept as it is
-- written; as jsonb it was taken apart and put together again for each event.
ALTER TABLE outbox ALTER COLUMN payload TYPE json;

-- Nothing asks for unsent deliveries by this index, and with it no update could stay
-- on its page (HOT): each mail wrote all indexes twice.
DROP INDEX delivery_unsent;
ALTER TABLE delivery SET (fillfactor = 60);
