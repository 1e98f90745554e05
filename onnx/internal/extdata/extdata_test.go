package extdata

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/onnx/internal/pb"
)

const secret = "what nobody may read or write"

// place is a folder with a model's files, and a folder beside it with what is none of the model's business.
type place struct{ root, outside string }

func newPlace(t *testing.T) place {
	t.Helper()
	dir := t.TempDir()
	p := place{filepath.Join(dir, "model"), filepath.Join(dir, "outside")}
	must(t, os.MkdirAll(filepath.Join(p.root, "sub"), 0o777))
	must(t, os.Mkdir(p.outside, 0o777))
	must(t, os.WriteFile(filepath.Join(p.root, "w"), bytes.Repeat([]byte("weights."), 8), 0o666))
	must(t, os.WriteFile(filepath.Join(p.root, "sub", "w"), []byte("in sub"), 0o666))
	must(t, os.WriteFile(filepath.Join(p.outside, "secret"), []byte(secret), 0o666))
	return p
}

// intact fails when anything outside of the root is not as it was.
func (p place) intact(t *testing.T) {
	t.Helper()
	list, err := os.ReadDir(p.outside)
	if err != nil || len(list) != 1 {
		t.Errorf("outside has %v, %v", list, err)
	}
	if b, err := os.ReadFile(filepath.Join(p.outside, "secret")); err != nil || string(b) != secret {
		t.Errorf("the secret is %q, %v", b, err)
	}
	if list, err := os.ReadDir(filepath.Dir(p.root)); err != nil || len(list) != 2 {
		t.Errorf("beside the root are %v, %v", list, err)
	}
}

// tidy fails when files that were written aside are left.
func (p place) tidy(t *testing.T) {
	t.Helper()
	for _, pattern := range []string{".*", "*/.*", "*.tmp"} {
		if left, _ := filepath.Glob(filepath.Join(p.root, pattern)); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// entries are external_data of "key=value" texts.
func entries(texts ...string) (l []*pb.StringStringEntryProto) {
	for _, s := range texts {
		k, v, _ := strings.Cut(s, "=")
		l = append(l, &pb.StringStringEntryProto{Key: &k, Value: &v})
	}
	return l
}

// badLocations are refused on load and on save, by their text alone.
func badLocations(p place) map[string]string {
	return map[string]string{
		"empty":               "",
		"dot":                 ".",
		"dot and slash":       "./",
		"parent":              "..",
		"file of the parent":  "../outside/secret",
		"parent of sub":       "sub/../../outside/secret",
		"parent that returns": "../model/w",
		"parent inside":       "sub/../w",
		"parent at the end":   "sub/..",
		"parent after dot":    "./../outside/secret",
		"doubled slashes":     "sub//..//..//outside/secret",
		"absolute":            filepath.ToSlash(p.outside) + "/secret",
		"two slashes":         "//outside/secret",
		"root":                "/",
		"backslash":           `..\outside\secret`,
		"backslash inside":    `sub\w`,
		"drive":               "C:/outside/secret",
		"drive, relative":     "C:w",
		"share":               `\\host\share\w`,
		"NUL":                 "w\x00",
		"NUL before parent":   "w\x00/../../outside/secret",
		"device of DOS":       `\\.\COM1`,
	}
}

// refused wants an error of a kind that package onnx returns, soon.
func refused(t *testing.T, start time.Time, b []byte, err error) {
	t.Helper()
	if !errors.Is(err, graph.ErrInvalid) && !errors.Is(err, graph.ErrLimit) {
		t.Errorf("error %v of no kind", err)
	}
	if b != nil || err != nil && strings.Contains(err.Error(), secret) {
		t.Errorf("read %q, %v", b, err)
	}
	if d := time.Since(start); d > time.Second {
		t.Errorf("took %v", d)
	}
}

// load reads as package onnx does.
func load(f Files, size int, texts ...string) ([]byte, error) {
	r, err := Parse(entries(texts...))
	if err != nil {
		return nil, err
	}
	return Slice(f, r, size)
}

// files are the ways to read a folder.
func (p place) files(t *testing.T) map[string]Files {
	root, err := os.OpenRoot(p.root)
	must(t, err)
	t.Cleanup(func() { root.Close() })
	return map[string]Files{"Dir": Dir(p.root), "FS": FS(root.FS(), ".")}
}

func TestLoad(t *testing.T) {
	p := newPlace(t)
	for way, f := range p.files(t) {
		for _, c := range []struct {
			size  int
			texts []string
			want  string
		}{
			{64, []string{"location=w"}, strings.Repeat("weights.", 8)},
			{8, []string{"location=w", "offset=56"}, "weights."},
			{4, []string{"location=w", "offset=1", "length=4"}, "eigh"},
			{0, []string{"location=w", "offset=64", "length=0"}, ""},
			{6, []string{"location=sub/w", "basepath=/etc", "key=x", "key=y"}, "in sub"},
			{6, []string{"location=./sub//./w", "checksum=no hexadecimal digits"}, "in sub"},
		} {
			b, err := load(f, c.size, c.texts...)
			if err != nil || string(b) != c.want || cap(b) != len(b) {
				t.Errorf("%s: %v is %q with room for %d: %v", way, c.texts, b, cap(b), err)
			}
		}
	}
}

func TestLoadRefusesLocations(t *testing.T) {
	p := newPlace(t)
	for name, loc := range badLocations(p) {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			b, err := load(Dir(p.root), len(secret), "location="+loc)
			refused(t, start, b, err)
			// Nor when nobody has parsed it.
			for _, f := range p.files(t) {
				b, err = f.Contents(loc)
				refused(t, start, b, err)
			}
		})
	}
}

