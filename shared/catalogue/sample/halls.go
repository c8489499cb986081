package sample

import (
	"fmt"
	"math"
)

// split divides seats among n sections as evenly as possible.
func split(seats, n int) []int {
	weights := make([]int, n)
	for i := range weights {
		weights[i] = 1
	}
	return distribute(seats, weights)
}

// depthOf returns how many rows the deepest of n equal sections has.
func depthOf(seats, n int, row func(i int, k float64) curve) float64 {
	deepest := 0
	for i, part := range split(seats, n) {
		s := section{seats: part, row: func(k float64) curve { return row(i, k) }}
		deepest = max(deepest, len(s.rows()))
	}
	return float64(deepest)
}

func rectangle(x0, y0, x1, y1 float64) []point {
	return []point{{x0, y0}, {x1, y0}, {x1, y1}, {x0, y1}}
}

// theatre has one floor up to 350 seats, two up to 900, else three; each is cut
// into blocks by aisles.
func theatre(seats int) plan {
	blocks, shares := 5, []int{56, 26, 18}
	switch {
	case seats <= 350:
		blocks, shares = 3, []int{1}
	case seats <= 900:
		blocks, shares = 3, []int{70, 30}
	}
	const spread = 84.0 // degrees
	radius := 170 + 4.5*math.Sqrt(float64(seats))
	half := radius * math.Sin(spread/2*math.Pi/180) * 0.8
	p := plan{stage: rectangle(-half, radius*0.45-90, half, radius*0.45+30)}
	for floor, part := range distribute(seats, shares) {
		from := radius
		row := func(i int, k float64) curve {
			step := spread / float64(blocks)
			start := 90 + spread/2 - float64(i)*step // left to right, as seen from the seats
			r := from + k*rowPitch
			return arc(point{}, r, r, 2, start, start-step).trim(aisle / 2)
		}
		p.sections = append(p.sections, theatreFloor(floor+1, part, blocks, row)...)
		radius = from + depthOf(part, blocks, row)*rowPitch + 45
	}
	return p
}

func theatreFloor(floor, seats, blocks int, row func(i int, k float64) curve) []section {
	var sections []section
	for i, n := range split(seats, blocks) {
		letter := string(rune('A' + i))
		middle := i != 0 && i != blocks-1
		sections = append(sections, section{
			code: fmt.Sprintf("%dF-%s", floor, letter), name: fmt.Sprintf("%d층 %s구역", floor, letter),
			seats: n, row: func(k float64) curve { return row(i, k) },
			grade:      func(depth float64) string { return theatreGrade(floor, middle, depth) },
			accessible: floor == 1,
		})
	}
	return sections
}

func theatreGrade(floor int, middle bool, depth float64) string {
	switch {
	case floor == 1 && middle && depth < 0.55:
		return "VIP"
	case floor == 1 && depth < 0.85:
		return "R"
	case floor == 1 || floor == 2 && depth < 0.5:
		return "S"
	}
	return "A"
}

// arena has 12 blocks of chairs before the stage and two rings of stands around
// them, open behind the stage.
func arena(seats int) plan {
	shares := distribute(seats, []int{24, 34, 42})
	p := plan{}
	width, depth := p.chairs(shares[0])
	p.stage = rectangle(-width*0.35, -150, width*0.35, -30)
	centre := point{0, depth/2 - 30}
	bowl := ring{centre: centre, rx: width/2 + 130, ry: depth/2 + 130, corners: 4, from: -58, to: 238}
	bowl.add(&p, tier{
		floor: 1, first: 1, sectors: 20, seats: shares[1], accessible: true,
		grade: func(away, depth float64) string {
			if away < 100 && depth < 0.8 {
				return "R"
			}
			return "S"
		},
	})
	bowl.add(&p, tier{
		floor: 2, first: 21, sectors: 24, seats: shares[2],
		grade: func(away, depth float64) string {
			if away < 100 && depth < 0.45 {
				return "S"
			}
			return "A"
		},
	})
	return p
}

