package sample

import (
	"math"
	"sort"

	"github.com/fairgate/fairgate/shared/catalogue"
)

// Distances in map units: a seat is 10 wide.
const (
	seatPitch = 11.0 // between the centres of neighbours
	rowPitch  = 13.0 // between rows
	aisle     = 24.0 // between sections
	margin    = 40.0 // around the map
)

type point struct{ x, y float64 }

// curve is the centre line of a row: points, each with its distance from the first.
type curve struct {
	points []point
	along  []float64
}

func newCurve(points []point) curve {
	c := curve{points: points, along: make([]float64, len(points))}
	for i := 1; i < len(points); i++ {
		c.along[i] = c.along[i-1] + math.Hypot(points[i].x-points[i-1].x, points[i].y-points[i-1].y)
	}
	return c
}

func line(from, to point) curve { return newCurve([]point{from, to}) }

// arc is part of an ellipse, or with corners > 2 of a rounded rectangle. Angles in
// degrees; 90 points down, away from the stage.
func arc(centre point, rx, ry, corners, from, to float64) curve {
	steps := int(math.Abs(to-from)*1.5) + 8
	points := make([]point, steps+1)
	for i := range points {
		sin, cos := math.Sincos((from + (to-from)*float64(i)/float64(steps)) * math.Pi / 180)
		points[i] = point{centre.x + rx*bent(cos, corners), centre.y + ry*bent(sin, corners)}
	}
	return newCurve(points)
}

func bent(v, corners float64) float64 { return math.Copysign(math.Pow(math.Abs(v), 2/corners), v) }

func (c curve) length() float64 { return c.along[len(c.along)-1] }

// at returns the point at distance d from the start.
func (c curve) at(d float64) point {
	i := min(max(sort.SearchFloat64s(c.along, d), 1), len(c.points)-1)
	a, b := c.points[i-1], c.points[i]
	f := (d - c.along[i-1]) / (c.along[i] - c.along[i-1])
	return point{a.x + (b.x-a.x)*f, a.y + (b.y-a.y)*f}
}

// part returns the piece between two distances from the start.
func (c curve) part(from, to float64) curve {
	const steps = 24
	points := make([]point, steps+1)
	for i := range points {
		points[i] = c.at(from + (to-from)*float64(i)/steps)
	}
	return newCurve(points)
}

// trim cuts d off each end.
func (c curve) trim(d float64) curve { return c.part(d, c.length()-d) }

// capacity is how many seats a row has room for.
func (c curve) capacity() int { return int(c.length() / seatPitch) }

// section is one zone before its seats are placed.
type section struct {
	code, name string
	seats      int
	row        func(k float64) curve // centre line of row k, 0 at the front
	grade      func(depth float64) string
	accessible bool // has wheelchair places in its last row
}

// rows returns how many seats each row has: as few rows as hold them all, filled evenly.
func (s section) rows() []int {
	var capacities []int
	for sum := 0; sum < s.seats; {
		c := max(s.row(float64(len(capacities))).capacity(), 1)
		capacities = append(capacities, c)
		sum += c
	}
	return distribute(s.seats, capacities)
}

// distribute splits total by weights with the largest remainders.
func distribute(total int, weights []int) []int {
	sum := 0
	for _, w := range weights {
		sum += w
	}
	parts := make([]int, len(weights))
	left := total
	for i, w := range weights {
		parts[i] = total * w / sum
		left -= parts[i]
	}
	for ; left > 0; left-- {
		best := 0
		for i, w := range weights {
			if total*w-parts[i]*sum > total*weights[best]-parts[best]*sum {
				best = i
			}
		}
		parts[best]++
	}
	return parts
}

// outline is the section's shape around its rows.
func (s section) outline(rows int) []point {
	const grow = 0.55
	front, back := s.row(-grow), s.row(float64(rows)-1+grow)
	points := append([]point(nil), everySecond(front.points)...)
	rear := everySecond(back.points)
	for i := len(rear) - 1; i >= 0; i-- {
		points = append(points, rear[i])
	}
	return points
}

// everySecond thins out a curve for drawing; it keeps both ends.
func everySecond(points []point) []point {
	step := max(len(points)/8, 1)
	var kept []point
	for i := 0; i < len(points)-1; i += step {
		kept = append(kept, points[i])
	}
	return append(kept, points[len(points)-1])
}

// box is the smallest rectangle around what was added to it.
type box struct{ minX, minY, maxX, maxY float64 }

func newBox() box {
	return box{minX: math.Inf(1), minY: math.Inf(1), maxX: math.Inf(-1), maxY: math.Inf(-1)}
}

func (b *box) add(points ...point) {
	for _, p := range points {
		b.minX, b.maxX = min(b.minX, p.x), max(b.maxX, p.x)
		b.minY, b.maxY = min(b.minY, p.y), max(b.maxY, p.y)
	}
}

// flatten turns points into map units with the box's corner at the margin.
func (b box) flatten(points []point) []int {
	flat := make([]int, 0, 2*len(points))
	for _, p := range points {
		x, y := b.place(p)
		flat = append(flat, x, y)
	}
	return flat
}

func (b box) place(p point) (x, y int) {
	return int(math.Round(p.x - b.minX + margin)), int(math.Round(p.y - b.minY + margin))
}

// grades of all maps, the dearest first.
var grades = []catalogue.Grade{
	{Code: "VIP", Name: "VIP석", Colour: "#8e5bd0"},
	{Code: "R", Name: "R석", Colour: "#d9534f"},
	{Code: "S", Name: "S석", Colour: "#3f8fd2"},
	{Code: "A", Name: "A석", Colour: "#3aa675"},
	{Code: "B", Name: "시야제한석", Colour: "#8a8f9c"},
}
