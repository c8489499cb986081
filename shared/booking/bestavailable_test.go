package booking

import (
	"testing"

	"pgregory.net/rapid"
)

func TestBlocksAreFreeNeighboursOfOneRow(t *testing.T) {
	t.Parallel()
	m := testMap(300)
	rapid.Check(t, func(t *rapid.T) {
		taken := make([]bool, len(m.Seats))
		for i := range taken {
			taken[i] = rapid.IntRange(0, 3).Draw(t, "taken") == 0
		}
		grade, count := rapid.IntRange(anyGrade, 1).Draw(t, "grade"), rapid.IntRange(1, 6).Draw(t, "count")
		got := map[int]bool{}
		for _, first := range freeBlocks(m, grade, count, func(i int) bool { return !taken[i] }) {
			got[first] = true
		}
		for first := range m.Seats {
			want := first+count <= len(m.Seats)
			for i := first; want && i < first+count; i++ {
				seat := m.Seats[i]
				want = !taken[i] && (grade == anyGrade || seat.Grade == grade) && seat.Row == m.Seats[first].Row
			}
			if got[first] != want {
				t.Fatalf("block of %d at %s: %v, want %v", count, m.Seats[first].No, got[first], want)
			}
		}
	})
}

func TestAnAisleParts(t *testing.T) {
	t.Parallel()
	m := testMap(10)
	for i := 5; i < 10; i++ {
		m.Seats[i].Col += "0" // 5, 60, 70, …
	}
	if got := freeBlocks(m, 0, 6, func(int) bool { return true }); len(got) != 0 {
		t.Errorf("a block reaches over the aisle: %v", got)
	}
	if got := freeBlocks(m, 0, 5, func(int) bool { return true }); len(got) != 1 || got[0] != 0 {
		t.Errorf("blocks of 5: %v, want [0]", got)
	}
}

func TestPickIsAmongTheNearest(t *testing.T) {
	t.Parallel()
	m := testMap(1000)
	blocks := freeBlocks(m, 1, 2, func(int) bool { return true })
	x, y := stageCentre(m)
	near := nearest(m, blocks, 2, firstBlocks)
	worst := distance(m, near[len(near)-1], 2, x, y)
	nearer := 0
	for _, first := range blocks {
		if distance(m, first, 2, x, y) < worst {
			nearer++
		}
	}
	if len(near) != firstBlocks || nearer >= firstBlocks {
		t.Fatalf("%d blocks, %d are nearer than the worst of them", len(near), nearer)
	}
	seen := map[int]bool{}
	for range 500 {
		seats := pickBlock(m, blocks, 2, firstBlocks)
		if len(seats) != 2 || distance(m, seats[0], 2, x, y) > worst {
			t.Fatalf("picked %v", seats)
		}
		seen[seats[0]] = true
	}
	if len(seen) != firstBlocks {
		t.Errorf("500 picks hit %d of %d blocks", len(seen), firstBlocks)
	}
	if got := pickBlock(m, nil, 2, firstBlocks); got != nil {
		t.Errorf("picked %v of nothing", got)
	}
}

// BenchmarkBestAvailable looks for two seats in a hall of 100,000.
func BenchmarkBestAvailable(b *testing.B) {
	m := testMap(large)
	for b.Loop() {
		pickBlock(m, freeBlocks(m, 1, 2, func(int) bool { return true }), 2, firstBlocks)
	}
}
