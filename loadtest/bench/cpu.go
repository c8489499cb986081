package bench

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// ticksPerSecond is the kernel's unit of CPU time, the same on every Linux.
const ticksPerSecond = 100

// cpuSeconds returns the CPU time that each part of the system has used so far, the
// load generator among them. A part is a program with all its descendants.
func (s *System) cpuSeconds() map[string]float64 {
	names := map[int]string{os.Getpid(): "generator"}
	files, _ := filepath.Glob(filepath.Join(s.Root, ".run", strconv.Itoa(s.Base), "pid", "*.pid"))
	for _, file := range files {
		text, _ := os.ReadFile(file)
		first, _, _ := strings.Cut(string(text), " ")
		if pid, err := strconv.Atoi(first); err == nil {
			names[pid] = strings.TrimSuffix(filepath.Base(file), ".pid")
		}
	}
	parents, ticks := map[int]int{}, map[int]float64{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range stats {
		text, _ := os.ReadFile(file)
		if pid, parent, spent, ok := parseStat(string(text)); ok {
			parents[pid], ticks[pid] = parent, spent
		}
	}
	used := map[string]float64{}
	for pid, spent := range ticks {
		for at := pid; at > 1; at = parents[at] {
			if name, known := names[at]; known {
				used[name] += spent / ticksPerSecond
				break
			}
		}
	}
	return used
}

// parseStat reads a /proc/<pid>/stat: the parent and the CPU time in ticks, with that
// of children that have ended.
func parseStat(text string) (pid, parent int, ticks float64, ok bool) {
	number, rest, ok := strings.Cut(text, " ")
	end := strings.LastIndex(rest, ")") // the name may have anything in it
	if !ok || end < 0 {
		return 0, 0, 0, false
	}
	fields := strings.Fields(rest[end+1:])
	if len(fields) < 15 {
		return 0, 0, 0, false
	}
	pid, err := strconv.Atoi(number)
	parent, parentErr := strconv.Atoi(fields[1])
	for _, field := range fields[11:15] {
		n, _ := strconv.ParseFloat(field, 64)
		ticks += n
	}
	return pid, parent, ticks, err == nil && parentErr == nil
}

// cpuPer tells what the parts have used since before, in ms for each of count, the
// greediest first.
func (s *System) cpuPer(before map[string]float64, count int) string {
	after, spent, sum := s.cpuSeconds(), map[string]float64{}, 0.0
	for name, seconds := range after {
		spent[name] = (seconds - before[name]) * 1000 / float64(max(count, 1))
		sum += spent[name]
	}
	names := slices.SortedFunc(maps.Keys(spent), func(a, b string) int { return int(1e6 * (spent[b] - spent[a])) })
	text := fmt.Sprintf("CPU ms each: %.3f in all", sum)
	for _, name := range names {
		if spent[name] >= sum/200 {
			text += fmt.Sprintf(", %s %.3f", name, spent[name])
		}
	}
	return text
}
