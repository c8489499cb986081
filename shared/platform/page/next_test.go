package page

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

type nextVector struct {
	Asked string `json:"asked"`
	Goes  bool   `json:"goes"` // to where it was asked, rather than nowhere
}

func nextVectors(t *testing.T) []nextVector {
	t.Helper()
	raw, err := os.ReadFile("testdata/next.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []nextVector
	if err := json.Unmarshal(raw, &vectors); err != nil {
		t.Fatal(err)
	}
	return vectors
}

func (v nextVector) want() string {
	if v.Goes {
		return v.Asked
	}
	return ""
}

func TestNextLeadsToThisSiteOnly(t *testing.T) {
	t.Parallel()
	for _, v := range nextVectors(t) {
		if got := Next(v.Asked); got != v.want() {
			t.Errorf("Next(%q) = %q, want %q", v.Asked, got, v.want())
		}
	}
}

// The browser's twin is run by Node on the same vectors; each answer is also
// resolved as a browser would, which must stay on the site.
func TestTheBrowsersNextAgrees(t *testing.T) {
	t.Parallel()
	module, err := filepath.Abs("static/next.js")
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(t.TempDir(), "next.mjs") // the folder has no package.json that says "module"
	source, err := os.ReadFile(module)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(copied, source, 0o600); err != nil {
		t.Fatal(err)
	}
	const script = `
		const { safeNext } = await import("file://" + process.argv[1]);
		let text = "";
		for await (const part of process.stdin) text += part;
		const answers = JSON.parse(text).map(({ asked }) => {
			const next = safeNext(asked);
			return { next, here: new URL(next, "https://site.test/login").origin === "https://site.test" };
		});
		process.stdout.write(JSON.stringify(answers));`
	vectors := nextVectors(t)
	input, err := json.Marshal(vectors)
	if err != nil {
		t.Fatal(err)
	}
	node := exec.Command("node", "--input-type=module", "-e", script, copied) //nolint:gosec // our own script
	node.Stdin = bytes.NewReader(input)
	output, err := node.Output()
	if err != nil {
		t.Fatalf("node: %v (Node runs the page tests; it has to be there)", err)
	}
	var answers []struct {
		Next string `json:"next"`
		Here bool   `json:"here"`
	}
	if err := json.Unmarshal(output, &answers); err != nil {
		t.Fatal(err)
	}
	for i, v := range vectors {
		if answers[i].Next != v.want() || !answers[i].Here {
			t.Errorf("safeNext(%q) = %q (on this site: %v), want %q", v.Asked, answers[i].Next, answers[i].Here, v.want())
		}
	}
}
