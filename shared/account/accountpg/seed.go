package accountpg

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fairgate/fairgate/shared/account"
	"github.com/fairgate/fairgate/shared/ident"
	"github.com/fairgate/fairgate/shared/platform/postgres"
)

// DevelopmentPassword is the password of the seeded accounts.
const DevelopmentPassword = "Fairgate-dev-1"

// Seed stores admin@, organizer@ and fan@fairgate.test where they are missing and
// returns how many were. hash is asked at most once. These addresses are nobody's: one
// that somebody has erased is made anew, and its mark goes. It belongs in development and
// tests only.
func Seed(ctx context.Context, pool *pgxpool.Pool, hash func(password string) (string, error), mark func(email string) account.EmailMark) (int, error) {
	store := New(pool)
	var missing []account.Account
	for _, a := range []account.Account{
		{Email: "admin@fairgate.test", Name: "관리자", Role: account.Admin},
		{Email: "organizer@fairgate.test", Name: "주최자", Role: account.Organizer},
		{Email: "fan@fairgate.test", Name: "김하늘", Role: account.Fan},
	} {
		_, _, err := store.ByEmail(ctx, a.Email)
		if errors.Is(err, account.ErrNotFound) {
			a.ID, a.Locale, a.CreatedAt = ident.New("acc"), "ko", time.Now().UTC()
			missing = append(missing, a)
		} else if err != nil {
			return 0, err
		}
	}
	if len(missing) == 0 {
		return 0, nil
	}
	hashed, err := hash(DevelopmentPassword)
	if err != nil {
		return 0, err
	}
	const forget = `DELETE FROM erased_email WHERE mark = ANY($1)`
	err = postgres.InTx(ctx, pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, forget, marksOf(missing, mark)); err != nil {
			return err
		}
		return copyAccounts(ctx, tx, missing, hashed)
	})
	if errors.Is(err, account.ErrEmailTaken) {
		return 0, nil // another seeding was faster
	}
	return len(missing), err
}
