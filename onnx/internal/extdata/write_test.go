package extdata

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// write puts texts into files and commits, the first as the last.
func write(t *testing.T, dir string, texts ...string) error {
	t.Helper()
	w, err := NewWriter(dir)
	must(t, err)
	defer w.Close()
	last := ""
	for i, s := range texts {
		loc, content, _ := strings.Cut(s, "=")
		if i == 0 {
			last = loc
		}
		if err := w.WriteAt(loc, []byte(content), 0); err != nil {
			return err
		}
	}
	return w.Commit(last)
}

func (p place) has(t *testing.T, want map[string]string) {
	t.Helper()
	for loc, content := range want {
		if b, err := os.ReadFile(filepath.Join(p.root, filepath.FromSlash(loc))); err != nil || string(b) != content {
			t.Errorf("%s has %q, %v; want %q", loc, b, err, content)
		}
	}
}

func TestWrite(t *testing.T) {
	p := newPlace(t)
	must(t, write(t, p.root, "m.onnx=model", "w=new", "sub/w=new in sub", "a/b/c=deep"))
	p.has(t, map[string]string{"m.onnx": "model", "w": "new", "sub/w": "new in sub", "a/b/c": "deep"})
	long := strings.Repeat("n", 250)
	must(t, write(t, p.root, long+"=long name"))
	p.has(t, map[string]string{long: "long name"})

	w, err := NewWriter(p.root)
	must(t, err)
	must(t, w.WriteAt("parts", []byte("second"), 4))
	must(t, w.WriteAt("./parts", []byte("1st"), 0))
	if _, err := os.Stat(filepath.Join(p.root, "parts")); err == nil {
		t.Error("in place before the commit")
	}
	must(t, w.Commit("parts"))
	must(t, w.Close())
	p.has(t, map[string]string{"parts": "1st\x00second"})
	p.intact(t)
	p.tidy(t)
}

func TestWriteRefusesLocations(t *testing.T) {
	p := newPlace(t)
	for name, loc := range badLocations(p) {
		if err := write(t, p.root, loc+"=overwritten"); err == nil {
			t.Errorf("%s: %q was written", name, loc)
		}
		p.intact(t)
	}
	p.has(t, map[string]string{"w": strings.Repeat("weights.", 8), "sub/w": "in sub"})
	p.tidy(t)
}

// TestFailedCommit wants all files as they were when one of them cannot be put in place.
func TestFailedCommit(t *testing.T) {
	for name, texts := range map[string][]string{
		"model is a folder":           {"sub=model", "w=new", "fresh=new"},
		"data file is a folder":       {"m.onnx=model", "sub=data", "w=new", "fresh=new"},
		"folder is a file":            {"m.onnx=model", "fresh=new", "w/x=new"},
		"file and folder of one name": {"m.onnx=model", "fresh=new", "x/y=new", "x=new"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			must(t, os.WriteFile(filepath.Join(p.root, "m.onnx"), []byte("old"), 0o666))
			if err := write(t, p.root, texts...); err == nil {
				t.Error("no error")
			}
			p.has(t, map[string]string{"m.onnx": "old", "w": strings.Repeat("weights.", 8), "sub/w": "in sub"})
			if _, err := os.Stat(filepath.Join(p.root, "fresh")); err == nil {
				t.Error("a new file stayed")
			}
			p.tidy(t)
		})
	}
}

func TestAbandonedWrite(t *testing.T) {
	p := newPlace(t)
	w, err := NewWriter(p.root)
	must(t, err)
	must(t, w.WriteAt("w", []byte("new"), 0))
	if err := w.WriteAt("w", []byte("new"), -1); err == nil {
		t.Error("written at offset -1")
	}
	if err := w.Commit("none"); err == nil {
		t.Error("committed a file that was not written")
	}
	must(t, w.Close())
	p.has(t, map[string]string{"w": strings.Repeat("weights.", 8)})
	p.tidy(t)
	if _, err := NewWriter(filepath.Join(p.root, "none")); err == nil {
		t.Error("wrote into a folder that is not there")
	}
}
