package finetune_test

import (
	"bytes"
	"context"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/onnxrun/onnxrun/finetune"
	"github.com/onnxrun/onnxrun/finetune/compress"
	"github.com/onnxrun/onnxrun/finetune/loss"
	"github.com/onnxrun/onnxrun/finetune/optim"
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/graph/tensor/npy"
	"github.com/onnxrun/onnxrun/onnx"
)

// bodiesNames are the parameters of the models in testdata/bodies, by the names that scripts/bodies.py has for them in PyTorch.
var bodiesNames = map[string]string{
	"W": "rnn.body.W", "R": "R", "b": "b", "then.W": "heads.then_branch.W", "then.B": "heads.then_branch.B",
	"else.W": "heads.else_branch.W", "else.B": "heads.else_branch.B", "else.V": "V",
}

func bodiesModel(t *testing.T, file string) *finetune.Model {
	t.Helper()
	g, err := onnx.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	m, err := finetune.New(g)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Freeze("h0"); err != nil {
		t.Fatal(err)
	}
	return m
}

func bodiesStep(t *testing.T, m *finetune.Model) *finetune.Step {
	t.Helper()
	l, err := loss.New("mse", map[string]any{"output": 0})
	if err != nil {
		t.Fatal(err)
	}
	s, err := finetune.NewStep(m, finetune.Config{Loss: l, Optimizer: optim.NewSGD(0.2)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// bodiesTorch is testdata/bodies/torch.npz, which scripts/bodies.py writes.
func bodiesTorch(t *testing.T) map[string]*tensor.Tensor {
	t.Helper()
	b, err := os.ReadFile("testdata/bodies/torch.npz")
	if err != nil {
		t.Fatal(err)
	}
	list, err := npy.ReadZip(bytes.NewReader(b), int64(len(b)), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]*tensor.Tensor{}
	for _, x := range list {
		m[strings.TrimSuffix(x.Name, ".npy")] = x.Tensor
	}
	return m
}

func bodiesBatch(torch map[string]*tensor.Tensor, first bool) map[string]*tensor.Tensor {
	return map[string]*tensor.Tensor{"x": torch["x"], "y": torch["target"], "first": tensor.Scalar(first)}
}

// TestBodiesTrain trains weights that lie in the bodies of Scan, Loop and If, as PyTorch trains the same network, and saves them in their old places.
func TestBodiesTrain(t *testing.T) {
	torch := bodiesTorch(t)
	for _, name := range []string{"scan", "loop"} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join("testdata/bodies", name+".onnx")
			m := bodiesModel(t, file)
			s := bodiesStep(t, m)
			if n := len(m.Trained()); n != len(bodiesNames) {
				t.Fatalf("%d parameters train, want %d", n, len(bodiesNames))
			}
			for i := range torch["taken"].Len() {
				r, err := s.Run(context.Background(), bodiesBatch(torch, torch["taken"].Float(i) != 0))
				if err != nil {
					t.Fatal(err)
				}
				if want := torch["losses"].Float(i); math.Abs(r.Loss-want) > 1e-12 {
					t.Errorf("the loss of step %d is %v, PyTorch's %v", i, r.Loss, want)
				}
				for key, ours := range bodiesNames {
					near(t, "gradient of "+ours, s.Gradient(m.Param(ours)), torch["grad"+string(rune('0'+i))+"/"+key], 1e-12)
				}
			}
			for key, ours := range bodiesNames {
				near(t, ours, m.Param(ours).Value.Const, torch["end/"+key], 1e-12)
			}
			saved := filepath.Join(t.TempDir(), "saved.onnx")
			if err := m.Save(saved); err != nil {
				t.Fatal(err)
			}
			again := bodiesModel(t, saved)
			for key, ours := range bodiesNames {
				near(t, "saved "+ours, again.Param(ours).Value.Const, torch["end/"+key], 1e-12)
			}
			if old, now := structure(t, file), structure(t, saved); !slices.Equal(old, now) {
				t.Errorf("the saved model has another structure:\n%s\nwas\n%s", strings.Join(now, "\n"), strings.Join(old, "\n"))
			}
		})
	}
}

// structure lists graphs, constants and nodes of a file in order, without the values of weights.
func structure(t *testing.T, file string) []string {
	t.Helper()
	g, err := onnx.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	names := func(vs []*graph.Value) string {
		var s []string
		for _, v := range vs {
			if v == nil {
				s = append(s, "-")
			} else {
				s = append(s, v.Name)
			}
		}
		return strings.Join(s, " ")
	}
	var visit func(indent string, g *graph.Graph)
	visit = func(indent string, g *graph.Graph) {
		list = append(list, indent+g.Name+": "+names(g.Inputs)+" → "+names(g.Outputs)+"; "+names(g.Consts))
		for _, n := range g.Nodes {
			list = append(list, indent+n.Name+" "+n.Op.Name+": "+names(n.In)+" → "+names(n.Out))
			n.Subgraphs(func(s *graph.Graph) { visit(indent+"  ", s) })
		}
	}
	visit("", g)
	return list
}

// TestBodiesUntouched saves a model that was not trained: the file is the same, byte for byte.
func TestBodiesUntouched(t *testing.T) {
	for _, name := range []string{"scan", "loop"} {
		file := filepath.Join("testdata/bodies", name+".onnx")
		saved := filepath.Join(t.TempDir(), "saved.onnx")
		if err := bodiesModel(t, file).Save(saved); err != nil {
			t.Fatal(err)
		}
		was, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if now, err := os.ReadFile(saved); err != nil || !bytes.Equal(was, now) {
			t.Errorf("%s: %d bytes were saved of %d, and differ: %v", name, len(now), len(was), err)
		}
	}
}

