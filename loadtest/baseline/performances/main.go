// Command performances lists performances by the naive join: every table joined,
// the keyword looked for in each name, duplicates removed, the first 20 by date.
package main

import (
	"context"
	"log"
	"os"

	"github.com/gofiber/fiber/v2"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fairgate/fairgate/loadtest/baseline"
)

func main() {
	const q = `SELECT coalesce(json_agg(page), '[]')::text FROM (
		SELECT DISTINCT p.id, p.title, p.category, p.venue_id, p.starts_on, p.ends_on, p.runtime, p.age, p.synopsis, v.name AS venue_name
		FROM performance p JOIN venue v ON v.id = p.venue_id
		LEFT JOIN performance_cast c ON c.performance_id = p.id LEFT JOIN performer f ON f.id = c.performer_id
		WHERE (p.title ILIKE '%' || $1 || '%' OR v.name ILIKE '%' || $1 || '%' OR f.name ILIKE '%' || $1 || '%')
			AND p.category <> 'load' AND ($2 = '' OR p.category = $2)
		ORDER BY p.starts_on, p.id LIMIT 20) page`
	pool, err := pgxpool.New(context.Background(), os.Getenv("POSTGRES_URL")+"&pool_max_conns=12")
	if err != nil {
		log.Fatal(err)
	}
	app := baseline.App()
	app.Get("/*", func(c *fiber.Ctx) error {
		var items string
		if err := pool.QueryRow(c.UserContext(), q, c.Query("q"), c.Query("category")).Scan(&items); err != nil {
			return err
		}
		c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
		return c.SendString(`{"items":` + items + `}`)
	})
	log.Fatal(app.Listen(os.Getenv("ADDR")))
}
