package booking

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/fairgate/fairgate/shared/event"
	"github.com/fairgate/fairgate/shared/money"
)

func testKey(t testing.TB) HoldKey {
	t.Helper()
	key, err := NewHoldKey(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func drawHold(t *rapid.T) Hold {
	text := rapid.StringN(0, 12, 40)
	hold := Hold{
		Nonce: rapid.StringMatching(`[A-Za-z0-9_-]{24}`).Draw(t, "nonce"), SaleID: text.Draw(t, "sale"),
		PerformanceID: text.Draw(t, "performance"), ShowtimeID: text.Draw(t, "showtime"), AccountID: text.Draw(t, "account"),
		Seats:     rapid.SliceOfN(text, 1, 8).Draw(t, "seats"),
		ExpiresAt: time.UnixMilli(rapid.Int64Range(0, 1<<41).Draw(t, "expires")).UTC(),
		Amount:    money.KRW(rapid.Int64Range(0, 1<<40).Draw(t, "amount")), InPostgres: rapid.Bool().Draw(t, "postgres"),
	}
	if rapid.Bool().Draw(t, "queued") {
		hold.Session = &event.Session{SaleID: hold.SaleID, Epoch: rapid.Uint32().Draw(t, "epoch"), N: rapid.Uint64().Draw(t, "n")}
	}
	return hold
}

func TestHoldIDCarriesTheHold(t *testing.T) {
	t.Parallel()
	key := testKey(t)
	rapid.Check(t, func(t *rapid.T) {
		hold := drawHold(t)
		hold.ID = key.Sign(hold)
		if url.PathEscape(hold.ID) != hold.ID {
			t.Fatalf("%q is not safe in a URL", hold.ID)
		}
		got, err := key.Open(hold.ID)
		if err != nil || !reflect.DeepEqual(got, hold) {
			t.Fatalf("got %+v, %v, want %+v", got, err, hold)
		}
	})
}

func TestTamperedHoldIDIsNotFound(t *testing.T) {
	t.Parallel()
	key := testKey(t)
	other, err := NewHoldKey(bytes.Repeat([]byte{8}, 32))
	if err != nil {
		t.Fatal(err)
	}
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."
	rapid.Check(t, func(t *rapid.T) {
		id := key.Sign(drawHold(t))
		at := rapid.IntRange(0, len(id)-1).Draw(t, "at")
		with := alphabet[rapid.IntRange(0, len(alphabet)-1).Draw(t, "with")]
		if id[at] == with {
			t.Skip("unchanged")
		}
		forged := id[:at] + string(with) + id[at+1:]
		if _, err := key.Open(forged); !errors.Is(err, ErrHoldNotFound) {
			t.Fatalf("%q opened: %v", forged, err)
		}
	})
	id := key.Sign(Hold{Seats: []string{"A"}})
	if _, err := other.Open(id); !errors.Is(err, ErrHoldNotFound) {
		t.Errorf("another key opened it: %v", err)
	}
	for _, bad := range []string{"", ".", "a.b", id + "x", strings.Repeat("a", maxHoldID+1), strings.Replace(id, ".", "", 1)} {
		if _, err := key.Open(bad); !errors.Is(err, ErrHoldNotFound) {
			t.Errorf("%q opened: %v", bad, err)
		}
	}
}

func TestNonceNamesTheRequestAndTheSeats(t *testing.T) {
	t.Parallel()
	key := testKey(t)
	base := key.Nonce("acc", "show", "key", []string{"A", "B"})
	if len(base) != 2*RequestLength {
		t.Fatalf("nonce %q", base)
	}
	if got := key.Nonce("acc", "show", "key", []string{"B", "A"}); got != base {
		t.Errorf("the order of the seats changes the nonce: %s, %s", got, base)
	}
	otherSeats := key.Nonce("acc", "show", "key", []string{"A", "C"})
	if otherSeats == base || otherSeats[:RequestLength] != base[:RequestLength] {
		t.Errorf("other seats: %s, %s: want the same request and another end", otherSeats, base)
	}
	for name, other := range map[string]string{
		"account":  key.Nonce("acc2", "show", "key", []string{"A", "B"}),
		"showtime": key.Nonce("acc", "show2", "key", []string{"A", "B"}),
		"key":      key.Nonce("acc", "show", "key2", []string{"A", "B"}),
		"shifted":  key.Nonce("accs", "how", "key", []string{"A", "B"}),
	} {
		if other[:RequestLength] == base[:RequestLength] {
			t.Errorf("another %s gives the same request", name)
		}
	}
}

func TestHoldKeyRefusesShortSecrets(t *testing.T) {
	t.Parallel()
	if _, err := NewHoldKey(make([]byte, 31)); err == nil {
		t.Error("31 bytes were accepted")
	}
}

func TestHoldIDsAndNoncesStayAsTheyAre(t *testing.T) {
	t.Parallel()
	key := testKey(t)
	if got := key.Nonce("acc-1", "show-1", "key-1", []string{"1F-A-2", "1F-A-1"}); got != "n1oJuTDMvFRyeTMK5WxY9skv" {
		t.Errorf("nonce %s", got)
	}
	id := key.Sign(Hold{
		Nonce: "n", SaleID: "s", PerformanceID: "p", ShowtimeID: "t", AccountID: "a", Seats: []string{"1F-A-1", "가-1"},
		Session: &event.Session{SaleID: "s", Epoch: 1, N: 2}, ExpiresAt: time.UnixMilli(1_700_000_000_123), Amount: 3,
	})
	if want := "eyJuIjoibiIsImwiOiJzIiwicCI6InAiLCJ0IjoidCIsImEiOiJhIiwicyI6WyIxRi1BLTEiLCLqsIAtMSJdLCJxIjp7InNhbGVfaWQiOiJzIiwiZXBvY2giOjEsIm4iOjJ9LCJ4IjoxNzAwMDAwMDAwMTIzLCJ3IjozfQ.iLp9gDtmTcAcjt9tu1ZQDQ"; id != want {
		t.Errorf("id %s", id)
	}
}

func TestAppendHoldWritesWhatEncodingJSONWould(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		hold := drawHold(t)
		want, err := json.Marshal(signedHold{
			Nonce: hold.Nonce, Sale: hold.SaleID, Performance: hold.PerformanceID, Showtime: hold.ShowtimeID,
			Account: hold.AccountID, Seats: hold.Seats, Session: hold.Session,
			ExpiresAt: hold.ExpiresAt.UnixMilli(), Amount: hold.Amount, InPostgres: hold.InPostgres,
		})
		if got := appendHold(nil, hold); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%s; encoding/json: %s, %v", got, want, err)
		}
	})
}

func BenchmarkSignedHold(b *testing.B) {
	key := testKey(b)
	hold := Hold{
		SaleID: "sale-1", PerformanceID: "PF900001", ShowtimeID: "PF900001-20261212-1800", AccountID: "acc-0123456789",
		Seats: []string{"1F-A-12-7", "1F-A-12-8"}, Session: &event.Session{SaleID: "sale-1", Epoch: 1, N: 2}, ExpiresAt: time.UnixMilli(1), Amount: 3,
	}
	b.ReportAllocs()
	for b.Loop() {
		hold.Nonce = key.Nonce(hold.AccountID, hold.ShowtimeID, "key", hold.Seats)
		_ = key.Sign(hold)
	}
}