func TestLoadRefuses(t *testing.T) {
	p := newPlace(t)
	most := strconv.Itoa(math.MaxInt64)
	for way, f := range p.files(t) {
		for name, c := range map[string]struct {
			size  int
			texts []string
		}{
			"no entries":                {8, nil},
			"no location":               {8, []string{"offset=0", "length=8"}},
			"no such file":              {8, []string{"location=none"}},
			"a folder":                  {8, []string{"location=sub"}},
			"below a file":              {8, []string{"location=w/w"}},
			"two locations":             {64, []string{"location=w", "location=sub/w"}},
			"the same location twice":   {64, []string{"location=w", "location=w"}},
			"two offsets":               {8, []string{"location=w", "offset=0", "offset=8"}},
			"negative offset":           {8, []string{"location=w", "offset=-1"}},
			"negative length":           {8, []string{"location=w", "length=-1"}},
			"negative zero":             {8, []string{"location=w", "offset=-0"}},
			"offset with a sign":        {8, []string{"location=w", "offset=+1"}},
			"offset with a space":       {8, []string{"location=w", "offset= 1"}},
			"offset in hexadecimal":     {8, []string{"location=w", "offset=0x1"}},
			"offset with underscore":    {8, []string{"location=w", "offset=1_0"}},
			"offset as a float":         {8, []string{"location=w", "offset=1e1"}},
			"empty offset":              {8, []string{"location=w", "offset="}},
			"empty length":              {8, []string{"location=w", "length="}},
			"offset of 2^63":            {8, []string{"location=w", "offset=9223372036854775808"}},
			"offset of 2^64":            {8, []string{"location=w", "offset=18446744073709551616"}},
			"offset and size overflow":  {8, []string{"location=w", "offset=" + most}},
			"size overflows":            {math.MaxInt, []string{"location=w", "offset=8"}},
			"offset and length are max": {math.MaxInt, []string{"location=w", "offset=" + most, "length=" + most}},
			"offset behind the end":     {0, []string{"location=w", "offset=65"}},
			"one byte too long":         {65, []string{"location=w"}},
			"one byte too far":          {64, []string{"location=w", "offset=1"}},
			"length of another size":    {8, []string{"location=w", "length=16"}},
			"length behind the end":     {65, []string{"location=w", "length=65"}},
		} {
			t.Run(way+"/"+name, func(t *testing.T) {
				start := time.Now()
				b, err := load(f, c.size, c.texts...)
				refused(t, start, b, err)
			})
		}
	}
}

func TestVerify(t *testing.T) {
	sum := sha1.Sum([]byte("data"))
	hexa := hex.EncodeToString(sum[:])
	for checksum, ok := range map[string]bool{"": true, hexa: true, strings.ToUpper(hexa): true, hexa[1:]: false, "0" + hexa: false, "x": false,
		hexa[:39] + "g": false} {
		if err := (Ref{Location: "w", Checksum: checksum}).Verify([]byte("data")); (err == nil) != ok || err != nil && !errors.Is(err, graph.ErrInvalid) {
			t.Errorf("%q: %v", checksum, err)
		}
	}
}

