//go:build acceptance

package acceptance

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fairgate/fairgate/deploy/contract"
)

const password = "Fairgate-dev-1" // of the seeded and of bulk accounts

// TestMain lets more tests wait at once than there are cores. After the last one it
// fails if anything was answered that /openapi.json does not say.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "24"); err != nil {
		panic(err)
	}
	var err error
	if recorder, err = contract.NewRecorder(os.Getenv("FAIRGATE_URL"), client.Transport); err != nil {
		panic(err)
	}
	client.Transport = recorder
	code := m.Run()
	if report := recorder.Report(); report != "" {
		fmt.Fprint(os.Stderr, "\n--- FAIL: ", report)
		code = 1
	}
	os.Exit(code)
}

// recorder compares every answer with the document.
var recorder *contract.Recorder

type addresses struct{ url, sim, catcher string }

// system is where the system under test is.
func system(t *testing.T) addresses {
	t.Helper()
	s := addresses{os.Getenv("FAIRGATE_URL"), os.Getenv("FAIRGATE_SIM_URL"), os.Getenv("FAIRGATE_CATCHER_URL")}
	if s.url == "" || s.sim == "" || s.catcher == "" {
		t.Fatal("no system to test: run `make up`, then set FAIRGATE_URL=http://127.0.0.1:8080 FAIRGATE_SIM_URL=http://127.0.0.1:8090 FAIRGATE_CATCHER_URL=http://127.0.0.1:8025")
	}
	return s
}

func unique(prefix string) string {
	var random [6]byte
	_, _ = rand.Read(random[:])
	return prefix + "-" + hex.EncodeToString(random[:])
}

// fan is a logged-in account.
type fan struct {
	id    string
	email string
	token string
}

// crowd keeps fans made in bulk, since hashing a password takes a while.
type crowd struct {
	mu   sync.Mutex
	fans []fan
}

var strangers crowd

// newFan is an account that no other test has.
func newFan(t *testing.T) fan {
	t.Helper()
	strangers.mu.Lock()
	defer strangers.mu.Unlock()
	if len(strangers.fans) == 0 {
		made := call(t, "POST", "/v1/dev/accounts", body(map[string]any{"count": 200, "prefix": unique("acc")})).is(201)
		for _, item := range made.items() {
			strangers.fans = append(strangers.fans, fan{item["account_id"].(string), item["email"].(string), item["access_token"].(string)})
		}
	}
	f := strangers.fans[0]
	strangers.fans = strangers.fans[1:]
	return f
}

func logIn(t *testing.T, email, password string) answer {
	t.Helper()
	return call(t, "POST", "/v1/auth/login", body(map[string]any{"email": email, "password": password}))
}

var admins sync.Map // e-mail → access token

// operator is the token of a seeded account.
func operator(t *testing.T, email string) string {
	t.Helper()
	if token, ok := admins.Load(email); ok {
		return token.(string)
	}
	token := logIn(t, email, password).is(200).text("access_token")
	admins.Store(email, token)
	return token
}

func admin(t *testing.T) option { t.Helper(); return bearer(operator(t, "admin@fairgate.test")) }

// sale is a sale of one test with its own hall.
type sale struct {
	id, showtime string
	seats        []string // in the order of the map
}

// plainSale needs no pass.
func plainSale(t *testing.T, seats int, more map[string]any) sale {
	t.Helper()
	settings := map[string]any{"seats": seats, "queued": false}
	for name, value := range more {
		settings[name] = value
	}
	made := call(t, "POST", "/v1/dev/sales", body(settings)).is(201)
	s := sale{id: made.text("sale_id"), showtime: made.text("showtime_id")}
	var seatmap struct{ Seats []struct{ No string } }
	answer := call(t, "GET", "/v1/showtimes/"+s.showtime+"/seatmap").is(200)
	if err := json.Unmarshal(answer.raw, &seatmap); err != nil {
		t.Fatal(err)
	}
	for _, seat := range seatmap.Seats {
		s.seats = append(s.seats, seat.No)
	}
	if len(s.seats) != seats {
		t.Fatalf("the map of %s has %d seats, want %d", s.showtime, len(s.seats), seats)
	}
	return s
}

// queuedSale has a line that is open when it returns.
func queuedSale(t *testing.T, seats int, more map[string]any) sale {
	t.Helper()
	settings := map[string]any{"queued": true}
	for name, value := range more {
		settings[name] = value
	}
	s := plainSale(t, seats, settings)
	eventually(t, "the line of "+s.id+" is open", func() bool {
		status := ask(t, "GET", system(t).url+"/v1/queues/"+s.id)
		return status.status == 200 && status.text("state") == "open"
	})
	return s
}