// chairs adds the floor: 3 blocks side by side, 4 behind one another. It returns
// the width and the depth of the whole.
func (p *plan) chairs(seats int) (width, depth float64) {
	parts := split(seats, 12)
	cols := math.Ceil(math.Sqrt(float64(parts[0]) * 1.4))
	blockWidth := cols * seatPitch
	blockDepth := math.Ceil(float64(parts[0])/cols) * rowPitch
	width = 3*blockWidth + 2*aisle
	for i, n := range parts {
		x := -width/2 + float64(i%3)*(blockWidth+aisle)
		y := float64(i/3) * (blockDepth + 2*aisle)
		grade := "VIP"
		if i >= 6 {
			grade = "R"
		}
		p.sections = append(p.sections, section{
			code: fmt.Sprintf("FL-%d", i+1), name: fmt.Sprintf("플로어 %d구역", i+1), seats: n,
			row: func(k float64) curve {
				return line(point{x, y + k*rowPitch}, point{x + blockWidth + 0.01, y + k*rowPitch})
			},
			grade: func(float64) string { return grade }, accessible: i >= 9,
		})
	}
	return width, 4*blockDepth + 6*aisle
}

// stadium has three tiers all around; whoever sits beside or behind the stage,
// which stands at one end of the pitch, sees less.
func stadium(seats int) plan {
	shares := distribute(seats, []int{40, 25, 35})
	scale := math.Sqrt(float64(seats) / 66_704)
	p := plan{stage: rectangle(-380*scale, -1060*scale, 380*scale, -820*scale)}
	bowl := ring{rx: 850 * scale, ry: 1200 * scale, corners: 2.6, from: -90, to: 270}
	near := []string{"VIP", "R", "S"}
	far := []string{"R", "S", "A"}
	first := 1
	for i, sectors := range []int{40, 44, 48} {
		bowl.add(&p, tier{
			floor: i + 1, first: first, sectors: sectors, seats: shares[i], accessible: i == 0,
			grade: func(away, depth float64) string {
				switch {
				case away < 32:
					return "B"
				case away < 110 && depth < 0.6:
					return near[i]
				}
				return far[i]
			},
		})
		first += sectors
	}
	return p
}

// ring is the space around the floor; tiers are added from the inside out.
type ring struct {
	centre   point
	rx, ry   float64 // of the next tier's first row
	corners  float64 // see arc
	from, to float64 // degrees
}

type tier struct {
	floor, first, sectors, seats int // first is the first sector's number
	grade                        func(away, depth float64) string
	accessible                   bool
}

// add cuts each row of the tier into equally long pieces, one a sector.
func (r *ring) add(p *plan, t tier) {
	rx, ry, whole := r.rx, r.ry, *r
	rows := map[float64]curve{} // each is cut for every sector, several times
	row := func(i int, k float64) curve {
		around, ok := rows[k]
		if !ok {
			around = arc(whole.centre, rx+k*rowPitch, ry+k*rowPitch, whole.corners, whole.to, whole.from)
			rows[k] = around
		}
		piece := around.length() / float64(t.sectors)
		return around.part(float64(i)*piece+aisle/2, float64(i+1)*piece-aisle/2)
	}
	for i, n := range split(t.seats, t.sectors) {
		front := row(i, 0)
		away := awayFromStage(r.centre, front.at(front.length()/2))
		p.sections = append(p.sections, section{
			code: fmt.Sprintf("%dF-%d", t.floor, t.first+i), name: fmt.Sprintf("%d층 %d구역", t.floor, t.first+i),
			seats: n, row: func(k float64) curve { return row(i, k) },
			grade:      func(depth float64) string { return t.grade(away, depth) },
			accessible: t.accessible,
		})
	}
	depth := depthOf(t.seats, t.sectors, row)*rowPitch + 40
	r.rx, r.ry = rx+depth, ry+depth
}

// awayFromStage is the angle between p and the stage as seen from the centre, 0 to
// 180 degrees; the stage is straight up.
func awayFromStage(centre, p point) float64 {
	return math.Abs(math.Atan2(p.x-centre.x, centre.y-p.y)) * 180 / math.Pi
}
