package data

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/graph/tensor/npy"
)

// idx is a file of that type, shape and data.
func idx(kind byte, shape []uint32, data ...byte) []byte {
	b := []byte{0, 0, kind, byte(len(shape))}
	for _, d := range shape {
		b = binary.BigEndian.AppendUint32(b, d)
	}
	return append(b, data...)
}

func TestIDX(t *testing.T) {
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	w.Write(idx(8, []uint32{2, 1, 2}, 1, 2, 3, 4))
	w.Close()
	images, classes := file(t, "x.gz", z.String()), file(t, "y", string(idx(8, []uint32{2}, 7, 9)))
	d, err := MNIST(images, classes, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got := values(t, d, "x"); !slices.Equal(got, []float64{1, 2, 3, 4}) || d.Fields()[0].String() != "x u8[1,1,2]" {
		t.Error(d.Fields(), got)
	}
	if got := values(t, d, "y"); !slices.Equal(got, []float64{7, 9}) || d.Fields()[1].String() != "y i64[]" {
		t.Error(d.Fields(), got)
	}
	x, err := ReadIDX(file(t, "f", string(idx(13, []uint32{1}, 0x3f, 0x80, 0, 0))), 0)
	if err != nil || x.Float(0) != 1 {
		t.Error(x, err)
	}
	for want, b := range map[string][]byte{
		"not an idx":   []byte("\x01\x00\x08\x01"),
		"type 0x7":     idx(7, []uint32{1}, 0),
		"axes":         {0, 0, 8, 255},
		"header":       {0, 0, 8, 2, 0, 0},
		"there can be": idx(14, []uint32{1 << 30, 1 << 30, 1 << 30}),
		"axis":         idx(8, []uint32{1 << 31}),
		"has 2 bytes":  idx(8, []uint32{4}, 1, 2),
		"more than":    idx(8, []uint32{1}, 1, 2),
	} {
		if _, err := DecodeIDX(bytes.NewReader(b), 100); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%x: %v, want %q", b, err, want)
		}
	}
	z.Reset() // a packed file that promises a gigabyte and has ten bytes
	w.Reset(&z)
	w.Write(idx(8, []uint32{1 << 30}, 1, 2))
	w.Close()
	if n := testing.AllocsPerRun(1, func() { _, err = ReadIDX(file(t, "bomb.gz", z.String()), 0) }); err == nil || n > 1000 {
		t.Error(err)
	}
	if _, err := MNIST(classes, classes, 0); err == nil {
		t.Error("classes as pictures")
	}
}

func FuzzIDX(f *testing.F) {
	f.Add(idx(8, []uint32{2, 1}, 1, 2))
	f.Add(idx(14, []uint32{0, 1 << 31}))
	f.Fuzz(func(t *testing.T, b []byte) {
		x, err := DecodeIDX(bytes.NewReader(b), 1<<20)
		if err == nil && len(x.Bytes()) > len(b) {
			t.Errorf("%v of %d bytes", x, len(b))
		}
	})
}

func TestNPY(t *testing.T) {
	x := tensor.Must(tensor.Of([]float64{1, 2, 3, 4}, 2, 2))
	y := tensor.Must(tensor.Of([]int64{5, 6}))
	var b bytes.Buffer
	if err := npy.Write(&b, x); err != nil {
		t.Fatal(err)
	}
	got, err := ReadNPY(file(t, "x.npy", b.String()), 0)
	if err != nil || got.String() != "f64[2,2]" {
		t.Error(got, err)
	}
	if _, err := ReadNPY(file(t, "x.npy", strings.Replace(b.String(), "(2, 2)", "(2, 9)", 1)), 0); err == nil || !strings.Contains(err.Error(), "x.npy") {
		t.Error(err)
	}
	b.Reset()
	if err := npy.WriteZip(&b, []npy.Named{{Name: "x", Tensor: x}, {Name: "y", Tensor: y}, {Name: "z", Tensor: tensor.Scalar(1.0)}}); err != nil {
		t.Fatal(err)
	}
	path := file(t, "d.npz", b.String())
	d, err := ReadNPZ(path, 0, "x", "y")
	if err != nil || !slices.Equal(values(t, d, "y"), []float64{5, 6}) {
		t.Error(err)
	}
	for _, names := range [][]string{nil, {"q"}} {
		if _, err := ReadNPZ(path, 0, names...); err == nil || !strings.Contains(err.Error(), "d.npz") {
			t.Errorf("%v: %v", names, err)
		}
	}
}

func FuzzNPY(f *testing.F) {
	var b bytes.Buffer
	if err := npy.Write(&b, tensor.Must(tensor.Of([]float32{1, 2}))); err != nil {
		f.Fatal(err)
	}
	f.Add(b.String())
	f.Fuzz(func(t *testing.T, s string) {
		if x, err := ReadNPY(file(t, "f.npy", s), 0); err == nil && x.DType().Size() > 0 {
			Arrays(Array{"x", x})
		}
	})
}

func TestPictures(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]color.Color{"red/a.png": color.NRGBA{255, 0, 0, 255}, "blue/b.PNG": color.NRGBA{0, 0, 255, 255}, "blue/c.png": color.Gray{51}} {
		img := image.NewNRGBA(image.Rect(0, 0, 4, 4))
		for i := range 16 {
			img.Set(i%4, i/4, c)
		}
		var b bytes.Buffer
		if err := png.Encode(&b, img); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	d, err := Pictures(dir, PictureOptions{Height: 1, Width: 2, Mean: []float64{0, 0, 0.5}, Std: []float64{1, 1, 0.5}})
	if err != nil {
		t.Fatal(err)
	}
	x := values(t, d, "x")
	for i := range x {
		x[i] = float64(int(x[i]*1000 + 1000)) // thousandths, without signs
	}
	want := []float64{1000, 1000, 1000, 1000, 2000, 2000, 1200, 1200, 1200, 1200, 400, 400, 2000, 2000, 1000, 1000, 0, 0}
	if !slices.EqualFunc(x, want, func(a, b float64) bool { return a-b >= -1 && a-b <= 1 }) || !slices.Equal(values(t, d, "y"), []float64{0, 0, 1}) {
		t.Error(x, values(t, d, "y"))
	}
	if !slices.Equal(d.Classes, []string{"blue", "red"}) || filepath.Base(d.File(2)) != "a.png" {
		t.Error(d.Classes, d.File(2))
	}
	if d, err = Pictures(dir, PictureOptions{Height: 2, Width: 2, Gray: true, Classes: []string{"red"}}); err != nil || d.Fields()[0].String() != "x f32[1,2,2]" || d.Len() != 1 {
		t.Error(err)
	}
	if err := os.WriteFile(d.File(0), []byte("\x89PNG nothing"), 0o666); err != nil {
		t.Fatal(err)
	}
	dst := []*tensor.Tensor{tensor.Must(tensor.New(tensor.Float32, 1, 2, 2)), nil}
	if err := d.Read(0, 0, dst); err == nil || !strings.Contains(err.Error(), "a.png") {
		t.Error(err)
	}
	for name, o := range map[string]PictureOptions{"size": {}, "mean": {Height: 1, Width: 1, Mean: []float64{1, 2}}, "outside": {Height: 1, Width: 1, Classes: []string{".."}}} {
		if _, err := Pictures(dir, o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
