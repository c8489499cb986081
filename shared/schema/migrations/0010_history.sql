-- What the scheduled jobs did: one row for the runs of a job in one process within a
-- minute. And what pruning needs: block ranges cost next to nothing on tables that
-- only grow at their end.
CREATE TABLE job_run (
	id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	job        text        NOT NULL,
	started_at timestamptz NOT NULL,
	ended_at   timestamptz NOT NULL,
	runs       int         NOT NULL,
	runs_failed int        NOT NULL,
	selected   bigint      NOT NULL,
	done       bigint      NOT NULL,
	failed     bigint      NOT NULL,
	error      text        NOT NULL DEFAULT '' -- of the last run that failed
);
CREATE INDEX job_run_of_job ON job_run (job, id DESC);
CREATE INDEX job_run_age ON job_run USING brin (started_at) WITH (autosummarize = on);
CREATE INDEX webhook_event_age ON webhook_event USING brin (received_at) WITH (autosummarize = on);
CREATE INDEX delivery_age ON delivery USING brin (created_at) WITH (autosummarize = on);
CREATE INDEX notification_age ON notification USING brin (created_at) WITH (autosummarize = on);
