// Package record writes down how a training goes: tables of CSV and lines of JSON that survive a crash and are continued without double steps, event files for
// TensorBoard, and a line of progress for a terminal.
package record

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
)

// Value is a number with its name.
type Value struct {
	Name string
	X    float64
}

// Recorder takes the numbers of one step after the other. What was logged is in the file when Log returns.
type Recorder interface {
	Log(step int, values ...Value) error
	Close() error
}

// maxLine bounds the lines of files that are continued.
const maxLine = 1 << 20

// continued opens a file of which lines up to that of step done stay. What comes after, also half a line that a crash left, is cut off, since a training that goes on
// from its checkpoint writes it again. step tells the step of a line.
func continued(path string, done int, step func(line string) (int, error)) (f *os.File, empty bool, err error) {
	flags := os.O_RDWR | os.O_CREATE
	if done <= 0 {
		flags |= os.O_TRUNC
	}
	if f, err = os.OpenFile(path, flags, 0o666); err != nil {
		return nil, false, err
	}
	keep := int64(0)
	s := bufio.NewReader(f)
	for {
		line, err := s.ReadString('\n')
		if err == io.EOF || len(line) > maxLine {
			break
		}
		if err != nil {
			f.Close()
			return nil, false, err
		}
		n, err := step(strings.TrimSuffix(line, "\n"))
		if err != nil {
			f.Close()
			return nil, false, fmt.Errorf("%s: %w", path, err)
		}
		if n > done {
			break
		}
		keep += int64(len(line))
	}
	if err = f.Truncate(keep); err == nil {
		_, err = f.Seek(keep, io.SeekStart)
	}
	if err != nil {
		f.Close()
		return nil, false, err
	}
	return f, keep == 0, nil
}

type table struct {
	f       *os.File
	columns []string
}

// CSV is a table with a column for the step and one for each name; what a step does not have is empty. With done 0 it begins anew; else it continues the file, whose
// columns must be the same, after step done.
func CSV(path string, done int, columns ...string) (Recorder, error) {
	for _, c := range columns {
		if strings.ContainsAny(c, "\r\n") {
			return nil, fmt.Errorf("a column called %q", c)
		}
	}
	head := line(append([]string{"step"}, columns...))
	first := true
	f, empty, err := continued(path, done, func(s string) (int, error) {
		if first {
			first = false
			if s+"\n" != head {
				return 0, fmt.Errorf("a table with columns %s, want %s", s, strings.TrimSpace(head))
			}
			return 0, nil
		}
		cell, _, _ := strings.Cut(s, ",")
		n, err := strconv.Atoi(cell)
		if err != nil {
			return math.MaxInt, nil
		}
		return n, nil
	})
	if err != nil {
		return nil, err
	}
	if empty {
		if _, err := f.WriteString(head); err != nil {
			f.Close()
			return nil, err
		}
	}
	return &table{f, columns}, nil
}

func line(cells []string) string {
	var b strings.Builder
	w := csv.NewWriter(&b)
	w.Write(cells)
	w.Flush()
	return b.String()
}

func (t *table) Log(step int, values ...Value) error {
	cells := make([]string, 1+len(t.columns))
	cells[0] = strconv.Itoa(step)
	for _, v := range values {
		k := slices.Index(t.columns, v.Name)
		if k < 0 {
			return fmt.Errorf("the table has no column %q; it has %q", v.Name, t.columns)
		}
		cells[1+k] = strconv.FormatFloat(v.X, 'g', -1, 64)
	}
	_, err := t.f.WriteString(line(cells))
	return err
}

func (t *table) Close() error { return t.f.Close() }

type lines struct{ f *os.File }

// JSONL has an object on each line: "step" and the values by their names. Numbers that JSON does not have, NaN and infinities, are null. With done 0 it begins anew; else it
// continues the file after step done.
func JSONL(path string, done int) (Recorder, error) {
	f, _, err := continued(path, done, func(s string) (int, error) {
		var x struct{ Step *int }
		if json.Unmarshal([]byte(s), &x) != nil || x.Step == nil {
			return math.MaxInt, nil
		}
		return *x.Step, nil
	})
	if err != nil {
		return nil, err
	}
	return &lines{f}, nil
}

func (l *lines) Log(step int, values ...Value) error {
	b := strconv.AppendInt([]byte(`{"step":`), int64(step), 10)
	for _, v := range values {
		name, err := json.Marshal(v.Name)
		if err != nil {
			return err
		}
		b = append(append(append(b, ','), name...), ':')
		if math.IsNaN(v.X) || math.IsInf(v.X, 0) {
			b = append(b, "null"...)
		} else {
			b = strconv.AppendFloat(b, v.X, 'g', -1, 64)
		}
	}
	_, err := l.f.Write(append(b, "}\n"...))
	return err
}

func (l *lines) Close() error { return l.f.Close() }

// Tee hands everything to several recorders.
type Tee []Recorder

func (t Tee) Log(step int, values ...Value) error {
	var errs []error
	for _, r := range t {
		errs = append(errs, r.Log(step, values...))
	}
	return errors.Join(errs...)
}

func (t Tee) Close() error {
	var errs []error
	for _, r := range t {
		errs = append(errs, r.Close())
	}
	return errors.Join(errs...)
}
