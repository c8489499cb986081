package outbox_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fairgate/fairgate/shared/event"
	"github.com/fairgate/fairgate/shared/platform/backendtest/pgtest"
	"github.com/fairgate/fairgate/shared/platform/outbox"
)

func bookingEvent(t *testing.T, id string) event.Envelope {
	t.Helper()
	e, err := event.New(event.TypeBookingConfirmed, id, 1, time.Now().UTC(), "", event.Booking{ID: id, Seats: []event.Seat{{No: "1F-A-1", Price: 10_000}}})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestInsertKeepsOrderAndTheWholeEnvelope(t *testing.T) {
	t.Parallel()
	pool := pgtest.Pool(t)
	ctx := context.Background()
	first, second := bookingEvent(t, "bkg-1"), bookingEvent(t, "bkg-2")
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error { return outbox.Insert(ctx, tx, first, second) })
	if err != nil {
		t.Fatal(err)
	}
	rows, err := pool.Query(ctx, `SELECT event_id, type, payload FROM outbox ORDER BY id`)
	if err != nil {
		t.Fatal(err)
	}
	type row struct {
		EventID, Type string
		Payload       []byte
	}
	got, err := pgx.CollectRows(rows, pgx.RowToStructByPos[row])
	if err != nil || len(got) != 2 || got[0].EventID != first.ID || got[1].EventID != second.ID {
		t.Fatalf("rows = %v, %v; want both events in order", got, err)
	}
	var back event.Envelope
	if err := json.Unmarshal(got[1].Payload, &back); err != nil || back.Entity != "bkg-2" || back.Type != second.Type || !back.OccurredAt.Equal(second.OccurredAt) {
		t.Errorf("envelope came back as %+v, %v", back, err)
	}
}

func TestInsertRollsBackWithItsTransaction(t *testing.T) {
	t.Parallel()
	pool := pgtest.Pool(t)
	ctx := context.Background()
	boom := errors.New("boom")
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if err := outbox.Insert(ctx, tx, bookingEvent(t, "bkg-1")); err != nil {
			return err
		}
		return boom
	})
	if !errors.Is(err, boom) {
		t.Fatal(err)
	}
	var n int
	if err := pool.QueryRow(ctx, `SELECT count(*) FROM outbox`).Scan(&n); err != nil || n != 0 {
		t.Errorf("rows = %d, %v; want 0", n, err)
	}
}
