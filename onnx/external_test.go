package onnx

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/onnx/internal/pb"
)

func externalTensor(name string, n int, entries ...string) *pb.TensorProto {
	where := pb.TensorProto_EXTERNAL
	p := &pb.TensorProto{Name: &name, DataType: ptr(int32(1)), Dims: []int64{int64(n)}, DataLocation: &where}
	for i := 0; i < len(entries); i += 2 {
		p.ExternalData = append(p.ExternalData, &pb.StringStringEntryProto{Key: &entries[i], Value: &entries[i+1]})
	}
	return p
}

// withExternal has two tensors in one file, with a gap between them, one in a folder, and one in a training graph.
func withExternal() (*pb.ModelProto, map[string][]byte) {
	files := map[string][]byte{
		"w.bin":           append(append(le[float32](1, 2), make([]byte, 56)...), le[float32](3, 4, 5)...),
		"more/even/v.bin": le[float32](6),
	}
	m := modelOf(&pb.GraphProto{Input: infos("x"), Output: infos("x"), Initializer: []*pb.TensorProto{
		externalTensor("a", 2, "location", "w.bin", "checksum", "sha1"),
		externalTensor("b", 3, "length", "12", "location", "./w.bin", "offset", "64"),
		externalTensor("c", 0, "location", "more/even/v.bin", "offset", "4"), floats("d", 7)}})
	m.TrainingInfo = []*pb.TrainingInfoProto{{Initialization: &pb.GraphProto{Initializer: []*pb.TensorProto{
		externalTensor("t", 1, "location", "more/even/v.bin")}}}}
	return m, files
}

func write(t *testing.T, dir, name string, b []byte) string {
	t.Helper()
	name = filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, b, 0o666); err != nil {
		t.Fatal(err)
	}
	return name
}

// contents are all files under dir, without links.
func contents(t *testing.T, dir string) map[string]string {
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(name)
		rel, _ := filepath.Rel(dir, name)
		out[filepath.ToSlash(rel)] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestExternalData(t *testing.T) {
	m, files := withExternal()
	b, dir := encoded(t, m), t.TempDir()
	name := write(t, dir, "m.onnx", b)
	fsys := fstest.MapFS{"models/m.onnx": {Data: b}}
	for f, data := range files {
		write(t, dir, f, data)
		fsys["models/"+f] = &fstest.MapFile{Data: data}
	}
	check := func(how string, g *graph.Graph, err error) {
		if err != nil {
			t.Errorf("%s: %v", how, err)
			return
		}
		for i, want := range [][]byte{le[float32](1, 2), le[float32](3, 4, 5), nil, le[float32](7)} {
			if got := g.Consts[i].Const; !bytes.Equal(got.Bytes(), want) {
				t.Errorf("%s: tensor %d is %v", how, i, got.Bytes())
			}
		}
	}
	g, err := Load(name)
	check("path", g, err)
	fg, err := LoadFS(fsys, "models/m.onnx")
	check("file system", fg, err)
	rg, err := LoadReaderAt(bytes.NewReader(b), int64(len(b)), Root(dir))
	check("reader", rg, err)
	_, err = LoadBytes(b)
	wantError(t, err, graph.ErrInvalid, "graph.initializer[0].external_data", "without a folder")

	before := contents(t, dir)
	out := t.TempDir()
	if err := Save(filepath.Join(out, "m.onnx"), g); err != nil {
		t.Fatal(err)
	}
	if got := contents(t, out); fmt.Sprint(got) != fmt.Sprint(before) {
		t.Errorf("another folder has\n%q, want\n%q", got, before)
	}
	if err := Save(name, g); err != nil {
		t.Fatal(err)
	}
	if got := contents(t, dir); fmt.Sprint(got) != fmt.Sprint(before) {
		t.Errorf("saved over itself:\n%q, want\n%q", got, before)
	}
	if got, err := Marshal(g); err != nil || !bytes.Equal(got, b) {
		t.Errorf("other bytes: %v", err)
	}

	in, err := Marshal(g, Inline())
	if err != nil {
		t.Fatal(err)
	}
	ig, err := LoadBytes(in)
	check("inline", ig, err)

	ext := filepath.Join(t.TempDir(), "e.onnx")
	if err := Save(ext, g, External("e.data", 8)); err != nil {
		t.Fatal(err)
	}
	eg, err := Load(ext)
	check("moved", eg, err)
	if got := contents(t, filepath.Dir(ext)); len(got) != 2 || len(got["e.data"]) != 4096+12 {
		t.Errorf("%d files, %d bytes of data", len(got), len(got["e.data"]))
	}
	if err := Save(ext, eg, Inline()); err != nil {
		t.Fatal(err)
	}
	eg, err = Load(ext)
	check("moved and back", eg, err)
}

func TestExternalAttacks(t *testing.T) {
	if runtime.GOOS == "windows" || runtime.GOOS == "js" {
		t.Skip("links and pipes")
	}
	outside, dir := t.TempDir(), t.TempDir()
	secret := write(t, outside, "secret", make([]byte, 64))
	write(t, dir, "ok.bin", make([]byte, 64))
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Symlink(secret, filepath.Join(dir, "link")))
	must(os.Symlink(outside, filepath.Join(dir, "folder")))
	must(os.Mkdir(filepath.Join(dir, "sub"), 0o777))
	must(os.Link(secret, filepath.Join(dir, "hard")))
	must(makePipe(filepath.Join(dir, "pipe")))
	for location, text := range map[string]string{
		"../" + filepath.Base(outside) + "/secret": "not inside", secret: "not inside", "": "not inside", ".": "not inside", "sub/../../x": "not inside",
		"link": "external data", "folder/secret": "external data", "sub": "not a regular file", "hard": "hard link", "pipe": "not a regular file",
		"none": "external data", "/dev/zero": "not inside", "ok.bin\x00": "external data",
	} {
		m := modelOf(&pb.GraphProto{Initializer: []*pb.TensorProto{externalTensor("w", 1, "location", location)}})
		_, err := Load(write(t, dir, "m.onnx", encoded(t, m)))
		wantError(t, err, graph.ErrInvalid, "graph.initializer[0].external_data", text)
	}
	for _, c := range [][]string{
		{"offset", "-1", `offset "-1"`}, {"offset", "9223372036854775808", "offset"}, {"offset", "61", "4 bytes at 61"},
		{"offset", "9223372036854775807", "bytes at"}, {"length", "5", "length 5"}, {"length", "x", "length"}, {"offset", "0x1", "offset"},
	} {
		m := modelOf(&pb.GraphProto{Initializer: []*pb.TensorProto{externalTensor("w", 1, "location", "ok.bin", c[0], c[1])}})
		_, err := Load(write(t, dir, "m.onnx", encoded(t, m)))
		wantError(t, err, graph.ErrInvalid, "graph.initializer[0].external_data", c[2])
	}
	m := modelOf(&pb.GraphProto{Initializer: []*pb.TensorProto{externalTensor("w", 1<<40, "location", "ok.bin")}})
	_, err := Load(write(t, dir, "m.onnx", encoded(t, m)))
	wantError(t, err, graph.ErrLimit, "graph.initializer[0].dims", "more than")
}

