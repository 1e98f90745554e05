package finetune_test

import (
	"context"
	"errors"
	"iter"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/onnxrun/onnxrun/finetune"
	"github.com/onnxrun/onnxrun/finetune/loss"
	"github.com/onnxrun/onnxrun/finetune/optim"
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/ops"
)

// rings are points of the plane in two classes, inside and outside of a circle, in an order that depends on the epoch, each moved a little.
type rings struct{ batches, size int }

func (r rings) Len() int { return r.batches }

func (r rings) Batches(_ context.Context, epoch, from int) iter.Seq2[map[string]*tensor.Tensor, error] {
	return func(yield func(map[string]*tensor.Tensor, error) bool) {
		for k := from; k < r.batches; k++ {
			rng := rand.New(rand.NewPCG(uint64(epoch), uint64(k)))
			x, y := make([]float32, 2*r.size), make([]int64, r.size)
			for i := range y {
				a, b := rng.NormFloat64(), rng.NormFloat64()
				x[2*i], x[2*i+1] = float32(a), float32(b)
				if a*a+b*b > 1.4 {
					y[i] = 1
				}
			}
			if !yield(map[string]*tensor.Tensor{"x": tensor.Must(tensor.Of(x, r.size, 2)), "y": tensor.Must(tensor.Of(y, r.size))}, nil) {
				return
			}
		}
	}
}