// TestBodiesDifferences holds the gradients of weights in bodies to central differences of the loss.
func TestBodiesDifferences(t *testing.T) {
	torch := bodiesTorch(t)
	for _, name := range []string{"scan", "loop"} {
		for _, first := range []bool{true, false} {
			m := bodiesModel(t, filepath.Join("testdata/bodies", name+".onnx"))
			s := bodiesStep(t, m)
			batch := bodiesBatch(torch, first)
			value := func() float64 {
				out, err := m.Run(context.Background(), map[string]*tensor.Tensor{"x": batch["x"], "first": batch["first"]})
				if err != nil {
					t.Fatal(err)
				}
				sum, y := 0.0, out["out"]
				for i := range y.Len() {
					d := y.Float(i) - batch["y"].Float(i)
					sum += d * d
				}
				return sum / float64(y.Len())
			}
			const h = 1e-6
			want := map[*finetune.Param][]float64{}
			for _, p := range m.Trained() {
				x := tensor.Data[float64](p.Value.Const)
				for i, v := range x {
					x[i] = v + h
					up := value()
					x[i] = v - h
					want[p] = append(want[p], (up-value())/(2*h))
					x[i] = v
				}
			}
			if _, err := s.Run(context.Background(), batch); err != nil {
				t.Fatal(err)
			}
			for _, p := range m.Trained() {
				got := tensor.Data[float64](s.Gradient(p))
				for i, w := range want[p] {
					if math.Abs(got[i]-w) > 1e-8 {
						t.Errorf("%s, first head %v: the gradient of %s is %v at %d, central differences are %v", name, first, p.Name, got[i], i, w)
					}
				}
			}
		}
	}
}

func near(t *testing.T, what string, got, want *tensor.Tensor, tol float64) {
	t.Helper()
	if got == nil || want == nil || !got.Shape().Equal(want.Shape()) {
		t.Errorf("%s is %v, want %v", what, got, want)
		return
	}
	for i := range want.Len() {
		if d := math.Abs(got.Float(i) - want.Float(i)); !(d <= tol) {
			t.Errorf("%s is %v at %d, want %v", what, got.Float(i), i, want.Float(i))
			return
		}
	}
}

// TestBodiesSplit freezes the recurrent layer: the heads train on what it computed once, as they do behind it.
func TestBodiesSplit(t *testing.T) {
	torch := bodiesTorch(t)
	batch := bodiesBatch(torch, true)
	m := bodiesModel(t, "testdata/bodies/scan.onnx")
	if err := m.Freeze("rnn.*", "R", "b"); err != nil {
		t.Fatal(err)
	}
	first, rest, err := m.Split()
	if err != nil {
		t.Fatal(err)
	}
	if n := len(first.Nodes); n != 1 || first.Nodes[0].Op.Name != "Scan" {
		t.Fatalf("%d nodes are computed once, want the Scan alone", n)
	}
	h, err := (&finetune.Model{Graph: first}).Run(context.Background(), map[string]*tensor.Tensor{"x": batch["x"], "first": batch["first"]})
	if err != nil {
		t.Fatal(err)
	}
	for name, x := range h {
		batch[name] = x
	}
	if _, err := bodiesStep(t, rest).Run(context.Background(), batch); err != nil {
		t.Fatal(err)
	}
	whole := bodiesModel(t, "testdata/bodies/scan.onnx")
	if err := whole.Freeze("rnn.*", "R", "b"); err != nil {
		t.Fatal(err)
	}
	if _, err := bodiesStep(t, whole).Run(context.Background(), bodiesBatch(torch, true)); err != nil {
		t.Fatal(err)
	}
	for _, p := range whole.Params {
		near(t, p.Name, m.Param(p.Name).Value.Const, p.Value.Const, 1e-13)
	}
}

// TestBodiesQuantized trains weights in bodies for int8 and saves them as operators of the standard.
func TestBodiesQuantized(t *testing.T) {
	torch := bodiesTorch(t)
	batch := bodiesBatch(torch, false)
	for _, name := range []string{"x", "y"} {
		x := tensor.Must(tensor.New(tensor.Float32, batch[name].Shape()...))
		for i := range x.Len() {
			tensor.Data[float32](x)[i] = float32(batch[name].Float(i))
		}
		batch[name] = x
	}
	feeds := map[string]*tensor.Tensor{"x": batch["x"], "first": batch["first"]}
	m := bodiesModel(t, "testdata/bodies/loop32.onnx")
	if err := compress.FakeQuantize(m, m.Trained(), nil); err != nil {
		t.Fatal(err)
	}
	s := bodiesStep(t, m)
	for range 2 {
		if _, err := s.Run(context.Background(), batch); err != nil {
			t.Fatal(err)
		}
	}
	want, err := m.Run(context.Background(), feeds)
	if err != nil {
		t.Fatal(err)
	}
	if err := compress.Finish(m); err != nil {
		t.Fatal(err)
	}
	saved := filepath.Join(t.TempDir(), "saved.onnx")
	if err := m.Save(saved); err != nil {
		t.Fatal(err)
	}
	got, err := bodiesModel(t, saved).Run(context.Background(), feeds)
	if err != nil {
		t.Fatal(err)
	}
	for name := range want {
		near(t, name, got[name], want[name], 1e-6)
	}
}
