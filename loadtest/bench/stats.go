package bench

import (
	"slices"
	"time"
)

// Sample is what one stretch of load measured.
type Sample struct {
	Count     int // answers that were as they should be
	Failed    int // other answers, and none
	Seconds   float64
	PerSecond float64
	P50, P99  time.Duration
	Reason    string // of one failure
}

// sampleOf sums up the times of the good answers; it sorts them.
func sampleOf(times []time.Duration, failed int, elapsed time.Duration) Sample {
	slices.Sort(times)
	s := Sample{Count: len(times), Failed: failed, Seconds: elapsed.Seconds(), P50: percentile(times, 50), P99: percentile(times, 99)}
	if elapsed > 0 {
		s.PerSecond = float64(len(times)) / elapsed.Seconds()
	}
	return s
}

// percentile returns the smallest of the sorted times that at least p percent of
// them do not exceed; 0 when there are none.
func percentile(sorted []time.Duration, p int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	rank := (len(sorted)*p + 99) / 100 // rounded up
	return sorted[max(rank, 1)-1]
}

// median returns the middle value, the mean of the middle two of an even number; 0
// of none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// medianOf returns the median of a figure over the rounds.
func medianOf(rounds []Sample, figure func(Sample) float64) float64 {
	values := make([]float64, len(rounds))
	for i, s := range rounds {
		values[i] = figure(s)
	}
	return median(values)
}

func perSecond(s Sample) float64 { return s.PerSecond }
func p50ms(s Sample) float64     { return milliseconds(s.P50) }
func p99ms(s Sample) float64     { return milliseconds(s.P99) }

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
