package catalogue

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
)

// mostUnpacked is the most bytes of a seat map: 100,000 seats take some three million.
const mostUnpacked = 32 << 20

var errUnpackedTooLarge = errors.New("catalogue: a compressed body is larger than a seat map can be")

// Unpack returns what was compressed with gzip, at most mostUnpacked bytes: how much a body
// holds cannot be seen from its own size.
func Unpack(packed []byte) ([]byte, error) {
	plain, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("catalogue: unpack: %w", err)
	}
	body, err := io.ReadAll(io.LimitReader(plain, mostUnpacked+1))
	if err != nil {
		return nil, fmt.Errorf("catalogue: unpack: %w", err)
	}
	if len(body) > mostUnpacked {
		return nil, errUnpackedTooLarge
	}
	return body, nil
}
