package tensor

import (
	"math"
	"testing"

	"github.com/x448/float16"
)

func TestTypedErrors(t *testing.T) {
	x := Must(New(Float32, 2, 0))
	if _, err := At[float32](x, 0, 0); err == nil {
		t.Error("an element of an empty tensor")
	}
	if _, err := At[float32](nil); err == nil {
		t.Error("an element of no tensor")
	}
	if _, err := At[float64](Scalar(float32(1))); err == nil {
		t.Error("a float32 read as float64")
	}
	if _, err := At[float32](Scalar(float32(1)), 0); err == nil {
		t.Error("an index into a scalar")
	}
	if v, err := At[float32](Scalar(float32(3))); v != 3 || err != nil {
		t.Error(v, err)
	}
	if v, err := As[uint16](Must(New(BFloat16, 3))); len(v) != 3 || err != nil {
		t.Error("the bits of bfloat16:", v, err)
	}
	for range Rows[float32](Scalar(float32(1))) {
		t.Error("rows of a scalar")
	}
	for i, row := range Rows[float32](Must(New(Float32, 2, 0))) {
		if i > 1 || len(row) != 0 {
			t.Error("row", i, row)
		}
	}
	n := 0
	for index, v := range Indexed[float32](Scalar(float32(2))) {
		if n++; len(index) != 0 || v != 2 {
			t.Error(index, v)
		}
	}
	if n != 1 {
		t.Errorf("a scalar has %d elements", n)
	}
}

// TestFloat16 holds every number of half precision to github.com/x448/float16.
func TestFloat16(t *testing.T) {
	all := make([]float16.Float16, 1<<16)
	for i := range all {
		all[i] = float16.Frombits(uint16(i))
	}
	x := Must(Of(all))
	if x.DType() != Float16 {
		t.Fatal(x)
	}
	for i, h := range all {
		if got, want := x.Float(i), float64(h.Float32()); got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
			t.Fatalf("%#04x is %v, want %v", i, got, want)
		}
	}
}

func BenchmarkAt(b *testing.B) {
	x := Must(New(Float32, 64, 64))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := At[float32](x, 13, 17); err != nil {
			b.Fatal(err)
		}
	}
}
