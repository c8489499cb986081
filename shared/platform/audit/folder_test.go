package audit_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fairgate/fairgate/shared/platform/audit"
)

func line(kind, at, text string) audit.Line {
	moment, err := time.Parse(time.RFC3339Nano, at)
	if err != nil {
		panic(err) // a literal in a test
	}
	return audit.Line{Kind: kind, At: moment, Text: []byte(text)}
}

func content(t *testing.T, path ...string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestTheDayOfALineIsTheShops(t *testing.T) {
	t.Parallel()
	folder := audit.Folder{Path: filepath.Join(t.TempDir(), "new", "audit")}
	err := folder.Append([]audit.Line{
		line("booking", "2026-11-21T14:59:59.999Z", `{"id":1}`),
		line("booking", "2026-11-21T15:00:00Z", `{"id":2}`), // midnight in Seoul
		line("payment", "2026-11-21T15:00:00Z", `{"id":3}`),
		line("booking", "2026-11-21T14:00:00Z", `{"id":4}`), // late, and still of its own day
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"booking-2026-11-21.jsonl": "{\"id\":1}\n{\"id\":4}\n",
		"booking-2026-11-22.jsonl": "{\"id\":2}\n",
		"payment-2026-11-22.jsonl": "{\"id\":3}\n",
	} {
		if got := content(t, folder.Path, name); got != want {
			t.Errorf("%s holds %q, want %q", name, got, want)
		}
	}
}

func TestATornLineIsCutAway(t *testing.T) {
	t.Parallel()
	for _, before := range []string{"{\"id\":1}\n{\"id\":2,\"acc", `{"id":2,"acc`, "{\"id\":1}\n", ""} {
		folder := audit.Folder{Path: t.TempDir()}
		name := filepath.Join(folder.Path, "booking-2026-11-21.jsonl")
		if err := os.WriteFile(name, []byte(before), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := folder.Append([]audit.Line{line("booking", "2026-11-21T01:00:00Z", `{"id":2}`)}); err != nil {
			t.Fatal(err)
		}
		want := before[:strings.LastIndex(before, "\n")+1] + "{\"id\":2}\n"
		if got := content(t, name); got != want {
			t.Errorf("after %q the file holds %q, want %q", before, got, want)
		}
	}
}

func TestFilesGoWhenTheirRetentionIsOver(t *testing.T) {
	t.Parallel()
	folder := audit.Folder{Path: t.TempDir(), Retention: 48 * time.Hour}
	for _, name := range []string{"booking-2026-11-18.jsonl", "payment-2026-11-19.jsonl", "booking-2026-11-20.jsonl", "notes.txt", "booking-2026-99-99.jsonl"} {
		if err := os.WriteFile(filepath.Join(folder.Path, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	midnight := time.Date(2026, 11, 21, 15, 0, 0, 0, time.UTC) // of the 22nd in Seoul: the 19th ended 48 h ago
	gone, err := folder.Forget(midnight)
	if err != nil || strings.Join(gone, " ") != "booking-2026-11-18.jsonl" {
		t.Errorf("at midnight went %q, %v", gone, err)
	}
	gone, err = folder.Forget(midnight.Add(time.Second))
	if err != nil || strings.Join(gone, " ") != "payment-2026-11-19.jsonl" {
		t.Errorf("a second later went %q, %v", gone, err)
	}
	if gone, err := (audit.Folder{Path: filepath.Join(folder.Path, "missing")}).Forget(midnight); err != nil || len(gone) > 0 {
		t.Errorf("a folder that is not there: %q, %v", gone, err)
	}
}
