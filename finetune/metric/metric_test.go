package metric

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/onnxrun/onnxrun/finetune"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

var _ finetune.Metric = (*On)(nil)

// data makes tensors by formulas, which the numbers of scikit-learn below were computed from too.
func data[T tensor.Elem](n, width int, f func(i, j int) T) *tensor.Tensor {
	var x []T
	for i := range n {
		for j := range width {
			x = append(x, f(i, j))
		}
	}
	return tensor.Must(tensor.Of(x, n, width))
}

func value(t *testing.T, name string, o Options, pred, target *tensor.Tensor, batches int) float64 {
	t.Helper()
	m, err := New(name, o)
	if err != nil {
		t.Fatal(err)
	}
	if x := m.Value(); !math.IsNaN(x) {
		t.Errorf("%s of nothing is %v", name, x)
	}
	for range 2 { // the second time after a reset
		m.Reset()
		n := pred.Dim(0)
		for b := range batches {
			lo, hi := b*n/batches, (b+1)*n/batches
			if err := m.Add(slice(pred, lo, hi), slice(target, lo, hi)); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
	return m.Value()
}

func slice(t *tensor.Tensor, lo, hi int) *tensor.Tensor {
	size := len(t.Bytes()) / t.Dim(0)
	return tensor.Must(tensor.FromBytes(t.DType(), t.Bytes()[lo*size:hi*size], append([]int{hi - lo}, t.Shape()[1:]...)...))
}

func check(t *testing.T, o Options, pred, target *tensor.Tensor, want map[string]float64) {
	t.Helper()
	for name, w := range want {
		for _, batches := range []int{1, 3, 12} {
			if got := value(t, name, o, pred, target, batches); !(math.Abs(got-w) < 1e-12) {
				t.Errorf("%s in %d batches is %v, want %v", name, batches, got, w)
			}
		}
	}
}

// The wanted numbers of the three tests are those of scikit-learn 1.9.1 with zero_division=0.

func TestClasses(t *testing.T) {
	scores := data(12, 4, func(i, j int) float64 { return float64((i*7+j*5+i*j)%11)/4 - 1 - float64(j)/64 })
	target := data(12, 1, func(i, _ int) int64 { return int64(i*i+1) % 3 })
	check(t, Options{}, scores, target, map[string]float64{
		"accuracy": 0.16666666666666666, "top1": 0.16666666666666666, "top2": 0.6666666666666666, "top4": 1, "confusion": 0.16666666666666666,
		"precision-macro": 0.16666666666666666, "recall-macro": 0.0625, "f1-macro": 0.09090909090909091,
		"precision-micro": 0.16666666666666666, "recall-micro": 0.16666666666666666, "f1-micro": 0.16666666666666666,
		"precision-weighted": 0.4444444444444444, "recall-weighted": 0.16666666666666666, "f1-weighted": 0.24242424242424243,
	})
	m := NewConfusion(Options{})
	if err := m.Add(scores, target); err != nil {
		t.Fatal(err)
	}
	if got := m.String(); got != "    0  1  2  3\n 0  0  0  0  0\n 1  3  0  1  0\n 2  1  2  2  3\n 3  0  0  0  0" {
		t.Errorf("\n%s", got)
	}
	three := data(12, 3, func(i, j int) float32 { return float32((i*7+j*5+i*j)%11)/4 - 1 + float32(i*3%7*j)/16 })
	check(t, Options{}, three, data(12, 1, func(i, _ int) int32 { return int32(i*5+i/3) % 3 }), map[string]float64{"auc": 0.4895833333333333})
}

func TestBinary(t *testing.T) {
	logits := data(12, 1, func(i, _ int) float64 { return float64(i*5%7-3) / 2 })
	target := data(12, 1, func(i, _ int) float32 { return float32((i*i + i/2) % 3 % 2) })
	want := map[string]float64{"auc": 0.34375, "accuracy": 0.4166666666666667, "precision": 0.2, "recall": 0.25, "f1": 0.2222222222222222}
	check(t, Options{}, logits, target, want)
	check(t, Options{Negative: true}, logits, target, map[string]float64{"precision": 0.5714285714285714, "recall": 0.5, "f1": 0.5333333333333333})
	two := data(12, 2, func(i, j int) float64 { return float64(j)*float64(i*5%7-3)/2 + float64(i) })
	check(t, Options{}, two, target, want)
	probs := data(12, 1, func(i, _ int) float64 { return 1 / (1 + math.Exp(-float64(i*5%7-3)/2)) })
	check(t, Options{Probabilities: true}, probs, target, want)
}

func TestRegression(t *testing.T) {
	target := func(i, j int) float64 { return []float64{float64(i*4%7) - 2.5, float64(i) / 2}[j] }
	y := data(12, 2, target)
	p := data(12, 2, func(i, j int) float64 { return target(i, j) + float64((i*5+j*3)%9)/4 - 1 })
	check(t, Options{}, p, y, map[string]float64{"mae": 0.5520833333333334, "mse": 0.4244791666666667, "rmse": 0.65127213662041, "r2": 0.8745841995841996})
	same := data(3, 1, func(int, int) float64 { return 2 })
	if got := value(t, "r2", Options{}, same, same, 1); got != 1 {
		t.Errorf("R² of a constant that is met: %v", got)
	}
	if got := value(t, "r2", Options{}, data(3, 1, func(i, _ int) float64 { return float64(i) + 1 }), same, 1); got != 0 {
		t.Errorf("R² of a constant that is not met: %v", got)
	}
	if got := value(t, "r2", Options{}, data(1, 1, func(int, int) float64 { return 2 }), data(1, 1, func(int, int) float64 { return 2 }), 1); !math.IsNaN(got) {
		t.Errorf("R² of one sample: %v", got)
	}
	for _, name := range []string{"mae", "mse", "rmse", "r2"} {
		x := data(3, 1, func(i, _ int) float32 { return float32(i) })
		tensor.Data[float32](x)[1] = float32(math.NaN())
		if got := value(t, name, Options{}, x, same, 1); !math.IsNaN(got) {
			t.Errorf("%s with NaN is %v", name, got)
		}
	}
}

// TestPlaces: classes for each place of a picture, targets that do not count, targets laid out as scores, and scores that are NaN.
func TestPlaces(t *testing.T) {
	scores := tensor.Must(tensor.Of([]float32{ // [1,2,4]: class 1 wins at the last two
		3, 1, 0, 0,
		0, 0, 1, 5}, 1, 2, 4))
	target := tensor.Must(tensor.Of([]int64{0, 1, ignored, 1}, 1, 4))
	check1 := func(name string, pred, target *tensor.Tensor, want float64) {
		t.Helper()
		if got := value(t, name, Options{}, pred, target, 1); !(math.Abs(got-want) < 1e-12) {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	check1("accuracy", scores, target, 2.0/3)
	check1("top2", scores, target, 1)
	soft := tensor.Must(tensor.Of([]float32{0.1, 0.9, 0.8, 0.2}, 2, 2))
	check1("accuracy", tensor.Must(tensor.Of([]float32{0, 5, 0, 5}, 2, 2)), soft, 0.5)
	nans := tensor.Must(tensor.Of([]float32{float32(math.NaN()), 5, 0, 5}, 2, 2))
	ones := tensor.Must(tensor.Of([]int64{1, 1}, 2))
	check1("accuracy", nans, ones, 0.5)
	check1("top2", nans, ones, 0.5)
	check1("recall", nans, ones, 0.5)
	check1("precision", nans, ones, 1)
	if got := value(t, "auc", Options{}, nans, tensor.Must(tensor.Of([]int64{1, 0}, 2)), 1); !math.IsNaN(got) {
		t.Errorf("area with NaN is %v", got)
	}
	if got := value(t, "auc", Options{}, soft, ones, 1); !math.IsNaN(got) {
		t.Errorf("area with one class is %v", got)
	}
	m := NewConfusion(Options{})
	if err := m.Add(nans, ones); err != nil || !strings.Contains(m.String(), "nan") {
		t.Errorf("%v\n%s", err, m)
	}
}

func TestRefuses(t *testing.T) {
	if _, err := New("acuracy", Options{}); err == nil || !strings.Contains(err.Error(), "accuracy, auc") {
		t.Error(err)
	}
	if _, err := New("top0", Options{}); err == nil {
		t.Error("top0")
	}
	f := func(shape ...int) *tensor.Tensor { return tensor.Must(tensor.New(tensor.Float32, shape...)) }
	for _, name := range Names() {
		if name == "topK" {
			name = "top3"
		}
		for _, c := range []struct{ pred, target *tensor.Tensor }{
			{f(2, 3), f(3)}, {f(), f()}, {nil, f(2)}, {f(2), nil}, {f(2, 3), f(2, 2)}, {f(2, 2), tensor.Must(tensor.OfStrings([]string{"a", "b"}))}, {f(2, 0), f(2)},
		} {
			m, err := New(name, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if err := m.Add(c.pred, c.target); !errors.Is(err, tensor.ErrShape) && !errors.Is(err, tensor.ErrType) {
				t.Errorf("%s of %v and %v: %v", name, c.pred, c.target, err)
			}
		}
	}
	for _, x := range []float32{2, -1, 0.5, float32(math.NaN()), 1e30} {
		if err := NewAccuracy(1, Options{}).Add(f(1, 2), tensor.Must(tensor.Of([]float32{x}))); err == nil {
			t.Errorf("class %v of 2", x)
		}
	}
	if err := NewRate(F1, Binary, Options{}).Add(f(2, 3), f(2)); err == nil {
		t.Error("binary F1 of three classes")
	}
	on := &On{Metric: NewAccuracy(1, Options{}), Label: "accuracy", Target: "y"}
	if err := on.Add([]*tensor.Tensor{f(2, 2)}, map[string]*tensor.Tensor{"z": f(2)}); err == nil || !strings.Contains(err.Error(), `"y"`) {
		t.Error(err)
	}
	if err := on.Add([]*tensor.Tensor{f(2, 2)}, map[string]*tensor.Tensor{"y": f(2)}); err != nil || on.Value() != 1 || on.Name() != "accuracy" {
		t.Error(err, on.Value())
	}
}
