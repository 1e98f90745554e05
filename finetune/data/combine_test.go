package data

import (
	"slices"
	"strings"
	"testing"

	"github.com/onnxrun/onnxrun/graph/tensor"
)

func numbers(t testing.TB, x ...int64) Dataset {
	t.Helper()
	ds, err := Arrays(Array{"x", tensor.Must(tensor.Of(x))})
	if err != nil {
		t.Fatal(err)
	}
	return ds
}

func labels(t testing.TB, ds Dataset) []float64 {
	t.Helper()
	x, err := Labels(ds, "x")
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestConcat(t *testing.T) {
	ds, err := Concat(numbers(t), numbers(t, 1, 2), numbers(t), numbers(t), numbers(t, 3), numbers(t))
	if err != nil {
		t.Fatal(err)
	}
	if got := labels(t, ds); !slices.Equal(got, []float64{1, 2, 3}) {
		t.Error(got)
	}
	other, err := Arrays(Array{"x", tensor.Must(tensor.Of([]float32{1}))})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Concat(ds, other); err == nil {
		t.Error("integers and floats put together")
	}
}

func TestSplit(t *testing.T) {
	var x []int64
	for i := range 1000 {
		x = append(x, int64(i%10/9+i%47/46)) // classes of very different size
	}
	ds := numbers(t, x...)
	all, err := Collect(ds, 0)
	if err != nil {
		t.Fatal(err)
	}
	count := func(ds Dataset) map[float64]int {
		n := map[float64]int{}
		for _, x := range labels(t, ds) {
			n[x]++
		}
		return n
	}
	a, b, err := SplitStratified(ds, "x", 0.8, 1)
	if err != nil {
		t.Fatal(err)
	}
	if n := count(all); a.Len()+b.Len() != 1000 || count(a)[0] != (n[0]*8+5)/10 || count(a)[1] != (n[1]*8+5)/10 || count(b)[2] == 0 {
		t.Errorf("%v divided in %v and %v", n, count(a), count(b))
	}
	ids := make([]int64, 100)
	for i := range ids {
		ids[i] = int64(i)
	}
	a, b, err = Split(numbers(t, ids...), 0.25, 7)
	if err != nil {
		t.Fatal(err)
	}
	again, _, _ := Split(numbers(t, ids...), 0.25, 7)
	other, _, _ := Split(numbers(t, ids...), 0.25, 8)
	if !slices.Equal(labels(t, a), labels(t, again)) || slices.Equal(labels(t, a), labels(t, other)) {
		t.Error("the parts do not depend on the seed alone")
	}
	whole := append(labels(t, a), labels(t, b)...)
	slices.Sort(whole)
	if a.Len() != 25 || len(slices.Compact(whole)) != 100 {
		t.Errorf("%d samples in the first part, %d in all", a.Len(), len(whole))
	}
	if _, _, err := Split(ds, 1.5, 0); err == nil {
		t.Error("more than everything")
	}
	if _, _, err := SplitStratified(ds, "y", 0.5, 0); err == nil || !strings.Contains(err.Error(), "x i64[]") {
		t.Errorf("a field that is not there: %v", err)
	}
}

func TestRenameSubset(t *testing.T) {
	ds, err := Subset(numbers(t, 5, 6, 7), []int{2, 0, 2})
	if err != nil || !slices.Equal(labels(t, ds), []float64{7, 5, 7}) {
		t.Error(labels(t, ds), err)
	}
	if _, err := Subset(ds, []int{3}); err == nil {
		t.Error("a sample that is not there")
	}
	ds, err = Rename(ds, map[string]string{"x": "input"})
	if err != nil || ds.Fields()[0].Name != "input" {
		t.Error(ds.Fields(), err)
	}
	if _, err := Rename(ds, map[string]string{"y": "z"}); err == nil {
		t.Error("a field that is not there")
	}
}

func TestArraysRefuse(t *testing.T) {
	two, three := tensor.Must(tensor.New(tensor.Float32, 2, 3)), tensor.Must(tensor.New(tensor.Float32, 3))
	for name, list := range map[string][]Array{
		"none":    nil,
		"lengths": {{"x", two}, {"y", three}},
		"names":   {{"x", two}, {"x", two}},
		"scalar":  {{"x", tensor.Scalar(1.0)}},
		"strings": {{"x", tensor.Must(tensor.OfStrings([]string{"a"}))}},
		"nil":     {{"x", nil}},
	} {
		if _, err := Arrays(list...); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := Collect(numbers(t, 1, 2, 3), 23); err == nil {
		t.Error("24 bytes in 23")
	}
}

func TestRand(t *testing.T) {
	r := NewRand(1234567) // the first numbers of SplitMix64 from this seed, as published with its reference implementation
	for _, want := range []uint64{6457827717110365317, 3203168211198807973, 9817491932198370423} {
		if got := r.Uint64(); got != want {
			t.Errorf("%d, want %d", got, want)
		}
	}
	var n [7]int
	for range 70000 {
		n[r.IntN(7)]++
	}
	for i, k := range n {
		if k < 9500 || k > 10500 {
			t.Errorf("%d came %d times of 10000", i, k)
		}
	}
}
