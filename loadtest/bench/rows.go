package bench

import "time"

// rows is the table, from top to bottom.
func rows() []row {
	return []row{
		{
			id: "status", what: "status poll", baseline: "bare Fiber handler, same bytes", target: "≥ 0.9 ×",
			limit: 2 * time.Minute, measure: measureStatus,
		},
		{
			id: "rank", what: "status poll", baseline: "one ZRANK per poll through Fiber", target: "≥ 1.5 ×",
			limit: 2 * time.Minute, measure: measureRank,
		},
		{
			id: "commands", what: "Redis commands/s while 100,000 polls are answered", baseline: "the same seconds without polls", target: "equal",
			limit: 3 * time.Minute, measure: measureCommands,
		},
		{
			id: "join", what: "join (browser identity)", baseline: "bare Fiber handler calling the same script", target: "≥ 0.75 ×",
			limit: 2 * time.Minute, measure: measureJoin,
		},
		{
			id: "holds", what: "2-seat hold at the API, free seats", target: "≥ 0.7 ×", limit: 3 * time.Minute, measure: measureHolds,
			baseline: "bare Fiber handler verifying the same two tokens and calling the same script",
		},
		{
			id: "contention", what: "hold on the same 500 seats by 2,000 fans", target: "zero double holds",
			limit: 2 * time.Minute, measure: measureContention,
		},
		{
			id: "availability", what: "availability of a 100,000-seat showtime", baseline: "`SELECT` of its rows, as JSON", target: "≥ 100 ×",
			limit: 3 * time.Minute, measure: measureAvailability,
		},
		{
			id: "performances", what: "performance list among 100,000 performances under load", baseline: "the naive join with keyword conditions",
			target: "≥ 20 ×", limit: 8 * time.Minute, measure: measurePerformances,
		},
		{
			id: "orders", what: "confirmed orders end to end, everything on the same cores, thin Go generator", baseline: "published: pretix 25/s",
			target: "≥ 250/s, zero violations", limit: 7 * time.Minute, measure: measureOrders,
		},
		{
			id: "mail", what: "confirm to confirmed, mail server answering in 1,000 ms", baseline: "in 0 ms", target: "equal ±5 %",
			limit: 4 * time.Minute, measure: measureMail,
		},
		{
			id: "million", what: "1,000,000 fans waiting in one line, 6,000 a minute let in meanwhile", baseline: "prototype 127–142 bytes",
			target: "≤ 220 bytes, rate ±1 %", limit: 6 * time.Minute, measure: measureMillion,
		},
		{
			id: "streams", what: "10,000 idle streams", target: "≤ 30 KB each, an update reaches all < 1 s",
			limit: 3 * time.Minute, measure: measureStreams,
		},
		{
			id: "admission", what: "admission accuracy, 3 gateway processes, 60 s windows, 0 / 30 / 60 % no-shows", baseline: "the setting",
			target: "±1 % (or 1 fan), capacity never exceeded", limit: 5 * time.Minute, measure: measureAdmission,
		},
	}
}
