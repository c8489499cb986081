package bench

import "time"

// rows is the table, from top to bottom.
func rows() []row {
	return []row{
		{
			id: "holds", what: "2-seat hold at the API, free seats", target: "≥ 0.7 ×", limit: 3 * time.Minute, measure: measureHolds,
			baseline: "bare Fiber handler verifying the same two tokens and calling the same script",
		},
		{
			id: "contention", what: "hold on the same 500 seats by 2,000 fans", target: "zero double holds", limit: 2 * time.Minute, measure: measureContention,
		},
		{
			id: "performances", what: "performance list among 100,000 performances under load", target: "≥ 20 ×", limit: 4 * time.Minute, measure: measurePerformances,
			baseline: "the naive join with keyword conditions",
		},
	}
}
