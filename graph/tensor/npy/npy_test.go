package npy

import (
	"bytes"
	"math"
	"testing"

	"github.com/onnxrun/onnxrun/graph/tensor"
)

func TestRoundTrip(t *testing.T) {
	for _, x := range []*tensor.Tensor{
		tensor.Must(tensor.Of([]float32{1, float32(math.NaN()), float32(math.Inf(-1)), -0.5}, 2, 2)),
		tensor.Must(tensor.Of([]int64{math.MinInt64, 7}, 2)),
		tensor.Must(tensor.Of([]bool{true, false, true}, 3, 1)),
		tensor.Must(tensor.Of([]complex64{1 + 2i}, []int{}...)),
		tensor.Must(tensor.Of([]uint8{}, 0, 4)),
		tensor.Must(tensor.OfStrings([]string{"", "zwölf", "日本"}, 3)),
	} {
		var b bytes.Buffer
		if err := Write(&b, x); err != nil {
			t.Fatal(err)
		}
		y, err := Read(&b, 1<<20)
		if err != nil {
			t.Fatalf("%s: %v", x, err)
		}
		if y.String() != x.String() || !bytes.Equal(y.Bytes(), x.Bytes()) || len(y.Strings()) != len(x.Strings()) {
			t.Errorf("%s came back as %s", x, y)
		}
		for i, s := range x.Strings() {
			if y.Strings()[i] != s {
				t.Errorf("%q came back as %q", s, y.Strings()[i])
			}
		}
	}
}

// npyFile is a file as numpy writes it.
func npyFile(header string, data ...byte) []byte {
	b := append([]byte(magic), 1, 0, byte(len(header)), byte(len(header)>>8))
	return append(append(b, header...), data...)
}

func TestReadForms(t *testing.T) {
	// np.asfortranarray([[1,2,3],[4,5,6]], '>i2') holds 1 4 2 5 3 6, high byte first
	got, err := Read(bytes.NewReader(npyFile("{'descr': '>i2', 'fortran_order': True, 'shape': (2, 3), }\n", 0, 1, 0, 4, 0, 2, 0, 5, 0, 3, 0, 6)), 100)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range tensor.Data[int16](got) {
		if int(v) != i+1 {
			t.Errorf("[%d] = %d", i, v)
		}
	}
	for name, b := range map[string][]byte{
		"empty":     {},
		"objects":   npyFile("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"),
		"negative":  npyFile("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }"),
		"overflow":  npyFile("{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4), }"),
		"bomb":      npyFile("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000,), }"),
		"truncated": npyFile("{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }", 1, 2, 3),
	} {
		if x, err := Read(bytes.NewReader(b), 1<<20); err == nil {
			t.Errorf("%s: read as %s", name, x)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(npyFile("{'descr': '<f4', 'fortran_order': True, 'shape': (1, 2), }", 0, 0, 0, 0, 0, 0, 0, 0))
	f.Add(npyFile("{'descr': '<U3', 'fortran_order': False, 'shape': (), }", make([]byte, 12)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		x, err := Read(bytes.NewReader(b), 1<<16)
		if err == nil && x.Len() != x.Shape().Elems() {
			t.Fatal("shape and elements disagree")
		}
	})
}
