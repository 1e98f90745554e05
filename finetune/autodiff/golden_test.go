package autodiff_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/onnxrun/onnxrun/finetune/autodiff"
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/graph/tensor/npy"
	"github.com/onnxrun/onnxrun/onnx"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/runtime/ops"
)

// goldenCase is an operator with its vector-Jacobian products, computed by PyTorch in float64.
type goldenCase struct {
	Name           string  `json:"name"`
	Differentiable []int   `json:"differentiable"`
	Tolerance      float64 `json:"tolerance"`
}

// TestGoldenGradients holds the gradient rules to every case of gradients.zip.
func TestGoldenGradients(t *testing.T) {
	root := os.Getenv("ONNXRUN_TRAINING")
	if root == "" {
		t.Skip("ONNXRUN_TRAINING does not name the folder of training goldens")
	}
	z, err := zip.OpenReader(filepath.Join(root, "gradients.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	files := map[string][]byte{}
	var names []string
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		r.Close()
		if err != nil {
			t.Fatal(err)
		}
		files[f.Name] = b
		if path.Base(f.Name) == "model.onnx" {
			names = append(names, path.Dir(f.Name))
		}
	}
	var index []goldenCase
	if err := json.Unmarshal(files["index.json"], &index); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		k := slices.IndexFunc(index, func(c goldenCase) bool { return c.Name == path.Base(name) })
		if k < 0 {
			t.Errorf("%s is not in the index", name)
			continue
		}
		t.Run(name, func(t *testing.T) { goldenGradient(t, files, name, index[k]) })
	}
}

func array(t *testing.T, files map[string][]byte, name string) *tensor.Tensor {
	t.Helper()
	b, ok := files[name]
	if !ok {
		return nil
	}
	x, err := npy.Read(bytes.NewReader(b), 1<<24)
	if err != nil {
		t.Fatal(name, err)
	}
	return x
}

func goldenGradient(t *testing.T, files map[string][]byte, dir string, c goldenCase) {
	g, err := onnx.LoadBytes(files[dir+"/model.onnx"])
	if err != nil {
		t.Fatal(err)
	}
	reg := ops.Registry()
	if err := graph.Resolve(reg, g); err != nil {
		t.Fatal(err)
	}
	var feeds []*tensor.Tensor
	node := g.Nodes[0]
	for _, v := range g.Inputs {
		x := array(t, files, fmt.Sprintf("%s/in_%d.npy", dir, slices.Index(node.In, v)))
		if v.Type.Rank() == 0 { // the files have scalars as vectors of one element
			x = tensor.Must(x.Reshape([]int{}...))
		}
		feeds = append(feeds, x)
	}
	var outs, cotangents, wrt []*graph.Value
	for i, v := range g.Outputs {
		want := array(t, files, fmt.Sprintf("%s/out_%d.npy", dir, i))
		cot := array(t, files, fmt.Sprintf("%s/cotangent_%d.npy", dir, i))
		if want == nil || cot == nil {
			continue
		}
		cot = asType(t, cot, tensor.Float32)
		if v.Type.Ranked && v.Type.Rank() == 0 {
			cot = tensor.Must(cot.Reshape([]int{}...))
		}
		in := &graph.Value{Name: fmt.Sprintf("cotangent_%d", i), Type: graph.TypeOf(cot)}
		outs, cotangents, feeds = append(outs, v), append(cotangents, in), append(feeds, cot)
	}
	for _, k := range c.Differentiable {
		wrt = append(wrt, node.In[k])
	}
	g.Inputs = append(g.Inputs, cotangents...)
	grads, err := autodiff.VJP(reg, g, outs, cotangents, wrt)
	if err != nil {
		t.Fatal(err)
	}
	var zeros []bool
	g.Outputs = nil
	for _, v := range grads {
		zeros = append(zeros, v == nil)
		if v != nil {
			g.Outputs = append(g.Outputs, v)
		}
	}
	s, err := runtime.Compile(g)
	if err != nil {
		t.Fatalf("%v\n%s", err, g)
	}
	got := make([]*tensor.Tensor, len(g.Outputs))
	if err := s.RunInto(context.Background(), feeds, got); err != nil {
		t.Fatalf("%v\n%s", err, g)
	}
	for i, k := range c.Differentiable {
		want := array(t, files, fmt.Sprintf("%s/grad_%d.npy", dir, k))
		if zeros[i] {
			for j := range want.Len() {
				if want.Float(j) != 0 {
					t.Fatalf("input %d has no gradient", k)
				}
			}
			continue
		}
		x := got[0]
		got = got[1:]
		if d := far(x, want, c.Tolerance); d != "" {
			t.Errorf("gradient of input %d: %s", k, d)
		}
	}
}

func asType(t *testing.T, x *tensor.Tensor, d tensor.DType) *tensor.Tensor {
	t.Helper()
	v := make([]float64, x.Len())
	for i := range v {
		v[i] = x.Float(i)
	}
	y, err := tensor.FromFloats(d, v, x.Shape()...)
	if err != nil {
		t.Fatal(err)
	}
	return y
}

// far says how got differs from want, whose largest magnitude the tolerance refers to (README.md of the goldens), or "".
func far(got, want *tensor.Tensor, tolerance float64) string {
	if !got.Shape().Equal(want.Shape()) && !(got.Rank() == 0 && want.Len() == 1) {
		return fmt.Sprintf("%s, want shape %v", got, want.Shape())
	}
	top, worst, at := 1e-6, 0.0, -1
	for i := range want.Len() {
		top = math.Max(top, math.Abs(want.Float(i)))
		if d := math.Abs(got.Float(i) - want.Float(i)); !(d <= worst) {
			worst, at = d, i
		}
	}
	if !(worst/top <= tolerance) {
		return fmt.Sprintf("element %d is %v, want %v; %.2g of the largest, allowed %.2g", at, got.Float(at), want.Float(at), worst/top, tolerance)
	}
	return ""
}

// TestErrors: what cannot be differentiated is named.
func TestErrors(t *testing.T) {
	reg := ops.Registry()
	b := graph.NewBuilder(reg, nil)
	x := b.Input("x", graph.TensorType(tensor.Float32, graph.Size(3)))
	if _, err := autodiff.Gradients(reg, b.Graph, b.Op("Exp", x), []*graph.Value{x}); err == nil || !strings.Contains(err.Error(), "one element") {
		t.Errorf("a loss of three elements: %v", err)
	}
}
