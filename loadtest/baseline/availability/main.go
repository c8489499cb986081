// Command availability answers with the state of every seat of SHOWTIME, read from
// Postgres as rows and written as JSON.
package main

import (
	"context"
	"log"
	"os"

	"github.com/gofiber/fiber/v2"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fairgate/fairgate/loadtest/baseline"
)

type seat struct{ No, State string }

func main() {
	const q = `SELECT s.no, CASE WHEN c.until > now() THEN c.kind ELSE 'free' END
		FROM showtime t JOIN hall_seat s ON s.hall_id = t.hall_id
		LEFT JOIN seat_claim c ON c.showtime_id = t.id AND c.seat = s.no WHERE t.id = $1 ORDER BY s.idx`
	pool, err := pgxpool.New(context.Background(), os.Getenv("POSTGRES_URL")+"&pool_max_conns=12")
	if err != nil {
		log.Fatal(err)
	}
	app := baseline.App()
	app.Get("/*", func(c *fiber.Ctx) error {
		rows, _ := pool.Query(c.UserContext(), q, os.Getenv("SHOWTIME"))
		seats, err := pgx.CollectRows(rows, pgx.RowToStructByPos[seat])
		if err != nil {
			return err
		}
		return c.JSON(fiber.Map{"seats": seats})
	})
	log.Fatal(app.Listen(os.Getenv("ADDR")))
}
