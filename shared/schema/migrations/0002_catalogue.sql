-- What is on sale: venues, halls and their seat maps, performers, performances,
-- showtimes with prices, sales.

CREATE TABLE venue (
    id      text PRIMARY KEY,
    name    text             NOT NULL,
    name_en text             NOT NULL,
    region  text             NOT NULL,
    address text             NOT NULL DEFAULT '',
    lat     double precision NOT NULL,
    lng     double precision NOT NULL,
    seats   integer          NOT NULL    -- of its largest hall
);

CREATE TABLE hall (
    id          text PRIMARY KEY,
    venue_id    text    NOT NULL REFERENCES venue (id),
    name        text    NOT NULL,
    seats       integer NOT NULL,
    map_version integer NOT NULL
);
CREATE INDEX hall_venue ON hall (venue_id);

-- A hall's map as it is served: gzip of the compact JSON. Never changed: a new
-- map is a new version.
CREATE TABLE seat_map (
    hall_id text    NOT NULL REFERENCES hall (id),
    version integer NOT NULL,
    body    bytea   NOT NULL,
    PRIMARY KEY (hall_id, version)
);

-- The same seats as rows, for queries. Filled by COPY; idx is the bit order of
-- availability. A showtime has no seat rows of its own.
CREATE TABLE hall_seat (
    hall_id    text    NOT NULL,
    version    integer NOT NULL,
    idx        integer NOT NULL,
    no         text    NOT NULL,
    zone       text    NOT NULL,
    grade      text    NOT NULL,
    row_label  text    NOT NULL,
    col_label  text    NOT NULL,
    accessible boolean NOT NULL,
    PRIMARY KEY (hall_id, version, no)    -- no foreign key: it would double the time of the COPY
);

CREATE TABLE performer (
    id   text PRIMARY KEY,
    name text NOT NULL
);

CREATE TABLE performance (
    id         text PRIMARY KEY,
    title      text NOT NULL,
    category   text NOT NULL,
    venue_id   text NOT NULL REFERENCES venue (id),
    starts_on  date NOT NULL,
    ends_on    date NOT NULL,
    runtime    text NOT NULL DEFAULT '',
    age        text NOT NULL DEFAULT '',
    synopsis   text NOT NULL DEFAULT '',
    poster_url text NOT NULL DEFAULT '',
    colour     text NOT NULL DEFAULT '#3a3f5c',
    CHECK (ends_on >= starts_on)
);
CREATE INDEX performance_dates ON performance (starts_on, id);
CREATE INDEX performance_venue ON performance (venue_id);

CREATE TABLE performance_cast (
    performance_id text    NOT NULL REFERENCES performance (id),
    position       integer NOT NULL,
    performer_id   text    NOT NULL REFERENCES performer (id),
    PRIMARY KEY (performance_id, position)
);
CREATE INDEX performance_cast_performer ON performance_cast (performer_id);

CREATE TABLE sale (
    id                    text PRIMARY KEY CHECK (id ~ '^[a-z0-9-]{1,40}$'),
    performance_id        text        NOT NULL REFERENCES performance (id),
    opens_at              timestamptz NOT NULL,
    closes_at             timestamptz NOT NULL,
    queued                boolean     NOT NULL,
    max_seats_per_account integer     NOT NULL DEFAULT 4 CHECK (max_seats_per_account > 0),
    hold_seconds          integer     NOT NULL DEFAULT 300 CHECK (hold_seconds > 0),
    sold_out              boolean     NOT NULL DEFAULT false,
    CHECK (closes_at > opens_at)
);
CREATE INDEX sale_performance ON sale (performance_id);

CREATE TABLE showtime (
    id             text PRIMARY KEY,
    performance_id text        NOT NULL REFERENCES performance (id),
    sale_id        text        REFERENCES sale (id),
    hall_id        text        NOT NULL REFERENCES hall (id),
    starts_at      timestamptz NOT NULL
);
CREATE INDEX showtime_performance ON showtime (performance_id, starts_at, id);
CREATE INDEX showtime_sale ON showtime (sale_id);

CREATE TABLE showtime_price (
    showtime_id text   NOT NULL REFERENCES showtime (id),
    grade       text   NOT NULL,
    amount      bigint NOT NULL CHECK (amount >= 0),   -- KRW
    PRIMARY KEY (showtime_id, grade)
);
