package locale

// Words are the patterns and names of one language; {name} stands for a value.
type Words struct {
	Weekdays [7]string  `json:"weekdays"` // Sunday first
	Months   [12]string `json:"months"`

	Day    string `json:"day"`             // {y}, {m}, {d}, {weekday}
	Date   string `json:"-"`               // {y}, {m}, {d}: a day of a run
	Short  string `json:"short,omitempty"` // a day without its year
	Span   string `json:"span,omitempty"`  // {from} and {to} of one year {y}
	Moment string `json:"moment"`          // {day} and {time}
	Time   string `json:"time"`            // {time} alone

	Seat    string `json:"seat,omitempty"`    // {zone}, {row}, {col}
	Floor   string `json:"floor,omitempty"`   // {n} and its section {s}
	Arena   string `json:"arena,omitempty"`   // the floor before the stage, its section {s}
	Section string `json:"section,omitempty"` // {s} of a hall without floors
	Between string `json:"between,omitempty"` // two seats of a list
}

func korean() Words {
	return Words{
		Weekdays: [7]string{"일", "월", "화", "수", "목", "금", "토"},
		Months:   [12]string{"1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12"},
		Day:      "{y}. {m}. {d}. ({weekday})", Date: "{y}. {m}. {d}.", Short: "{m}. {d}.", Span: "{y}. {from} – {to}", Moment: "{day} {time}", Time: "{time}",
		Seat: "{zone} {row}열 {col}번", Floor: "{n}층 {s}구역", Arena: "플로어 {s}구역", Section: "{s}구역", Between: ", ",
	}
}

func english() Words {
	return Words{
		Weekdays: [7]string{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"},
		Months:   [12]string{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"},
		Day:      "{weekday}, {d} {m} {y}", Date: "{d} {m} {y}", Short: "{d} {m}", Span: "{from} – {to} {y}", Moment: "{day}, {time} KST", Time: "{time} KST",
		Seat: "{zone}, row {row}, seat {col}", Floor: "Floor {n}, section {s}", Arena: "Arena floor, section {s}", Section: "Section {s}", Between: "; ",
	}
}

// OfTime returns w without what only seats need: for pages where every byte counts.
func (w Words) OfTime() Words {
	w.Short, w.Span, w.Seat, w.Floor, w.Arena, w.Section, w.Between = "", "", "", "", "", "", ""
	return w
}

// japanese and chinese are those of the waiting page, which shows no seats.
func japanese() Words {
	w := english()
	w.Weekdays, w.Months = [7]string{"日", "月", "火", "水", "木", "金", "土"}, korean().Months
	w.Day, w.Date, w.Short, w.Span, w.Moment = "{y}年{m}月{d}日({weekday})", "{y}年{m}月{d}日", "{m}月{d}日", "{y}年{from}–{to}", "{day} {time} KST"
	return w
}

func chinese() Words {
	w := japanese()
	w.Weekdays = [7]string{"周日", "周一", "周二", "周三", "周四", "周五", "周六"}
	return w
}
