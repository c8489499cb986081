//go:build faults

package faults

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fairgate/fairgate/loadtest/prepare"
)

const (
	fansPerSeat        = 2
	maxSeatsPerAccount = 4
	patience           = 4 * time.Minute
	final              = 2 * time.Minute // the promise: after the recovery, everything is final within it
	drained            = 2 * time.Minute // for messages that had to climb the retry ladder
)

// size of a sale night.
type size struct {
	seats         int
	ratePerMinute int // of fans let in
}

// usual takes some twenty seconds to sell when nothing is wrong.
var usual = size{seats: 200, ratePerMinute: 900}

// night is one sale with its crowd, and beside it a line that hardly moves, whose
// fans only wait.
type night struct {
	t    *testing.T
	size size
	db   *pgx.Conn
	door *door
	sale prepare.Sale

	crowd   []*fan
	bought  atomic.Int64
	outcome []error // of each of the crowd
	forgive error   // an outcome that is no broken promise on this night; nil: none
	done    chan struct{}

	waiting []*fan
	stopped chan struct{}
	goHome  func() // ends the wait of those who only wait
	waiters sync.WaitGroup
	lost    []error // of each of the waiting

	begun     time.Time
	recovered time.Time
}

// openNight opens the sale and lets the crowd come.
func openNight(t *testing.T, size size) *night {
	t.Helper()
	n := &night{t: t, size: size, db: site.database(t), door: newDoor(site.front(), site.provider()),
		done: make(chan struct{}), stopped: make(chan struct{})}
	n.goHome = sync.OnceFunc(func() { close(n.stopped); n.waiters.Wait() })
	api := prepare.API{BaseURL: site.front()}
	n.sale = n.openSale(api, prepare.SaleOptions{Seats: size.seats, Capacity: 100, RatePerMinute: size.ratePerMinute})
	slow := n.openSale(api, prepare.SaleOptions{Seats: 10, Capacity: 1, RatePerMinute: 1})
	const waiting = 40
	accounts, err := api.Accounts(t.Context(), size.seats*fansPerSeat+waiting, func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	n.begun = time.Now()
	for i, account := range accounts {
		f := &fan{door: n.door, account: account, sale: n.sale, random: rand.New(rand.NewPCG(site.seed, uint64(i))), deadline: time.Now().Add(patience)}
		if i < waiting {
			f.sale = slow
			n.waiting = append(n.waiting, f)
		} else {
			n.crowd = append(n.crowd, f)
		}
	}
	n.comeAndWait()
	t.Cleanup(n.goHome)
	n.comeAndBuy()
	return n
}

func (n *night) openSale(api prepare.API, options prepare.SaleOptions) prepare.Sale {
	n.t.Helper()
	options.Queued, options.SessionSeconds, options.MaxSeatsPerAccount, options.Price = true, 90, maxSeatsPerAccount, 50_000
	sale, err := api.Sale(n.t.Context(), options)
	if err != nil {
		n.t.Fatal(err)
	}
	for _, gateway := range site.ports().Instances { // each learns of a new line by itself
		if err := (prepare.API{BaseURL: url(gateway.Gateway, "")}).LineOpen(n.t.Context(), sale.SaleID, 30*time.Second); err != nil {
			n.t.Fatal(err)
		}
	}
	return sale
}

// comeAndBuy sends the crowd within some three seconds.
func (n *night) comeAndBuy() {
	n.outcome = make([]error, len(n.crowd))
	var group sync.WaitGroup
	for i, f := range n.crowd {
		group.Go(func() {
			_ = f.rest("coming", time.Duration(f.random.IntN(3000))*time.Millisecond)
			n.outcome[i] = f.buy(1 + i%2)
			if n.outcome[i] == nil {
				n.bought.Add(1)
			}
		})
	}
	go func() { group.Wait(); close(n.done) }()
}

// comeAndWait sends the fans who only wait and look about once a second; half of
// them also have a stream.
func (n *night) comeAndWait() {
	n.lost = make([]error, len(n.waiting))
	for i, f := range n.waiting {
		n.waiters.Go(func() { n.lost[i] = f.waitUntil(n.stopped, i%2 == 0) })
	}
}

func (f *fan) waitUntil(stopped <-chan struct{}, streams bool) error {
	if err := f.join(); err != nil {
		return err
	}
	if streams {
		var following sync.WaitGroup
		defer following.Wait()
		following.Go(func() { f.follow(stopped) })
	}
	for {
		select {
		case <-stopped:
			_, err := f.look() // the last word counts
			return err
		default:
		}
		place, err := f.look()
		if err != nil {
			return err
		}
		if place.State != "waiting" { // the turn came, and nobody wants it
			_, err := f.ask("leave", "DELETE", "/v1/queues/"+f.sale.SaleID+"/places/me", nil, "")
			return err
		}
		if err := f.rest("status", time.Second); err != nil {
			return err
		}
	}
}

// whenSold returns once that share of the orders has been bought.
func (n *night) whenSold(share float64) {
	n.t.Helper()
	orders := float64(n.size.seats) / 1.5
	eventually(n.t, fmt.Sprintf("%.0f %% are sold", share*100), patience, func() bool {
		return float64(n.bought.Load()) >= share*orders || n.over()
	})
	if n.over() {
		n.t.Error("everything was sold before the fault: it struck nothing")
	}
}

func (n *night) over() bool {
	select {
	case <-n.done:
		return true
	default:
		return false
	}
}

// nowHealthy is said when the last fault is over.
func (n *night) nowHealthy() { n.recovered = time.Now() }

// finish waits for the end of the night and reports every promise that was broken.
func (n *night) finish() {
	n.t.Helper()
	if n.recovered.IsZero() {
		n.t.Fatal("nobody said that the fault is over")
	}
	settled := n.settle()
	<-n.done
	sold := time.Since(n.begun)
	n.goHome()
	ended := time.Now()
	left := n.awaitDrained()
	delivered := time.Since(ended)
	violations := slices.Concat(left, n.judge())
	asked, failures := n.door.failed()
	var named []string
	for _, what := range sortedKeys(failures) {
		named = append(named, fmt.Sprintf("%s ×%d", what, failures[what]))
	}
	n.report(fmt.Sprintf("%d of %d fans bought in %.0f s; final %.1f s after the recovery, all messages delivered %.1f s after the sale; %d requests, failures that fans asked again after: [%s]; %d violations",
		n.bought.Load(), len(n.crowd), sold.Seconds(), settled.Seconds(), delivered.Seconds(), asked, strings.Join(named, ", "), len(violations)))
	for _, v := range violations {
		n.t.Error(v)
	}
}

// settle waits until every booking made before the recovery is final.
func (n *night) settle() time.Duration {
	n.t.Helper()
	for {
		open, err := unfinished(n.t.Context(), n.db, n.sale.SaleID, n.recovered)
		if err != nil {
			n.t.Fatal(err)
		}
		took := time.Since(n.recovered)
		if open == 0 {
			return took
		}
		if took > final {
			n.t.Errorf("%d bookings or payments are not final %s after the recovery", open, final)
			return took
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// report adds a line to the figures of the run.
func (n *night) report(line string) {
	n.t.Log(line)
	path := os.Getenv("FAULTS_REPORT")
	if path == "" {
		return
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		n.t.Error(err)
		return
	}
	_, err = fmt.Fprintf(file, "%s: %s\n", n.t.Name(), line)
	if err := errors.Join(err, file.Close()); err != nil {
		n.t.Error(err)
	}
}
