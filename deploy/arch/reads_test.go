package arch

import "testing"

func TestReadsWithoutALimitAreFound(t *testing.T) {
	t.Parallel()
	const head = "package x\nimport \"io\"\n"
	for code, want := range map[string]int{
		"func f(r io.Reader) { _, _ = io.ReadAll(r) }":                            1,
		"func f(r io.Reader) { _, _ = io.ReadAll(unpack(r)) }":                    1,
		"func f(r io.Reader) { _, _ = io.ReadAll(unpack(io.LimitReader(r, 5))) }": 1,
		"func f(r io.Reader) { _, _ = io.ReadAll(io.LimitReader(r, 5)) }":         0,
	} {
		found := 0
		for _, s := range tree(t, map[string]string{"shared/a/a.go": head + code}) {
			found += len(checkReads(s))
		}
		if found != want {
			t.Errorf("%s: %d found, want %d", code, found, want)
		}
	}
}
