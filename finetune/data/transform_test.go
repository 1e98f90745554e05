package data

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/onnxrun/onnxrun/graph/tensor"
)

// picture is one sample of float32 pixels 1, 2, 3 …
func picture(t testing.TB, shape ...int) Dataset {
	t.Helper()
	x := tensor.Must(tensor.New(tensor.Float32, append([]int{1}, shape...)...))
	for i := range tensor.Data[float32](x) {
		tensor.Data[float32](x)[i] = float32(i + 1)
	}
	ds, err := Arrays(Array{"x", x})
	if err != nil {
		t.Fatal(err)
	}
	return ds
}

func apply(t testing.TB, ds Dataset, draw uint64, steps ...Step) []float32 {
	t.Helper()
	ds, err := Transform(ds, "x", steps...)
	if err != nil {
		t.Fatal(err)
	}
	f := ds.Fields()[0]
	x := tensor.Must(tensor.New(f.DType, f.Shape...))
	if err := ds.Read(0, draw, []*tensor.Tensor{x}); err != nil {
		t.Fatal(err)
	}
	if err := ds.Read(0, draw, []*tensor.Tensor{nil}); err != nil {
		t.Fatal(err)
	}
	return tensor.Data[float32](x)
}

// outcomes are what a step makes of the picture over many draws.
func outcomes(t testing.TB, ds Dataset, steps ...Step) map[string]int {
	n := map[string]int{}
	for draw := range uint64(400) {
		got := apply(t, ds, draw, steps...)
		if again := apply(t, ds, draw, steps...); !slices.Equal(got, again) {
			t.Fatalf("draw %d: %v, then %v", draw, got, again)
		}
		n[fmt.Sprint(got)]++
	}
	return n
}

func TestCropFlipShiftCutout(t *testing.T) {
	row := picture(t, 1, 3)
	for _, c := range []struct {
		step Step
		want []string
	}{
		{RandomFlip{}, []string{"[1 2 3]", "[3 2 1]"}},
		{RandomFlip{P: 1}, []string{"[3 2 1]"}},
		{RandomShift{X: 1, Fill: 9}, []string{"[1 2 3]", "[9 1 2]", "[2 3 9]"}},
		{RandomShift{X: 4}, []string{"[0 0 0]", "[0 0 1]", "[0 1 2]", "[1 2 3]", "[2 3 0]", "[3 0 0]"}},
		{RandomCrop{Width: 2}, []string{"[1 2]", "[2 3]"}},
		{RandomCrop{Pad: 1, Height: 1, Fill: -1}, []string{"[-1 -1 -1]", "[-1 1 2]", "[1 2 3]", "[2 3 -1]"}},
		{Cutout{Size: 1}, []string{"[0 2 3]", "[1 0 3]", "[1 2 0]"}},
		{Cutout{Size: 2, Fill: 7}, []string{"[7 2 3]", "[7 7 3]", "[1 7 7]"}},
		{RandomAffine{}, []string{"[1 2 3]"}},
	} {
		got := outcomes(t, row, c.step)
		for _, w := range c.want {
			if got[w] == 0 {
				t.Errorf("%T%+v never gives %s: %v", c.step, c.step, w, got)
			}
		}
		if len(got) != len(c.want) {
			t.Errorf("%T%+v gives %v, want %v", c.step, c.step, got, c.want)
		}
	}
	// Every channel goes the same way.
	for draw := range uint64(20) {
		x := apply(t, picture(t, 2, 4, 4), draw, RandomCrop{Height: 3, Width: 2}, RandomFlip{}, RandomShift{X: 1, Y: 1, Fill: math.NaN()}, RandomAffine{Degrees: 30, Fill: math.NaN()})
		for i := range 6 {
			if d := x[6+i] - x[i]; d == d && math.Abs(float64(d)-16) > 1e-4 {
				t.Errorf("draw %d: channels differ by %v", draw, d)
			}
		}
	}
}

