package record

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// Progress tells how far a training is: one line that is written over on a terminal, else a line now and then.
type Progress struct {
	w        io.Writer
	terminal bool
	now      func() time.Time
	start    time.Time
	first    int // the step at start
	last     time.Time
	width    int // of the line on the terminal
}

// NewProgress writes to w.
func NewProgress(w io.Writer) *Progress {
	return &Progress{w: w, terminal: isTerminal(w), now: time.Now}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("TERM") == "dumb" {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// How often lines appear.
const (
	onTerminal = 100 * time.Millisecond
	elsewhere  = 10 * time.Second
)

// Step tells of step number step, from 1, of total, with what is to be said about it. The time that is left is the mean time of the steps since the first call.
func (p *Progress) Step(step, total int, values ...Value) error {
	t := p.now()
	if p.start.IsZero() {
		p.start, p.first = t, step
	}
	every := elsewhere
	if p.terminal {
		every = onTerminal
	}
	if step < total && !p.last.IsZero() && t.Sub(p.last) < every {
		return nil
	}
	p.last = t
	var b strings.Builder
	if p.terminal {
		const cells = 20
		full := cells * min(max(step, 0), total) / max(total, 1)
		fmt.Fprintf(&b, "[%s%s] ", strings.Repeat("=", full), strings.Repeat(" ", cells-full))
	}
	fmt.Fprintf(&b, "%d/%d", step, total)
	for _, v := range values {
		fmt.Fprintf(&b, "  %s %.4g", v.Name, v.X)
	}
	if made := step - p.first; made > 0 {
		each := t.Sub(p.start) / time.Duration(made)
		fmt.Fprintf(&b, "  %s/step  eta %s", round(each), round(each*time.Duration(max(total-step, 0))))
	}
	return p.line(b.String(), step >= total)
}

// Note writes a line of its own, such as the outcome of a validation.
func (p *Progress) Note(s string) error { return p.line(s, true) }

func (p *Progress) line(s string, end bool) error {
	if !p.terminal {
		_, err := io.WriteString(p.w, s+"\n")
		return err
	}
	pad := strings.Repeat(" ", max(p.width-len(s), 0)) // over what is left of a longer line
	p.width = len(s)
	if end {
		pad += "\n"
		p.width = 0
	}
	_, err := io.WriteString(p.w, "\r"+s+pad)
	return err
}

// round leaves three digits or whole seconds.
func round(d time.Duration) time.Duration {
	switch {
	case d >= 10*time.Second:
		return d.Round(time.Second)
	case d >= time.Second:
		return d.Round(10 * time.Millisecond)
	case d >= time.Millisecond:
		return d.Round(10 * time.Microsecond)
	}
	return d.Round(time.Microsecond)
}
