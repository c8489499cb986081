//go:build faults

package faults

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"time"
)

// follow keeps an event stream of the place open, as a page does, until the end. A
// stream may end at any time; whoever asks for a new one must get it.
func (f *fan) follow(stopped <-chan struct{}) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() { <-stopped; cancel() }()
	for ctx.Err() == nil {
		status, err := f.stream(ctx)
		if ctx.Err() != nil {
			return
		}
		f.door.count("stream", status, err)
		select {
		case <-ctx.Done():
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// stream opens one stream and reads it to its end.
func (f *fan) stream(ctx context.Context) (status int, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, f.door.front+"/v1/queues/"+f.sale.SaleID+"/places/me/events", nil)
	if err != nil {
		return 0, err
	}
	request.Header.Set("Place-Token", f.placeToken)
	endless := http.Client{Transport: f.door.client.Transport}
	response, err := endless.Do(request)
	if err != nil {
		return 0, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode == http.StatusNoContent {
		return 0, fmt.Errorf("an answer that tells pages not to come back")
	}
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		continue
	}
	return response.StatusCode, nil
}
