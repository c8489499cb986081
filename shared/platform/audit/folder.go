package audit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"syscall"
	"time"
)

// Line is one change.
type Line struct {
	Position
	Kind string    // the file it goes to: "booking", "payment"
	At   time.Time // when it happened, which decides the day
	Text []byte    // a JSON object, without the newline
}

// Folder is where the files lie. Several processes may write to one folder.
type Folder struct {
	Path      string
	Retention time.Duration // of a whole day's file
}

// zone is where the shop is: an operator looks for "the sale of the 21st" by its own
// calendar. Korea has had no summer time since 1988, so a fixed offset is exact.
func zone() *time.Location { return time.FixedZone("KST", 9*60*60) }

func (f Folder) file(kind string, at time.Time) string {
	return filepath.Join(f.Path, kind+"-"+at.In(zone()).Format(time.DateOnly)+".jsonl")
}

// Append writes lines to their files and syncs these. After an error some files may
// have their lines and others not.
func (f Folder) Append(lines []Line) error {
	if err := os.MkdirAll(f.Path, 0o750); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	var names []string
	texts := map[string]*bytes.Buffer{}
	for _, line := range lines {
		name := f.file(line.Kind, line.At)
		if texts[name] == nil {
			names, texts[name] = append(names, name), &bytes.Buffer{}
		}
		texts[name].Write(line.Text)
		texts[name].WriteByte('\n')
	}
	for _, name := range names {
		if err := appendTo(name, texts[name].Bytes()); err != nil {
			return fmt.Errorf("audit: %w", err)
		}
	}
	return nil
}

// appendTo adds whole lines to a file, or nothing.
func appendTo(name string, text []byte) (err error) {
	file, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o640)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }() // also unlocks
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	end, err := mend(file)
	if err != nil {
		return err
	}
	if _, err := file.Write(text); err != nil {
		return errors.Join(err, file.Truncate(end))
	}
	return file.Sync()
}

// mend cuts a torn last line off, which a crash has left before its cursor was
// committed, and returns the file's size.
func mend(file *os.File) (int64, error) {
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil || size == 0 {
		return size, err
	}
	const most = 1 << 20 // of one line
	tail := make([]byte, min(size, most))
	if _, err := file.ReadAt(tail, size-int64(len(tail))); err != nil {
		return 0, err
	}
	whole := size - int64(len(tail)) + int64(bytes.LastIndexByte(tail, '\n')) + 1
	if whole == size {
		return size, nil
	}
	return whole, file.Truncate(whole)
}

var fileName = regexp.MustCompile(`^[a-z]+-(\d{4}-\d{2}-\d{2})\.jsonl$`)

// Forget deletes the files of days that ended longer than the retention before now,
// and returns their names.
func (f Folder) Forget(now time.Time) ([]string, error) {
	entries, err := os.ReadDir(f.Path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	var gone []string
	for _, entry := range entries {
		day := fileName.FindStringSubmatch(entry.Name())
		if day == nil {
			continue
		}
		begin, err := time.ParseInLocation(time.DateOnly, day[1], zone())
		if err != nil || !begin.AddDate(0, 0, 1).Add(f.Retention).Before(now) {
			continue
		}
		if err := os.Remove(filepath.Join(f.Path, entry.Name())); err != nil {
			return gone, fmt.Errorf("audit: %w", err)
		}
		gone = append(gone, entry.Name())
	}
	slices.Sort(gone)
	return gone, nil
}