// TestSaveStaysInside saves what was loaded from one folder into others that lead outside by links.
func TestSaveStaysInside(t *testing.T) {
	if runtime.GOOS == "windows" || runtime.GOOS == "js" {
		t.Skip("links")
	}
	dir, outside, out := t.TempDir(), t.TempDir(), t.TempDir()
	m, files := withExternal()
	for f, data := range files {
		write(t, dir, f, data)
	}
	g, err := Load(write(t, dir, "m.onnx", encoded(t, m)))
	if err != nil {
		t.Fatal(err)
	}
	victim := write(t, outside, "victim", []byte("mine"))
	for _, l := range [][2]string{{outside, "more"}, {victim, "w.bin"}} {
		if err := os.Symlink(l[0], filepath.Join(out, l[1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := Save(filepath.Join(out, "m.onnx"), g); err == nil {
		t.Error("wrote through a link to a folder outside")
	}
	if got := contents(t, outside); len(got) != 1 || got["victim"] != "mine" {
		t.Errorf("outside: %q", got)
	}
	if got := contents(t, out); len(got) != 0 {
		t.Errorf("left behind: %q", got)
	}
	if err := Save(filepath.Join(t.TempDir(), "w.bin"), g); err == nil || !strings.Contains(err.Error(), "model's own file") {
		t.Errorf("data in the model's own file: %v", err)
	}
	err = Save(filepath.Join(t.TempDir(), "m.onnx"), g, External("../x", 0))
	wantError(t, err, graph.ErrInvalid, "external_data", "not inside")
}

// TestSaveFails wants the old file back whatever goes wrong.
func TestSaveFails(t *testing.T) {
	dir := t.TempDir()
	name := write(t, dir, "m.onnx", []byte("old"))
	bad := &graph.Graph{Outputs: []*graph.Value{{Name: "y"}}}
	if err := Save(name, bad); err == nil {
		t.Error("saved a graph without its output")
	}
	good := &graph.Graph{Opsets: map[string]int{"": 20}}
	good.Consts = []*graph.Value{{Name: "w", Const: tensor.Ints(1)}}
	if err := os.Mkdir(filepath.Join(dir, "data"), 0o777); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "data/x", nil)
	if err := Save(name, good, External("data", 0)); err == nil {
		t.Error("replaced a folder by a file")
	}
	if got := contents(t, dir); len(got) != 2 || got["m.onnx"] != "old" {
		t.Errorf("left %q", got)
	}
	if err := Save(filepath.Join(dir, "none", "m.onnx"), good); err == nil {
		t.Error("saved into a folder that is not there")
	}
}
