package cataloguepg_test

import (
	"context"
	"testing"

	"github.com/fairgate/fairgate/shared/catalogue"
	"github.com/fairgate/fairgate/shared/catalogue/cataloguepg"
	"github.com/fairgate/fairgate/shared/platform/backendtest/pgtest"
)

func TestLoadRunsStayOutOfTheLists(t *testing.T) {
	t.Parallel()
	ctx, store := context.Background(), cataloguepg.New(pgtest.Pool(t))
	sale, err := store.CreateTestSale(ctx, catalogue.TestSale{Seats: 10, Price: 1000, MaxSeatsPerAccount: 4, HoldSeconds: 300})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Sale(ctx, sale.ID); err != nil {
		t.Errorf("the sale itself: %v", err)
	}
	page := catalogue.Page{Limit: 10}
	for name, want := range map[string]int{"": 0, catalogue.LoadRun: 1} {
		performances, _, err := store.Performances(ctx, catalogue.PerformanceQuery{Page: page, Category: name})
		if err != nil || len(performances) != want {
			t.Errorf("performances of category %q: %d, %v; want %d", name, len(performances), err, want)
		}
		venues, _, err := store.Venues(ctx, catalogue.VenueQuery{Page: page, Region: name})
		if err != nil || len(venues) != want {
			t.Errorf("venues of region %q: %d, %v; want %d", name, len(venues), err, want)
		}
	}
}
