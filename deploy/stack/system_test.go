package stack

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestTheFirstErrorEndsTheOtherStepsAndIsTheOnlyOne(t *testing.T) {
	t.Parallel()
	missing := errors.New("a package is missing")
	long := func(ctx context.Context) error {
		select {
		case <-ctx.Done():
			return errors.New("killed")
		case <-time.After(30 * time.Second):
			return nil
		}
	}
	begin := time.Now()
	err := allOrNothing(context.Background(), long, func(context.Context) error { return missing })
	if err != missing { // nothing joined or wrapped around it
		t.Errorf("got %v", err)
	}
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("it waited %s for the other step", took)
	}
	if err := allOrNothing(context.Background(), func(context.Context) error { return nil }); err != nil {
		t.Error(err)
	}
}