func TestReadLimits(t *testing.T) {
	p := newPlace(t)
	for most, ok := range map[int64]bool{-1: true, 64: true, 63: false, 0: false} {
		f, err := os.Open(filepath.Join(p.root, "w"))
		must(t, err)
		b, err := Read(f, most, true)
		f.Close()
		if ok && (err != nil || len(b) != 64) || !ok && !errors.Is(err, graph.ErrLimit) {
			t.Errorf("at most %d: %d bytes, %v", most, len(b), err)
		}
	}
	if b, err := ReadAll(strings.NewReader("short"), 6); !errors.Is(err, graph.ErrInvalid) {
		t.Errorf("%q, %v", b, err)
	}
}

// TestLargeFile is about what is mapped rather than read.
func TestLargeFile(t *testing.T) {
	p := newPlace(t)
	want := bytes.Repeat([]byte("0123456789abcdef"), mapFrom/8)
	must(t, os.WriteFile(filepath.Join(p.root, "large"), want, 0o666))
	f := Dir(p.root)
	whole, err := f.Contents("large")
	if err != nil || !bytes.Equal(whole, want) {
		t.Fatalf("%d bytes, %v", len(whole), err)
	}
	part, err := load(f, 16, "location=./large", "offset=1048577", "length=16")
	if err != nil || string(part) != "123456789abcdef0" {
		t.Errorf("%q, %v", part, err)
	}
	if &part[0] != &whole[1048577] {
		t.Error("the file was read twice")
	}

	// A model may be saved over the files that it was loaded from.
	w, err := NewWriter(p.root)
	must(t, err)
	must(t, w.WriteAt("large", []byte("short"), 0))
	must(t, w.Commit("large"))
	must(t, w.Close())
	if !bytes.Equal(whole, want) {
		t.Error("the contents in memory changed with the file")
	}
	if b, err := os.ReadFile(filepath.Join(p.root, "large")); err != nil || string(b) != "short" {
		t.Errorf("%q, %v", b, err)
	}
}

func TestMapFS(t *testing.T) {
	fsys := fstest.MapFS{"dir/w": {Data: []byte("in memory")}, "w": {Data: []byte(secret)}, "dir/p": {Mode: os.ModeNamedPipe}, "dir/d": {Mode: os.ModeDevice}}
	f := FS(fsys, "dir")
	if b, err := load(f, 6, "location=w", "offset=3"); err != nil || string(b) != "memory" {
		t.Errorf("%q, %v", b, err)
	}
	for _, loc := range []string{"p", "d", "../w", "none"} {
		b, err := load(f, 0, "location="+loc)
		refused(t, time.Now(), b, err)
	}
}

// FuzzLoad wants that whatever the entries say, only bytes of the two files of the folder come back.
func FuzzLoad(f *testing.F) {
	f.Add("w", "8", "8", 8)
	f.Add("sub/w", "", "6", 6)
	f.Add("../outside/secret", "0", "29", 29)
	f.Add("./w", "9223372036854775807", "1", 1)
	f.Add("sub\\w", "-1", "0x10", 0)
	dir := f.TempDir()
	p := place{filepath.Join(dir, "model"), filepath.Join(dir, "outside")}
	for name, content := range map[string]string{"model/w": "weights.weights.", "model/sub/w": "in sub", "outside/secret": secret} {
		name = filepath.Join(dir, filepath.FromSlash(name))
		if os.MkdirAll(filepath.Dir(name), 0o777) != nil || os.WriteFile(name, []byte(content), 0o666) != nil {
			f.Fatal("no folder")
		}
	}
	f.Fuzz(func(t *testing.T, loc, offset, length string, size int) {
		if size < 0 {
			return
		}
		b, err := load(Dir(p.root), size, "location="+loc, "offset="+offset, "length="+length)
		if err != nil {
			if !errors.Is(err, graph.ErrInvalid) && !errors.Is(err, graph.ErrLimit) {
				t.Fatal(err)
			}
			return
		}
		if len(b) != size || !strings.Contains("weights.weights.", string(b)) && !strings.Contains("in sub", string(b)) {
			t.Fatalf("%q of %q", b, loc)
		}
	})
}
