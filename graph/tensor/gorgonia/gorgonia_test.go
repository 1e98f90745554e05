package gorgonia_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/x448/float16"
	theirs "gorgonia.org/tensor"

	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/graph/tensor/gorgonia"
)

// TestFromStrides holds 10,000 random shapes, slices, transposes and column-major tensors to the elements that their own At finds, one by one.
func TestFromStrides(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	copied := 0
	for i := range 10000 {
		d, how := randomDense(r)
		got, err := gorgonia.From(d)
		if err != nil {
			t.Fatalf("case %d, %s: %v", i, how, err)
		}
		if !got.Shape().Equal(tensor.Shape(d.Shape())) {
			t.Fatalf("case %d, %s: shape %v, want %v", i, how, got.Shape(), d.Shape())
		}
		data := tensor.Data[float32](got)
		coords := make([]int, d.Dims())
		for k, v := range data {
			rest := k
			for a := len(coords) - 1; a >= 0; a-- {
				coords[a] = rest % d.Shape()[a]
				rest /= d.Shape()[a]
			}
			var want any
			if d.IsScalar() {
				want = d.ScalarValue()
			} else if want, err = d.At(coords...); err != nil {
				t.Fatal(err)
			}
			if v != want {
				t.Fatalf("case %d, %s: element %v is %v, want %v", i, how, coords, v, want)
			}
		}
		if backing, ok := d.Data().([]float32); !ok || &backing[0] != &data[0] {
			copied++
		}
	}
	if copied == 0 || copied == 10000 {
		t.Errorf("%d of 10000 were copied: both ways should have been taken", copied)
	}
}

// randomDense, for which Slice and T panic when strides are missing, is a tensor of up to 4 axes, sliced, transposed or column-major, and how it was made.
func randomDense(r *rand.Rand) (*theirs.Dense, string) {
	shape := make([]int, 1+r.IntN(4))
	n := 1
	for i := range shape {
		shape[i] = 1 + r.IntN(5)
		n *= shape[i]
	}
	data := make([]float32, n)
	for i := range data {
		data[i] = float32(i)
	}
	how := fmt.Sprintf("shape %v", shape)
	opts := []theirs.ConsOpt{theirs.WithShape(shape...)}
	if r.IntN(4) == 0 && len(shape) > 1 {
		opts = append(opts, theirs.AsFortran(data))
		how += " column-major"
	} else {
		opts = append(opts, theirs.WithBacking(data))
	}
	d := theirs.New(opts...)
	if r.IntN(3) == 0 && len(d.Strides()) == d.Dims() {
		slices := make([]theirs.Slice, len(shape))
		for i, s := range shape {
			lo := r.IntN(s)
			slices[i] = theirs.S(lo, lo+1+r.IntN(s-lo))
			if r.IntN(3) == 0 {
				slices[i] = nil
			}
		}
		how += fmt.Sprintf(" sliced %v", slices)
		if v, err := d.Slice(slices...); err == nil {
			d = v.(*theirs.Dense)
		}
	}
	if r.IntN(3) == 0 && d.Dims() > 1 && len(d.Strides()) == d.Dims() {
		perm := r.Perm(d.Dims())
		how += fmt.Sprintf(" transposed %v", perm)
		if err := d.T(perm...); err != nil {
			how += " (not)"
		}
	}
	return d, how
}

func TestElementTypes(t *testing.T) {
	half := []float16.Float16{float16.Fromfloat32(1.5), float16.Fromfloat32(-2)}
	for _, backing := range []any{
		[]float32{1, 2}, []float64{1, 2}, []int8{1, -2}, []int16{1, -2}, []int32{1, -2}, []int64{1, -2}, []uint8{1, 2}, []uint16{1, 2}, []uint32{1, 2}, []uint64{1, 2},
		[]bool{true, false}, []complex64{1, 2i}, []complex128{1, 2i}, []string{"a", "b"}, half,
	} {
		d := theirs.New(theirs.WithShape(2), theirs.WithBacking(backing))
		x, err := gorgonia.From(d)
		if err != nil {
			t.Errorf("%T: %v", backing, err)
			continue
		}
		back, err := gorgonia.To(x)
		if err != nil {
			t.Errorf("%T: %v", backing, err)
			continue
		}
		if !reflect.DeepEqual(back.Data(), backing) {
			t.Errorf("%T: %v came back as %v (%s)", backing, backing, back.Data(), x)
		}
		if first := reflect.ValueOf(back.Data()).Pointer(); first != reflect.ValueOf(backing).Pointer() {
			t.Errorf("%T was copied", backing)
		}
		one := theirs.New(theirs.FromScalar(reflect.ValueOf(backing).Index(0).Interface()))
		if x, err = gorgonia.From(one); err != nil || x.Rank() != 0 || x.Len() != 1 {
			t.Errorf("scalar of %T: %s, %v", backing, x, err)
			continue
		}
		if back, err = gorgonia.To(x); err != nil || back.ScalarValue() != one.ScalarValue() {
			t.Errorf("scalar of %T: %v came back as %v, %v", backing, one, back, err)
		}
	}
	ints, err := gorgonia.From(theirs.New(theirs.WithBacking([]int{1, -2})))
	if err != nil || ints.DType() != tensor.Int64 || tensor.Data[int64](ints)[1] != -2 {
		t.Errorf("int: %s, %v", ints, err)
	}
}

func TestRefused(t *testing.T) {
	masked := theirs.New(theirs.WithBacking([]float32{1, 2}, []bool{true, false}))
	if _, err := gorgonia.From(masked); !errors.Is(err, tensor.ErrType) {
		t.Errorf("a mask: %v", err)
	}
	if _, err := gorgonia.From(nil); !errors.Is(err, tensor.ErrType) {
		t.Errorf("nil: %v", err)
	}
	if _, err := gorgonia.To(tensor.Must(tensor.New(tensor.BFloat16, 2))); !errors.Is(err, tensor.ErrType) {
		t.Errorf("bfloat16: %v", err)
	}
	if _, err := gorgonia.To(tensor.Must(tensor.New(tensor.Float32, 0, 2))); !errors.Is(err, tensor.ErrShape) {
		t.Errorf("empty: %v", err)
	}
}

func ExampleFrom() {
	d := theirs.New(theirs.WithShape(2, 3), theirs.WithBacking([]float32{1, 2, 3, 4, 5, 6}))
	x, err := gorgonia.From(d) // the same memory
	if err != nil {
		fmt.Println(err)
		return
	}
	tensor.Data[float32](x)[0] = 10
	fmt.Println(x, d.Data())
	// Output: f32[2,3] [10 2 3 4 5 6]
}
