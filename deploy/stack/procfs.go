package stack

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// startTicks returns when a process started, in clock ticks since boot; together
// with the pid it names the process for ever. A zombie counts as ended.
func startTicks(pid int) (uint64, bool) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, false
	}
	// The command in parentheses may hold blanks, so count from its end.
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	const state, startTime = 0, 19
	if len(fields) <= startTime || fields[state][0] == 'Z' || fields[state][0] == 'X' {
		return 0, false
	}
	ticks, err := strconv.ParseUint(string(fields[startTime]), 10, 64)
	return ticks, err == nil
}

// ownerOf names the process that listens on a port, as " by name (pid 7)", or
// returns "" where the kernel does not tell.
func ownerOf(port int) string {
	inode := listeningInode(port)
	if inode == "" {
		return ""
	}
	links, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, link := range links {
		if target, err := os.Readlink(link); err != nil || target != "socket:["+inode+"]" {
			continue
		}
		pid := strings.Split(link, "/")[2]
		name, _ := os.ReadFile("/proc/" + pid + "/comm")
		return fmt.Sprintf(" by %s (pid %s)", strings.TrimSpace(string(name)), pid)
	}
	return ""
}

func listeningInode(port int) string {
	suffix := fmt.Sprintf(":%04X", port)
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, _ := os.ReadFile(table)
		for line := range strings.Lines(string(text)) {
			const local, state, inode, listening = 1, 3, 9, "0A"
			fields := strings.Fields(line)
			if len(fields) > inode && fields[state] == listening && strings.HasSuffix(fields[local], suffix) {
				return fields[inode]
			}
		}
	}
	return ""
}
