package safetensors

import (
	"bytes"
	"encoding/binary"
	"math"
	"strings"
	"testing"

	"github.com/onnxrun/onnxrun/graph/tensor"
)

func read(b []byte) (*File, error) { return Read(bytes.NewReader(b), int64(len(b))) }

func TestRoundTrip(t *testing.T) {
	f := &File{Metadata: map[string]string{"format": "pt"}, Tensors: []Named{
		{"w", tensor.Must(tensor.Of([]float32{1, float32(math.NaN()), float32(math.Inf(-1)), 0}, 2, 2))},
		{"empty", tensor.Must(tensor.New(tensor.Int64, 0, 3))},
		{"scalar", tensor.Scalar(2.5)},
		{"flags", tensor.Must(tensor.Of([]bool{true, false, true}, 3))},
	}}
	var b bytes.Buffer
	if err := Write(&b, f); err != nil {
		t.Fatal(err)
	}
	got, err := read(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if got.Metadata["format"] != "pt" || len(got.Tensors) != len(f.Tensors) {
		t.Fatalf("read %d tensors, %v", len(got.Tensors), got.Metadata)
	}
	for _, w := range f.Tensors {
		g := got.Get(w.Name)
		if g == nil || g.DType() != w.Value.DType() || !g.Shape().Equal(w.Value.Shape()) || !bytes.Equal(g.Bytes(), w.Value.Bytes()) {
			t.Errorf("%s: %v, want %v", w.Name, g, w.Value)
		}
	}
}

func file(header string, data ...byte) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), data...)
}

func TestRefused(t *testing.T) {
	for header, want := range map[string]string{
		`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}`:                     "want 8",
		`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,400]}}`:                   "lies at",
		`{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`:                     "lies at",
		`{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}`:                    "shape",
		`{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,4]}}`: "shape",
		`{"a":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4]}}`:                 "not supported",
		`[]`: "header",
	} {
		if _, err := read(file(header, make([]byte, 8)...)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", header, err, want)
		}
	}
	if _, err := read(binary.LittleEndian.AppendUint64(nil, 1<<40)); err == nil {
		t.Error("a header longer than the file was accepted")
	}
	if _, err := read([]byte{1, 2}); err == nil {
		t.Error("two bytes were accepted")
	}
	x := tensor.Scalar(1.0)
	if err := Write(&bytes.Buffer{}, &File{Tensors: []Named{{"a", x}, {"a", x}}}); err == nil {
		t.Error("two tensors of one name were written")
	}
}

func FuzzRead(f *testing.F) {
	f.Add(file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 1, 2, 3, 4))
	f.Add(file(`{"__metadata__":{"k":"v"}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if x, err := read(b); err == nil {
			var out bytes.Buffer
			if err := Write(&out, x); err != nil {
				t.Fatal(err)
			}
		}
	})
}
