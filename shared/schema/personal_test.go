package schema_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/fairgate/fairgate/shared/platform/backendtest/pgtest"
	"github.com/fairgate/fairgate/shared/schema"
)

// register returns where the register knows each column from.
func register(t *testing.T) map[string]string {
	t.Helper()
	known := map[string]string{}
	add := func(column, as string) {
		if before := known[column]; before != "" {
			t.Errorf("%s is %s and %s", column, before, as)
		}
		known[column] = as
	}
	for _, c := range schema.Personal() {
		if c.Holds == "" || c.Erasing == "" || c.Why == "" {
			t.Errorf("%s.%s lacks a rule", c.Table, c.Column)
		}
		add(c.Table+"."+c.Column, "personal")
	}
	for table, columns := range schema.Impersonal() {
		for column := range strings.FieldsSeq(columns) {
			add(table+"."+column, "not personal")
		}
	}
	return known
}

// unknown compares the register with the columns that can hold more than a number or a
// time, in all schemas.
func unknown(t *testing.T, conn interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}, known map[string]string) (missing, gone []string) {
	t.Helper()
	const q = `
		SELECT CASE table_schema WHEN 'public' THEN '' ELSE table_schema || '.' END || table_name || '.' || column_name
		FROM information_schema.columns
		WHERE table_schema NOT IN ('pg_catalog', 'information_schema')
		  AND data_type NOT IN ('smallint', 'integer', 'bigint', 'numeric', 'real', 'double precision', 'boolean', 'date',
			'timestamp with time zone', 'timestamp without time zone', 'time without time zone', 'interval', 'xid8', 'uuid')
		ORDER BY 1`
	rows, err := conn.Query(context.Background(), q)
	if err != nil {
		t.Fatal(err)
	}
	there, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, column := range there {
		found[column] = true
		if known[column] == "" {
			missing = append(missing, column)
		}
	}
	for column := range known {
		if !found[column] {
			gone = append(gone, column)
		}
	}
	return missing, gone
}

func TestTheRegisterKnowsEveryColumn(t *testing.T) {
	t.Parallel()
	pool, known := pgtest.Pool(t), register(t)
	missing, gone := unknown(t, pool, known)
	for _, column := range missing {
		t.Errorf("%s is in no register: say in shared/schema/personal.go what of a person it holds and what erasing does there, or that it holds nothing", column)
	}
	for _, column := range gone {
		t.Errorf("%s is in the register and not in the schema", column)
	}
	const more = `ALTER TABLE sale ADD COLUMN phone text, ADD COLUMN seen inet, ADD COLUMN extra jsonb, ADD COLUMN n int`
	if _, err := pool.Exec(context.Background(), more); err != nil {
		t.Fatal(err)
	}
	if missing, _ := unknown(t, pool, known); strings.Join(missing, " ") != "sale.extra sale.phone sale.seen" {
		t.Errorf("of new columns it finds %q", missing)
	}
}

func TestTheRegisterIsWrittenDown(t *testing.T) {
	t.Parallel()
	const file = "PERSONAL.md"
	if os.Getenv("UPDATE_PERSONAL") != "" {
		if err := os.WriteFile(file, []byte(schema.PersonalTable()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	written, err := os.ReadFile(file)
	if err != nil || string(written) != schema.PersonalTable() {
		t.Errorf("%s is not what personal.go says (%v): UPDATE_PERSONAL=1 go test ./shared/schema", file, err)
	}
}
