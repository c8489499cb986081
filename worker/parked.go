package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/fairgate/fairgate/shared/guard"
	"github.com/fairgate/fairgate/shared/platform/config"
	"github.com/fairgate/fairgate/shared/platform/rabbit"
)

// ParkedConfig is the settings of the parked command.
type ParkedConfig struct {
	Env       config.Env    `env:"ENV" envDefault:"production"`
	RabbitURL config.Secret `env:"RABBITMQ_URL" envDefault:"amqp://fairgate:fairgate@127.0.0.1:8072/"`
}

// errParkedUsage is how the parked command is used.
var errParkedUsage = errors.New("usage: parked list | replay all | replay <queue>")

const (
	brokerWait  = 10 * time.Second
	mostListed  = 1000
	reasonShown = 120 // characters
)

// Parked looks after the messages that nobody could handle: list tells of them,
// replay gives those of one work queue, or all, back to where they failed. It writes
// what it found and did to out.
func Parked(ctx context.Context, cfg ParkedConfig, out io.Writer, args []string) error {
	var do func(context.Context, *rabbit.Client, io.Writer) error
	switch {
	case len(args) == 1 && args[0] == "list":
		do = listParked
	case len(args) == 2 && args[0] == "replay":
		do = func(ctx context.Context, client *rabbit.Client, out io.Writer) error {
			return replayParked(ctx, client, out, args[1])
		}
	default:
		return errParkedUsage
	}
	client := rabbit.New(cfg.RabbitURL.Reveal(), rabbit.Topology{}, slog.New(slog.DiscardHandler), nil)
	running, stop := context.WithCancel(context.WithoutCancel(ctx)) // a message in hand is finished
	var connections guard.Group
	connections.Keep(running, "rabbit", client.Run)
	defer connections.Wait()
	defer stop()
	wait, cancel := context.WithTimeout(ctx, brokerWait)
	defer cancel()
	if err := client.Await(wait); err != nil {
		return fmt.Errorf("RABBITMQ_URL: no answer within %s: %w", brokerWait, err)
	}
	return do(ctx, client, out)
}

// listParked writes the messages, those of one queue together, the oldest first.
func listParked(ctx context.Context, client *rabbit.Client, out io.Writer) error {
	list, err := client.ListParked(ctx, mostListed)
	if err != nil {
		return err
	}
	byQueue := map[string][]rabbit.Parked{}
	for _, m := range list {
		byQueue[m.Queue] = append(byQueue[m.Queue], m)
	}
	_, _ = fmt.Fprintf(out, "%s parked.\n", messages(len(list)))
	if len(list) == mostListed {
		_, _ = fmt.Fprintln(out, "There may be more: only so many are listed.")
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, queue := range slices.Sorted(maps.Keys(byQueue)) {
		_, _ = fmt.Fprintf(table, "\n%s: %s\n  message\tevent\tattempts\tage\treason\n", nameOf(queue), messages(len(byQueue[queue])))
		slices.SortStableFunc(byQueue[queue], func(a, b rabbit.Parked) int { return a.FailedAt.Compare(b.FailedAt) })
		for _, m := range byQueue[queue] {
			_, _ = fmt.Fprintf(table, "  %s\t%s\t%d\t%s\t%s\n", m.ID, m.Type, m.Attempts, age(m.FailedAt), reason(m.Error))
		}
	}
	return table.Flush()
}

// replayParked writes how many messages went where, also when it was broken off.
func replayParked(ctx context.Context, client *rabbit.Client, out io.Writer, queue string) error {
	others := 0
	replayed, err := client.Replay(ctx, func(m rabbit.Parked) bool {
		wanted := queue == "all" || m.Queue == queue
		if !wanted {
			others++
		}
		return wanted
	})
	to := map[string]int{}
	for _, m := range replayed {
		to[m.Queue]++
	}
	for _, name := range slices.Sorted(maps.Keys(to)) {
		_, _ = fmt.Fprintf(out, "%s given back to %s\n", messages(to[name]), name)
	}
	if len(replayed) == 0 && err == nil {
		_, _ = fmt.Fprintln(out, "nothing to give back")
	}
	if others > 0 {
		_, _ = fmt.Fprintf(out, "%s of other queues stay parked\n", messages(others))
	}
	return err
}

func messages(n int) string {
	if n == 1 {
		return "1 message"
	}
	return fmt.Sprintf("%d messages", n)
}

func nameOf(queue string) string {
	if queue == "" {
		return "(no queue is named)"
	}
	return queue
}

// age is how long ago something failed; the broker does not say when it gave up.
func age(failedAt time.Time) string {
	if failedAt.IsZero() {
		return "?"
	}
	return time.Since(failedAt).Truncate(time.Second).String()
}

// reason is the first line of an error, as far as a table has room for it.
func reason(text string) string {
	first, _, _ := strings.Cut(text, "\n")
	first = strings.ReplaceAll(first, "\t", " ")
	if runes := []rune(first); len(runes) > reasonShown {
		return string(runes[:reasonShown-1]) + "…"
	}
	return first
}