func (s sale) queue(more string) string { return "/v1/queues/" + s.id + more }
func (s sale) holds() string            { return "/v1/showtimes/" + s.showtime + "/holds" }

// eventually polls for at most 20 seconds.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	end := time.Now().Add(20 * time.Second)
	for !done() {
		if time.Now().After(end) {
			t.Fatalf("not within 20 s: %s", what)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// join takes a place and returns its token.
func join(t *testing.T, s sale, f fan) string {
	t.Helper()
	return call(t, "POST", s.queue("/places"), bearer(f.token)).is(200, 201).text("place_token")
}

// enter waits for the fan's turn and returns the place token and the pass.
func enter(t *testing.T, s sale, f fan) (token, entryPass string) {
	t.Helper()
	token = join(t, s, f)
	return token, claim(t, s, token)
}

// claim asks for entry until it is given.
func claim(t *testing.T, s sale, token string) string {
	t.Helper()
	entryPass := ""
	eventually(t, "a pass for "+s.id, func() bool {
		a := call(t, "POST", s.queue("/places/me/entry"), place(token))
		if a.status == http.StatusConflict {
			return false
		}
		entryPass = a.is(200).text("entry_pass")
		return true
	})
	return entryPass
}

func standing(t *testing.T, s sale, token string) answer {
	t.Helper()
	return call(t, "GET", s.queue("/places/me"), place(token)).is(200)
}

// held holds seats of a plain sale, or of a queued one with a pass.
func held(t *testing.T, s sale, f fan, seats []string, more ...option) answer {
	t.Helper()
	options := append([]option{bearer(f.token), newKey(), body(map[string]any{"seats": seats})}, more...)
	return call(t, "POST", s.holds(), options...)
}

// booked holds and books seats.
func booked(t *testing.T, s sale, f fan, seats []string, more ...option) answer {
	t.Helper()
	hold := held(t, s, f, seats, more...).is(201).text("hold_id")
	options := append([]option{bearer(f.token), newKey(), body(map[string]any{"hold_id": hold})}, more...)
	return call(t, "POST", "/v1/bookings", options...).is(201)
}

// approved makes a payment as if the fan had approved it in the window.
func approved(t *testing.T, order string, amount int64) string {
	t.Helper()
	return ask(t, "POST", system(t).sim+"/sim/payments", body(map[string]any{"order_id": order, "amount": amount, "method": "카드"})).is(201).text("payment_key")
}

func confirmation(paymentKey, order string, amount int64) option {
	return body(map[string]any{"payment_key": paymentKey, "order_id": order, "amount": amount})
}

// pay approves and confirms the payment of a booking, and waits for the outcome.
func pay(t *testing.T, f fan, booking answer) answer {
	t.Helper()
	order, amount := booking.text("order_id"), booking.number("amount")
	return call(t, "POST", "/v1/payments/confirm", bearer(f.token), newKey(), wait(10), confirmation(approved(t, order, amount), order, amount))
}

// bought is a confirmed booking of seats of a sale.
func bought(t *testing.T, s sale, f fan, seats []string, more ...option) answer {
	t.Helper()
	booking := booked(t, s, f, seats, more...)
	if state := pay(t, f, booking).is(200).text("booking_state"); state != "confirmed" {
		t.Fatalf("paid for %s, which is %s", booking.text("id"), state)
	}
	return booking
}

func bookingOf(t *testing.T, f fan, id string) answer {
	t.Helper()
	return call(t, "GET", "/v1/bookings/"+id, bearer(f.token)).is(200)
}

func cancel(t *testing.T, f fan, id string, more ...option) answer {
	t.Helper()
	options := append([]option{bearer(f.token), newKey(), body(map[string]any{"reason": "plans changed"})}, more...)
	return call(t, "POST", "/v1/bookings/"+id+"/cancel", options...)
}

// payments are what the provider has of an order.
func payments(t *testing.T, order string) []map[string]any {
	t.Helper()
	return ask(t, "GET", system(t).sim+"/sim/payments?order_id="+order).is(200).items()
}

func mails(t *testing.T, to, template string) []map[string]any {
	t.Helper()
	var found []map[string]any
	for _, mail := range ask(t, "GET", system(t).catcher+"/api/mails?to="+to).is(200).items() {
		if mail["template"] == template {
			found = append(found, mail)
		}
	}
	return found
}

// tampered changes one character in the middle of a token's last part.
func tampered(token string) string {
	at := strings.LastIndex(token, ".") + 10
	other := "A"
	if token[at] == 'A' {
		other = "B"
	}
	return token[:at] + other + token[at+1:]
}

func quoted(values []string) string { return fmt.Sprintf("%q", values) }
