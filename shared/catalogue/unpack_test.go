package catalogue

import (
	"bytes"
	"compress/gzip"
	"errors"
	"testing"
)

func packed(t *testing.T, size int) []byte {
	t.Helper()
	var buffer bytes.Buffer
	w := gzip.NewWriter(&buffer)
	piece := make([]byte, 1<<20)
	for left := size; left > 0; left -= len(piece) {
		if _, err := w.Write(piece[:min(left, len(piece))]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buffer.Bytes()
}

func TestUnpackIsBounded(t *testing.T) {
	t.Parallel()
	if body, err := Unpack(packed(t, 3<<20)); err != nil || len(body) != 3<<20 {
		t.Errorf("3 MB: %d bytes, %v", len(body), err)
	}
	bomb := packed(t, 512<<20)
	if body, err := Unpack(bomb); !errors.Is(err, errUnpackedTooLarge) || body != nil {
		t.Errorf("a bomb of %d bytes: %d bytes, %v; want %v", len(bomb), len(body), err, errUnpackedTooLarge)
	}
	if _, err := Unpack(bomb[:100]); err == nil {
		t.Error("a body that is cut off was unpacked")
	}
}
