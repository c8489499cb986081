package drive

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// scenario is what the preparation and the verdict must know about a scenario.
type scenario struct {
	name, file string
	about      string // the first line of its file
	sizes      Settings

	accounts  bool // its fans have accounts
	sells     bool // it needs a sale with seats
	queued    bool // and a line before it
	sellsOut  bool // as many fans as seats leave no seat unsold
	timed     bool // it goes on for Duration
	arrivals  bool // new fans come at Rate; else there are Fans of them
	numbers   bool // place_number has every fan's number in the line
	intruders int  // more accounts, which must be refused
}

const (
	seconds    = time.Second
	manyCanBuy = 200   // capacity of a line that sells
	aHundredPS = 6_000 // fans a minute
)

// known are the scenarios of this folder. One of somebody's own is run like custom.
func known() map[string]scenario {
	return map[string]scenario{
		"flash_sale": {accounts: true, sells: true, queued: true, sellsOut: true, intruders: 5,
			sizes: Settings{Fans: 500, Seats: 100, Arrive: 5 * seconds, Capacity: manyCanBuy, EnterRate: aHundredPS, P99: 5 * seconds}},
		"seat_contention": {accounts: true, sells: true, sellsOut: true,
			sizes: Settings{Fans: 200, Seats: 1, P99: 5 * seconds}},
		"status_poll": {accounts: true, sells: true, queued: true, timed: true,
			sizes: Settings{Fans: 200, Seats: 10, Streams: 200, Duration: 30 * seconds, Arrive: 5 * seconds, Capacity: 1, EnterRate: 1, P99: seconds}},
		"spike": {accounts: true, sells: true, queued: true, timed: true, numbers: true,
			sizes: Settings{Fans: 1000, Seats: 10, Duration: 20 * seconds, Arrive: 5 * seconds, Capacity: 1, EnterRate: 1, P99: 5 * seconds}},
		"soak": {accounts: true, sells: true, queued: true, timed: true, arrivals: true,
			sizes: Settings{Rate: 2, Duration: time.Minute, Cancel: 0.3, Capacity: manyCanBuy, EnterRate: aHundredPS, P99: seconds}},
		"browse": {timed: true,
			sizes: Settings{Fans: 50, Duration: 30 * seconds, Arrive: 3 * seconds, P99: seconds}},
	}
}

func custom() scenario {
	return scenario{accounts: true, sells: true, queued: true,
		sizes: Settings{Fans: 100, Seats: 100, Duration: 30 * seconds, Arrive: 5 * seconds, Capacity: manyCanBuy, EnterRate: aHundredPS, P99: 5 * seconds}}
}

// find returns the scenario of a name, or of a path that ends in .js.
func find(dir, name string) (scenario, error) {
	file := name
	if !strings.HasSuffix(name, ".js") {
		file = filepath.Join(dir, "scenarios", name+".js")
	}
	about, err := firstLine(file)
	if err != nil {
		return scenario{}, fmt.Errorf("there is no scenario %q; there are\n\n%s\nor the path of a file of your own that ends in .js", name, list(dir))
	}
	base := strings.TrimSuffix(filepath.Base(file), ".js")
	of, ok := known()[base]
	if !ok {
		of = custom()
	}
	of.name, of.file, of.about = base, file, about
	return of, nil
}

// list has a line for each scenario of the folder.
func list(dir string) string {
	files, _ := filepath.Glob(filepath.Join(dir, "scenarios", "*.js"))
	slices.Sort(files)
	var lines strings.Builder
	for _, file := range files {
		about, _ := firstLine(file)
		fmt.Fprintf(&lines, "  %-16s %s\n", strings.TrimSuffix(filepath.Base(file), ".js"), about)
	}
	return lines.String()
}

// firstLine returns the comment that a file begins with, as far as its first line goes.
func firstLine(file string) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	about, isComment := strings.CutPrefix(line, "//")
	if !isComment {
		return "", nil
	}
	return strings.TrimSpace(about), nil
}
