package record

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func content(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestContinue: a log that is continued after a crash has each step once, and is what a training without a stop writes.
func TestContinue(t *testing.T) {
	for _, c := range []struct {
		name string
		open func(path string, done int) (Recorder, error)
		want string
	}{
		{"csv", func(p string, done int) (Recorder, error) { return CSV(p, done, "loss", "a,b") },
			"step,loss,\"a,b\"\n1,0.5,\n2,NaN,2\n3,0.25,\n4,0.1,1e+300\n"},
		{"jsonl", JSONL, "{\"step\":1,\"loss\":0.5}\n{\"step\":2,\"loss\":null,\"a,b\":2}\n{\"step\":3,\"loss\":0.25}\n{\"step\":4,\"loss\":0.1,\"a,b\":1e+300}\n"},
	} {
		log := func(r Recorder, step int) {
			t.Helper()
			values := [][]Value{{{"loss", 0.5}}, {{"loss", math.NaN()}, {"a,b", 2}}, {{"loss", 0.25}}, {{"loss", 0.1}, {"a,b", 1e300}}}[step-1]
			if err := r.Log(step, values...); err != nil {
				t.Fatal(err)
			}
		}
		path := filepath.Join(t.TempDir(), c.name)
		for done := range 5 {
			r, err := c.open(path, done)
			if err != nil {
				t.Fatal(err)
			}
			for step := done + 1; step <= 4; step++ {
				log(r, step)
			}
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
			if got := content(t, path); got != c.want {
				t.Errorf("%s after step %d:\n%s\nwant\n%s", c.name, done, got, c.want)
			}
			// The next time half a line is there.
			if err := os.WriteFile(path, []byte(c.want[:len(c.want)-3]), 0o666); err != nil {
				t.Fatal(err)
			}
			if r, err = c.open(path, 3); err != nil {
				t.Fatal(err)
			}
			log(r, 4)
			r.Close()
			if got := content(t, path); got != c.want {
				t.Errorf("%s after half a line:\n%s", c.name, got)
			}
		}
	}
	path := filepath.Join(t.TempDir(), "log.csv")
	r, err := CSV(path, 0, "loss")
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Log(1, Value{"accuracy", 1}); err == nil || !strings.Contains(err.Error(), "accuracy") {
		t.Error(err)
	}
	r.Close()
	if _, err := CSV(path, 1, "loss", "accuracy"); err == nil || !strings.Contains(err.Error(), "step,loss") {
		t.Error(err)
	}
}

// TestFrame: CRC-32C of RFC 3720, B.4, and the record of a known file.
func TestFrame(t *testing.T) {
	for want, b := range map[uint32][]byte{0x8a9136aa: make([]byte, 32), 0x62a8ab43: bytes.Repeat([]byte{255}, 32), 0xe3069283: []byte("123456789")} {
		if got := crc32.Checksum(b, castagnoli); got != want {
			t.Errorf("%#x, want %#x", got, want)
		}
		if m := masked(b) - 0xa282ead8; m>>17|m<<15 != want {
			t.Errorf("unmasked %#x, want %#x", m>>17|m<<15, want)
		}
	}
	// Of an event file that tensorboard wrote: wall time 0 and the version.
	if got := hex.EncodeToString(frame([]byte("\x09\x00\x00\x00\x00\x00\x00\x00\x00\x1a\x0dbrain.Event:2"))); got != "1800000000000000a37f4b220900000000000000001a0d627261696e2e4576656e743a32eedf28a3" {
		t.Error(got)
	}
}

func TestTensorBoard(t *testing.T) {
	dir := t.TempDir()
	for _, done := range []int{0, 2} {
		e, err := TensorBoard(filepath.Join(dir, "run"), done)
		if err != nil {
			t.Fatal(err)
		}
		for step := done + 1; step <= 4; step++ {
			if err := e.Log(step, Value{"loss", 1 / float64(step)}); err != nil {
				t.Fatal(err)
			}
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(content(t, e.Path()), "brain.Event:2") {
			t.Error("no version")
		}
	}
	if list, err := filepath.Glob(filepath.Join(dir, "run", "events.out.tfevents.*")); err != nil || len(list) != 2 {
		t.Error(list, err)
	}
}

func TestProgress(t *testing.T) {
	for _, terminal := range []bool{false, true} {
		var b strings.Builder
		now := time.Unix(0, 0)
		p := NewProgress(&b)
		p.terminal, p.now = terminal, func() time.Time { return now }
		for step := 1; step <= 21; step++ {
			if err := p.Step(step, 21, Value{"loss", 1 / float64(step)}); err != nil {
				t.Fatal(err)
			}
			now = now.Add(time.Second)
		}
		if err := p.Note("accuracy 0.9"); err != nil {
			t.Fatal(err)
		}
		want := "1/21  loss 1\n11/21  loss 0.09091  1s/step  eta 10s\n21/21  loss 0.04762  1s/step  eta 0s\naccuracy 0.9\n"
		got := b.String()
		if !terminal && got != want {
			t.Errorf("%q, want %q", got, want)
		}
		if terminal && (strings.Count(got, "\r") != 22 || strings.Count(got, "\n") != 2 || !strings.Contains(got, "\r[==========          ] 11/21  loss 0.09091  1s/step  eta 10s")) {
			t.Errorf("%q", got)
		}
	}
}

func Example() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "log.csv")
	log, err := CSV(path, 0, "loss", "accuracy")
	if err != nil {
		panic(err)
	}
	log.Log(1, Value{"loss", 0.7})
	log.Log(2, Value{"loss", 0.5}, Value{"accuracy", 0.8})
	log.Close()
	b, _ := os.ReadFile(path)
	fmt.Print(string(b))
	// Output:
	// step,loss,accuracy
	// 1,0.7,
	// 2,0.5,0.8
}
