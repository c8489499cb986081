package main

import (
	"os/exec"
	"strings"
	"testing"
)

// What it imported, a newcomer would have to download and compile before "make up"
// says its first word.
func TestItNeedsOnlyTheStandardLibrary(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range strings.Fields(string(out)) {
		if !strings.Contains(path, "/deploy/stack") {
			t.Errorf("it imports %s", path)
		}
	}
}
