package elasticsearch

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"gopkg.in/yaml.v3"

	"github.com/fairgate/fairgate/shared/booking/bookingpg"
	"github.com/fairgate/fairgate/shared/platform/audit"
	"github.com/fairgate/fairgate/shared/platform/backendtest/pgtest"
	"github.com/fairgate/fairgate/shared/platform/run"
)

type input struct {
	Type, ID, Index string
	Paths           []string
	Parsers         []struct {
		NDJSON struct {
			DocumentID string `yaml:"document_id"`
		} `yaml:"ndjson"`
	}
}

type shipping struct {
	Inputs     []input `yaml:"filebeat.inputs"`
	Processors []struct {
		Timestamp *struct {
			Field         string
			Layouts, Test []string
		}
	}
	Output struct {
		Hosts []string
	} `yaml:"output.elasticsearch"`
}

type template struct {
	Patterns   []string  `json:"index_patterns"`
	DataStream *struct{} `json:"data_stream"`
	Template   struct {
		Settings map[string]any
		Mappings struct {
			Properties map[string]struct{ Type string }
		}
	}
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func filebeat(t *testing.T) shipping {
	t.Helper()
	var s shipping
	if err := yaml.Unmarshal(read(t, "filebeat.yml"), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// realFiles returns a folder with the audit log of one row of the ledger of each kind,
// all of whose columns are filled.
func realFiles(t *testing.T) string {
	t.Helper()
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, pgtest.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	const q = `
		INSERT INTO ledger (booking_id, payment_id, refund_id, entry, from_state, to_state, amount, note, request_id, actor)
		SELECT 'bkg-1', 'pay-1', 'rfd-1', entry, 'a', 'b', 1000, 'note', 'req-1', 'account:acc-1' FROM unnest(ARRAY['booking', 'payment', 'refund', 'foreign_capture']) AS entry`
	if _, err := pool.Exec(ctx, q); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	log := audit.New(audit.Options{
		DB: pool, Source: bookingpg.Audit, Cursor: "ledger", Folder: audit.Folder{Path: folder}, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
	var total run.Tally
	for end := time.Now().Add(time.Minute); total.Done < 4; time.Sleep(10 * time.Millisecond) {
		tally, err := log.Write(ctx)
		if err != nil || time.Now().After(end) {
			t.Fatalf("%d of 4 lines written: %v", total.Done, err)
		}
		total.Done += tally.Done
	}
	return folder
}

// Each file of the audit log is taken by one input, whose index has a template that
// maps each field of each line to a type that takes its value.
func TestEveryFieldOfEveryLineHasItsPlace(t *testing.T) {
	t.Parallel()
	folder := realFiles(t)
	files, err := os.ReadDir(folder)
	if err != nil || len(files) != 2 {
		t.Fatalf("files %v, %v; want one of each kind", files, err)
	}
	for _, file := range files {
		takes := inputsOf(t, file.Name())
		if len(takes) != 1 {
			t.Fatalf("%s is taken by the inputs %v, want one", file.Name(), takes)
		}
		mapped := templateOf(t, takes[0].Index).Template.Mappings.Properties
		for line := range strings.Lines(string(read(t, filepath.Join(folder, file.Name())))) {
			var members map[string]any
			if err := json.Unmarshal([]byte(line), &members); err != nil {
				t.Fatal(err)
			}
			for name, value := range members {
				if !fits(mapped[name].Type, value) {
					t.Errorf("%s: %s = %v does not fit its type %q in %s", file.Name(), name, value, mapped[name].Type, takes[0].Index)
				}
			}
			if id, isText := members[takes[0].Parsers[0].NDJSON.DocumentID].(string); !isText || id == "" {
				t.Errorf("%s: the line has no text for the document's id: %s", file.Name(), line)
			}
		}
	}
}

func inputsOf(t *testing.T, file string) []input {
	t.Helper()
	var takes []input
	for _, in := range filebeat(t).Inputs {
		for _, path := range in.Paths {
			if in.Type != "filestream" || in.ID == "" || len(in.Parsers) != 1 {
				t.Errorf("input %+v is no filestream with an id and one parser", in)
			}
			if matches, err := filepath.Match(filepath.Base(path), file); err != nil {
				t.Errorf("%s: %v", path, err)
			} else if matches {
				takes = append(takes, in)
			}
		}
	}
	return takes
}

func templateOf(t *testing.T, index string) template {
	t.Helper()
	name, _ := strings.CutPrefix(index, "fairgate-audit-")
	var found template
	if err := json.Unmarshal(read(t, "template-"+name+".json"), &found); err != nil {
		t.Fatal(err)
	}
	if len(found.Patterns) != 1 || found.Patterns[0] != index || found.DataStream == nil || found.Template.Settings["index.lifecycle.name"] != "fairgate-audit" {
		t.Errorf("template %s is not that of the data stream %s", name, index)
	}
	return found
}

// fits reports whether Elasticsearch takes a value as that type.
func fits(typ string, value any) bool {
	switch value := value.(type) {
	case string:
		if typ == "date" {
			_, err := time.Parse(time.RFC3339Nano, value)
			return err == nil
		}
		return typ == "keyword" || typ == "text"
	case float64:
		return typ == "long" && value == float64(int64(value))
	}
	return false
}

// The time of a document is the line's: every layout must read what the log writes.
func TestTheTimesAreRead(t *testing.T) {
	t.Parallel()
	found := false
	for _, p := range filebeat(t).Processors {
		if p.Timestamp == nil {
			continue
		}
		found = p.Timestamp.Field == "at"
		moment := time.Date(2026, 11, 21, 11, 0, 0, 0, time.UTC)
		for _, text := range append(p.Timestamp.Test, moment.Format(time.RFC3339Nano), moment.Add(123_456*time.Microsecond).Format(time.RFC3339Nano), moment.Add(100*time.Millisecond).Format(time.RFC3339Nano)) {
			if !anyReads(p.Timestamp.Layouts, text) {
				t.Errorf("no layout reads %q", text)
			}
		}
	}
	if !found {
		t.Error("the time of a line is not taken")
	}
}

func anyReads(layouts []string, text string) bool {
	for _, layout := range layouts {
		if _, err := time.Parse(layout, text); err == nil {
			return true
		}
	}
	return false
}

func TestThePolicyKeepsFiveYears(t *testing.T) {
	t.Parallel()
	var policy struct {
		Policy struct {
			Phases map[string]struct {
				MinAge  string `json:"min_age"`
				Actions map[string]any
			}
		}
	}
	if err := json.Unmarshal(read(t, "policy.json"), &policy); err != nil {
		t.Fatal(err)
	}
	if phases := policy.Policy.Phases; phases["hot"].Actions["rollover"] == nil || phases["delete"].MinAge != "1825d" {
		t.Errorf("phases %+v", phases)
	}
}