// ringNet is a multi-layer perceptron with dropout and batch normalization.
func ringNet(t *testing.T) *finetune.Model {
	t.Helper()
	b := graph.NewBuilder(ops.Registry(), nil)
	b.Graph.Opsets[""] = 21
	rng := rand.New(rand.NewPCG(1, 2))
	param := func(name string, scale float64, shape ...int) *graph.Value {
		x := tensor.Must(tensor.New(tensor.Float32, shape...))
		for i := range tensor.Data[float32](x) {
			tensor.Data[float32](x)[i] = float32(rng.NormFloat64() * scale)
		}
		v := b.Const(x)
		v.Name = name
		return v
	}
	full := func(name string, v float64) *graph.Value {
		c := b.Const(tensor.Must(tensor.Full(tensor.Float32, v, 32)))
		c.Name = name
		return c
	}
	x := b.Input("x", graph.Type{DType: tensor.Float32, Ranked: true, Shape: []graph.Dim{graph.Sym("batch"), graph.Size(2)}})
	h := b.Op("Gemm", x, param("1.weight", 0.7, 32, 2), param("1.bias", 0.1, 32), graph.Int("transB", 1))
	h = b.Op("BatchNormalization", h, full("2.weight", 1), full("2.bias", 0), full("2.running_mean", 0), full("2.running_var", 1))
	h = b.Op("Dropout", b.Op("Relu", h), b.Const(tensor.Scalar(float32(0.2))))
	y := b.Op("Gemm", h, param("3.weight", 0.2, 2, 32), param("3.bias", 0.1, 2), graph.Int("transB", 1))
	y.Name = "logits"
	b.Output(y)
	if b.Err() != nil {
		t.Fatal(b.Err())
	}
	m, err := finetune.New(b.Graph)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func ringTrainer(t *testing.T, threads int, dir string) *finetune.Trainer {
	t.Helper()
	s, err := finetune.NewStep(ringNet(t), finetune.Config{Loss: loss.NewCrossEntropy(), Optimizer: optim.NewAdamW(1e-2), Clip: finetune.Clip{Norm: 1},
		Accumulate: 2, EMA: 0.95, Threads: threads, Seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	tr := &finetune.Trainer{Step: s, Data: rings{25, 16}, Epochs: 16, Valid: rings{3, 64}, KeepBest: true}
	if dir != "" {
		tr.Checkpoints = &finetune.Checkpoints{Dir: dir}
		tr.SaveEvery = 1
	}
	return tr
}

// TestResume stops trainings at many points, in the middle of epochs too, and goes on with what a new process would have: the end is the same, bit for
// bit, as without a stop, and with one and with two threads.
func TestResume(t *testing.T) {
	whole := ringTrainer(t, 1, "")
	want, err := whole.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if want.Updates != 16*13 || want.Best > 0.35 {
		t.Fatalf("%+v", want)
	}
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(3, 4))
	for stops := 0; ; stops++ {
		tr := ringTrainer(t, 1+stops%2, dir)
		ctx, stop := context.WithCancel(context.Background())
		left := 1 + rng.IntN(60)
		tr.Watch = func(p finetune.Progress) {
			if p.Valid == nil && !p.Resumed {
				if left--; left == 0 {
					stop()
				}
			}
		}
		got, err := tr.Run(ctx)
		stop()
		if errors.Is(err, context.Canceled) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if stops < 3 {
			t.Fatal("the training was stopped ", stops, " times only")
		}
		if got.Updates != want.Updates || got.Best != want.Best || got.BestUpdate != want.BestUpdate {
			t.Errorf("after %d stops %+v, want %+v", stops, got, want)
		}
		sameState(t, whole.Step, tr.Step)
		return
	}
}

// TestEarlyStop: a model that does not get better stops, and has the best weights.
func TestEarlyStop(t *testing.T) {
	s, err := finetune.NewStep(ringNet(t), finetune.Config{Loss: loss.NewCrossEntropy(), Optimizer: optim.NewSGD(0)})
	if err != nil {
		t.Fatal(err)
	}
	tr := &finetune.Trainer{Step: s, Data: rings{4, 8}, Epochs: 50, Valid: rings{2, 8}, Patience: 3, KeepBest: true}
	done, err := tr.Run(context.Background())
	if err != nil || !done.Early || done.Updates > 4*50/2 {
		t.Errorf("%+v, %v", done, err)
	}
}

// TestTrainerRefuses: what cannot train says why.
func TestTrainerRefuses(t *testing.T) {
	s, _ := lenetStep(t)
	for name, tr := range map[string]*finetune.Trainer{
		"no data":   {Step: s, Epochs: 1},
		"empty":     {Step: s, Epochs: 1, Data: rings{}},
		"no epochs": {Step: s, Data: rings{1, 1}},
		"patience":  {Step: s, Data: rings{1, 1}, Epochs: 1, Patience: 2},
		"too many":  {Step: s, Data: rings{2, 1}, Epochs: math.MaxInt},
		"monitor":   {Step: ringTrainer(t, 1, "").Step, Epochs: 1, Data: rings{2, 2}, Valid: rings{1, 2}, Monitor: "accuracy"},
	} {
		if _, err := tr.Run(context.Background()); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestResumeEarlyStop: a training that has stopped for lack of progress is over, and its numbers are told again.
func TestResumeEarlyStop(t *testing.T) {
	dir := t.TempDir()
	run := func(patience int) finetune.Done {
		s, err := finetune.NewStep(ringNet(t), finetune.Config{Loss: loss.NewCrossEntropy(), Optimizer: optim.NewSGD(0)})
		if err != nil {
			t.Fatal(err)
		}
		tr := &finetune.Trainer{Step: s, Data: rings{4, 8}, Epochs: 50, Valid: rings{2, 8}, Patience: patience, KeepBest: true, Checkpoints: &finetune.Checkpoints{Dir: dir}}
		done, err := tr.Run(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return done
	}
	first := run(3)
	if again := run(3); !first.Early || !reflect.DeepEqual(again, first) || again.Valid == nil || again.BestValid == nil {
		t.Errorf("%+v, then %+v", first, again)
	}
	if more := run(5); more.Updates <= first.Updates {
		t.Errorf("with more patience %d updates after %d", more.Updates, first.Updates)
	}
}

// TestResumeInEvaluation: a training that is stopped while it evaluates makes that evaluation when it goes on, before the next update.
func TestResumeInEvaluation(t *testing.T) {
	evaluations := func(dir string, interrupt bool) (list []int) {
		for {
			tr := ringTrainer(t, 1, dir)
			tr.Epochs, tr.EvalEvery = 3, 4
			ctx, stop := context.WithCancel(context.Background())
			tr.Watch = func(p finetune.Progress) {
				if p.Valid != nil {
					list = append(list, p.Update)
				} else if interrupt && p.Update%4 == 0 && !p.Resumed {
					stop()
				}
			}
			_, err := tr.Run(ctx)
			stop()
			if err == nil {
				return list
			}
			if !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
		}
	}
	want := evaluations("", false)
	if got := evaluations(t.TempDir(), true); !slices.Equal(got, want) {
		t.Errorf("evaluations after updates %v, want %v", got, want)
	}
}

// TestResumeOtherData: epochs of another length are other data.
func TestResumeOtherData(t *testing.T) {
	dir := t.TempDir()
	tr := ringTrainer(t, 1, dir)
	tr.Epochs = 1
	if _, err := tr.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	tr = ringTrainer(t, 1, dir)
	tr.Data = rings{30, 16}
	if _, err := tr.Run(context.Background()); err == nil || !strings.Contains(err.Error(), "have 25 batches, these 30") {
		t.Error(err)
	}
}
