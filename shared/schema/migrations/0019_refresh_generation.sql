-- How many exchanges lie between a log-in's first refresh token and this one, so that
-- a token shown a second time within seconds is told from one whose successor was used.
ALTER TABLE refresh_token ADD COLUMN generation bigint NOT NULL DEFAULT 0;
