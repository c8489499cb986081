package drive

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestEveryScenarioOfTheFolderIsKnownAndCompletes(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../scenarios/*.js")
	if err != nil || len(files) != len(known()) {
		t.Fatalf("%d files, %d known scenarios, error %v", len(files), len(known()), err)
	}
	for name := range known() {
		of, err := find("..", name)
		if err != nil || of.about == "" {
			t.Errorf("%s: description %q, error %v", name, of.about, err)
		}
		s := Unset()
		s.BaseURL = "http://here"
		s.complete(of)
		if err := s.validate(of); err != nil {
			t.Errorf("%s by itself: %v", name, err)
		}
	}
}

func TestWhatIsGivenStays(t *testing.T) {
	t.Parallel()
	s := Unset()
	s.Rate, s.Duration, s.Arrive = 10, 2*time.Minute, 0
	s.complete(known()["soak"])
	if s.Fans != 1201 || s.Seats != 1201 || s.Rate != 10 || s.Arrive != 0 || s.Patience < 3*time.Minute {
		t.Errorf("%+v", s)
	}
}

func TestWrongSizesAreNamed(t *testing.T) {
	t.Parallel()
	tests := []struct {
		scenario string
		change   func(*Settings)
		says     string
	}{
		{"flash_sale", func(s *Settings) { s.Fans = 0 }, "FANS"},
		{"flash_sale", func(s *Settings) { s.Seats = 0 }, "SEATS"},
		{"seat_contention", func(s *Settings) { s.Streams = 1 }, "STREAMS"},
		{"soak", func(s *Settings) { s.Rate = 0 }, "RATE"},
		{"spike", func(s *Settings) { s.Duration = 0 }, "DURATION"},
		{"soak", func(s *Settings) { s.Cancel = 1.5 }, "CANCEL"},
		{"flash_sale", func(s *Settings) { s.P99 = 0 }, "P99"},
		{"flash_sale", func(s *Settings) { s.BaseURL = "" }, "BASE_URL"},
	}
	for _, test := range tests {
		s := Unset()
		s.BaseURL = "http://here"
		s.complete(known()[test.scenario])
		test.change(&s)
		if err := s.validate(known()[test.scenario]); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v, want %s", test.scenario, err, test.says)
		}
	}
}

func TestAScenarioOfOnesOwnIsAFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "mine.js")
	if err := os.WriteFile(file, []byte("// Mine.\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	of, err := find("..", file)
	if err != nil || of.name != "mine" || of.about != "Mine." || !of.queued || of.file != file {
		t.Errorf("%+v, %v", of, err)
	}
}
