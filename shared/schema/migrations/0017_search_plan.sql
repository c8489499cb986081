-- A session keeps the plan of this trigger's query. Made while there are few casts it
-- reads all of them, and went on doing so for every row of a large import: minutes
-- instead of seconds, until a vacuum happened to come by.
ALTER FUNCTION performance_search() SET enable_seqscan = off;
