-- Lists of performances that stay fast among 100,000: by keyword, and in the order
-- of an index.

-- Everything a keyword may be part of, in lower case, one name a line. Kept by the
-- triggers below, whoever writes.
ALTER TABLE performance ADD COLUMN search text NOT NULL DEFAULT '';

-- The pieces of doc that are from shortest to 2 characters long. Two Hangul syllables
-- are a whole word as often as not, and trigrams would miss them. It is called cheap
-- because a walk asks it only of rows that have the text already.
CREATE FUNCTION search_grams(doc text, shortest integer) RETURNS text[]
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 1 AS $$
    SELECT coalesce(array_agg(DISTINCT substr(doc, i, n)), '{}')
    FROM generate_series(shortest, 2) n, generate_series(1, length(doc) - n + 1) i
$$;

CREATE FUNCTION performance_search() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.search := lower(concat_ws(E'\n', NEW.title,
        (SELECT v.name FROM venue v WHERE v.id = NEW.venue_id),
        (SELECT string_agg(f.name, E'\n' ORDER BY c.position)
         FROM performance_cast c JOIN performer f ON f.id = c.performer_id WHERE c.performance_id = NEW.id)));
    RETURN NEW;
END $$;
CREATE TRIGGER performance_search BEFORE INSERT OR UPDATE ON performance
    FOR EACH ROW EXECUTE FUNCTION performance_search();

-- The names that belong to others: a write there is an empty update here.
CREATE FUNCTION performance_search_of_cast() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE performance SET search = '' WHERE id IN (SELECT performance_id FROM changed);
    RETURN NULL;
END $$;
CREATE TRIGGER performance_search_put AFTER INSERT ON performance_cast
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION performance_search_of_cast();
CREATE TRIGGER performance_search_change AFTER UPDATE ON performance_cast
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION performance_search_of_cast();
CREATE TRIGGER performance_search_leave AFTER UPDATE ON performance_cast
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION performance_search_of_cast();
CREATE TRIGGER performance_search_drop AFTER DELETE ON performance_cast
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION performance_search_of_cast();

CREATE FUNCTION performance_search_of_venue() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE performance SET search = '' WHERE venue_id IN (
        SELECT id FROM after JOIN before USING (id) WHERE after.name <> before.name);
    RETURN NULL;
END $$;
CREATE TRIGGER performance_search AFTER UPDATE ON venue
    REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION performance_search_of_venue();

CREATE FUNCTION performance_search_of_performer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE performance SET search = '' WHERE id IN (
        SELECT c.performance_id FROM performance_cast c JOIN after ON after.id = c.performer_id
        JOIN before ON before.id = after.id WHERE after.name <> before.name);
    RETURN NULL;
END $$;
CREATE TRIGGER performance_search AFTER UPDATE ON performer
    REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION performance_search_of_performer();

UPDATE performance SET search = '';

CREATE INDEX performance_search ON performance USING gin (search_grams(search, 1));

-- A walk in the order of the list, which passes over what is over without leaving the index.
DROP INDEX performance_dates;
CREATE INDEX performance_dates ON performance (starts_on, id, ends_on);
CREATE INDEX performance_category ON performance (category, starts_on, id, ends_on);
CREATE INDEX performance_title ON performance (title COLLATE "C", id);
