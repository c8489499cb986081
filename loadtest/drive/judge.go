package drive

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fairgate/fairgate/loadtest/verify"
)

// Verdict is what a run showed.
type Verdict struct {
	Violations []string // broken promises
	Thresholds []string // that were missed
	Checked    []string // what was looked at from outside
	NotChecked []string // and what could not be
	Stopped    bool     // before its end, so nothing is proven
	Report     string   // file of the report page
}

// ExitCode tells a script which: 0 fine, 3 a promise was broken, 4 only a threshold
// was missed, 130 stopped.
func (v Verdict) ExitCode() int {
	switch {
	case v.Stopped:
		return 130
	case len(v.Violations) > 0:
		return 3
	case len(v.Thresholds) > 0:
		return 4
	}
	return 0
}

// String is one line.
func (v Verdict) String() string {
	switch {
	case v.Stopped:
		return "stopped before its end: nothing is proven"
	case len(v.Violations) > 0:
		return fmt.Sprintf("%s, %s", counted(len(v.Violations), "violation"), counted(len(v.Thresholds), "missed threshold"))
	case len(v.Thresholds) > 0:
		return "0 violations, " + counted(len(v.Thresholds), "missed threshold")
	}
	return "0 violations"
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

const settleLimit = 2 * time.Minute

// judge looks from outside at what the run left behind.
func (r *run) judge(ctx context.Context) (Verdict, error) {
	if r.stopped {
		return Verdict{Stopped: true, NotChecked: []string{"anything: the run was stopped; places, holds and unpaid bookings lapse by themselves"}}, nil
	}
	v := Verdict{Thresholds: r.summary.failedThresholds()}
	v.Violations = r.summary.violations(r.of, r.set, r.fresh)
	v.Checked = append(v.Checked, fmt.Sprintf("the fans: %d came, %d ways ended clearly", r.summary.count("ways_started"), r.summary.count("ways_started")-r.summary.broke()))
	if r.streams != nil {
		v.Violations = append(v.Violations, r.streams.Violations()...)
		v.Checked = append(v.Checked, fmt.Sprintf("the streams: %d of %d open to the end, %d refused as too many", r.streams.Opened-r.streams.Broken, r.streams.Fans, r.streams.Full))
	}
	err := r.judgeSale(ctx, &v)
	return v, err
}

func (r *run) judgeSale(ctx context.Context, v *Verdict) error {
	switch {
	case r.sale.SaleID == "":
		return nil
	case r.set.PostgresURL == "":
		v.NotChecked = append(v.NotChecked, "the database, for seats, tickets, sessions and limits: give POSTGRES_URL")
		if r.set.ProviderURL == "" {
			v.NotChecked = append(v.NotChecked, "payments: there is no PROVIDER_URL, so nobody could pay")
		} else {
			v.NotChecked = append(v.NotChecked, "money against bookings: that needs POSTGRES_URL too")
		}
		return nil
	}
	db, err := pgx.Connect(ctx, r.set.PostgresURL)
	if err != nil {
		return fmt.Errorf("the verification cannot reach the database: %w", err)
	}
	defer func() { _ = db.Close(context.WithoutCancel(ctx)) }()
	if err := verify.Settled(ctx, db, r.sale.SaleID, settleLimit); err != nil {
		return err
	}
	want := verify.Expectation{
		SaleID: r.sale.SaleID, Queued: r.sale.Queued, MaxSeatsPerAccount: r.sale.MaxSeatsPerAccount, WithoutMoney: r.set.ProviderURL == "",
	}
	if r.fresh {
		want.Seats, want.SoldOut = r.set.Seats, r.of.sellsOut && r.set.Fans >= r.set.Seats && r.set.ProviderURL != ""
	}
	var payments []verify.Payment
	if !want.WithoutMoney {
		if payments, err = verify.Payments(ctx, r.set.ProviderURL); err != nil {
			return err
		}
	} else {
		v.NotChecked = append(v.NotChecked, "money at the provider: give PROVIDER_URL")
	}
	found, err := verify.Check(ctx, db, payments, want)
	if err != nil {
		return err
	}
	v.Violations = slices.Concat(v.Violations, found.Violations, r.toldButNotSold(found))
	v.Checked = append(v.Checked, fmt.Sprintf("the database: %d seats in %d bookings; none twice, none without ticket or right to buy", found.SeatsSold, found.Bookings))
	if !want.WithoutMoney {
		v.Checked = append(v.Checked, fmt.Sprintf("the provider: ₩%s captured and kept, order by order", whole(float64(found.Captured))))
	}
	return nil
}

// toldButNotSold compares what fans were told with what is stored. Whoever's way
// broke off may have bought without hearing of it.
func (r *run) toldButNotSold(found verify.Report) []string {
	if !r.fresh {
		return nil
	}
	told := r.summary.count("seats_bought") - r.summary.count("seats_returned")
	if found.SeatsSold == told || (found.SeatsSold > told && r.summary.broke() > 0) {
		return nil
	}
	return []string{fmt.Sprintf("fans were told that %d seats are theirs, but %d are sold", told, found.SeatsSold)}
}