// TestAffine holds quarter turns, halves of pixels and scales against what they must give.
func TestAffine(t *testing.T) {
	in := tensor.Must(tensor.Of([]float32{1, 2, 3, 4, 5, 6, 7, 8, 9}, 3, 3))
	var got [3]float32
	src := tensor.Data[float32](in)
	bilinear(got[:1], src, 3, 3, 0.5, 1.25, 0)
	bilinear(got[1:2], src, 3, 3, -0.5, 1, 10)
	bilinear(got[2:], src, 3, 3, 1e300, -1e300, 5)
	if got != [3]float32{3.75, 6, 5} {
		t.Error(got)
	}
	// A step that always turns by a quarter: the draw decides the sign only.
	seen := map[string]bool{}
	for draw := range uint64(4000) {
		x := apply(t, picture(t, 3, 3), draw, RandomAffine{Degrees: 90})
		for i, v := range x {
			x[i] = float32(math.Round(float64(v)*10) / 10)
		}
		seen[fmt.Sprint(x)] = true
	}
	for _, want := range []string{"[3 6 9 2 5 8 1 4 7]", "[7 4 1 8 5 2 9 6 3]"} { // counter-clockwise and clockwise
		if !seen[want] {
			t.Errorf("no turn gives %s", want)
		}
	}
}

func TestNormalizeCast(t *testing.T) {
	u8, err := Arrays(Array{"x", tensor.Must(tensor.Of([]uint8{0, 255, 51, 102}, 1, 2, 1, 2))})
	if err != nil {
		t.Fatal(err)
	}
	if got := apply(t, u8, 0, Normalize{Mean: []float64{0, 0.5}, Std: []float64{1, 0.1}}); !near(got, 0, 1, -3, -1) {
		t.Error(got)
	}
	if got := apply(t, u8, 0, Cast{tensor.Int16}, Normalize{Scale: 2}, Reshape{[]int{4}}); !near(got, 0, 510, 102, 204) {
		t.Error(got)
	}
	if got := apply(t, u8, 0, Cast{tensor.Float16}, Cast{tensor.Float32}); !near(got, 0, 255, 51, 102) {
		t.Error(got)
	}
	if got := apply(t, u8, 0, RandomFlip{P: 1}, Normalize{}); !near(got, 1, 0, 0.4, 0.2) {
		t.Error(got)
	}
	for _, s := range []Step{Normalize{Mean: []float64{1, 2, 3}}, Normalize{Std: []float64{0}}, Cast{tensor.String}, Reshape{[]int{5}}, RandomCrop{Height: 3},
		RandomAffine{}, RandomFlip{P: 2}, RandomShift{X: -1}, Cutout{Size: -1}} {
		if _, err := Transform(u8, "x", s); err == nil {
			t.Errorf("%T%+v: no error", s, s)
		}
	}
	if _, err := Transform(numbers(t, 1), "x", RandomFlip{}); err == nil {
		t.Error("a number is turned round")
	}
}

func near(got []float32, want ...float64) bool {
	return slices.EqualFunc(got, want, func(a float32, b float64) bool { return math.Abs(float64(a)-b) < 1e-5 })
}

// TestResize has the results of PyTorch's interpolate(mode="bilinear", align_corners=False, antialias=True).
func TestResize(t *testing.T) {
	x := tensor.Must(tensor.Of([]float32{0, 1, 4, 9, 2, 3, 5, 7, 8, 6, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 1, 2, 3, 4))
	ds, err := Arrays(Array{"x", x})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		h, w int
		want []float32
	}{
		{5, 6, []float32{0, 0.5, 1.5, 3.5, 6.5, 9, 0.8, 1.3, 2.233333, 3.966667, 6.3, 8.2, 2, 2.5, 3.333333, 4.666667, 6, 7, 5.6, 5.2, 4.433333, 2.966667, 2.7, 2.8, 8, 7, 5.166667, 1.833333, 0.5, 0}},
		{2, 3, []float32{1.05, 3.0625, 7.0875, 5.4875, 3.6875, 2.5875}},
		{3, 4, []float32{0, 1, 4, 9, 2, 3, 5, 7, 8, 6, 1, 0}},
		{1, 1, []float32{3.815476}},
	} {
		got := apply(t, ds, 0, Resize{c.h, c.w})
		for i, v := range got {
			want := float32(0) // of the second channel
			if i < len(c.want) {
				want = c.want[i]
			}
			if math.Abs(float64(v-want)) > 1e-5 {
				t.Fatalf("%d×%d: %v, want %v", c.h, c.w, got, c.want)
			}
		}
	}
	for _, s := range []Resize{{0, 3}, {3, -1}, {1 << 20, 1}} {
		if _, err := Transform(ds, "x", s); err == nil {
			t.Errorf("%v is no error", s)
		}
	}
}
