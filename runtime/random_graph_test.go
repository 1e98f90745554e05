package runtime_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/pass"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
	"github.com/onnxrun/onnxrun/runtime/ops"
)

// grower builds random graphs that are valid for every batch. It prefers new values, so that memory is reused soon, but takes old ones too.
type grower struct {
	*rand.Rand
	b    *graph.Builder
	vals []*graph.Value
}

// growGraph is the graph of a seed.
func growGraph(seed uint64) (*graph.Graph, error) {
	r := &grower{Rand: rand.New(rand.NewPCG(seed, 7)), b: graph.NewBuilder(ops.Registry(), nil)}
	batch := graph.Sym("batch")
	side := func() graph.Dim { return graph.Size([]int{1, 2, 3, 4, 6}[r.IntN(5)]) }
	p, q := side(), side()
	r.vals = append(r.vals, r.b.Input("x", graph.TensorType(tensor.Float32, batch, p, q)))
	if r.IntN(2) == 0 {
		r.vals = append(r.vals, r.b.Input("y", graph.TensorType(tensor.Float32, batch, graph.Size(1), q)))
	}
	if r.IntN(3) == 0 {
		r.vals = append(r.vals, r.b.Input("z", graph.TensorType(tensor.Int64, batch, q)))
	}
	if n, _ := q.Int(); r.IntN(2) == 0 {
		r.vals = append(r.vals, r.b.Const(r.tensor(tensor.Float32, n)))
	}
	for nodes := 5 + r.IntN(36); len(r.b.Graph.Nodes) < nodes; {
		r.node()
		if r.b.Err() != nil {
			return nil, r.b.Err()
		}
	}
	for range 1 + r.IntN(5) {
		r.b.Output(r.value())
	}
	if r.IntN(4) == 0 { // an output twice
		r.b.Output(r.b.Graph.Outputs[0])
	}
	if r.IntN(4) == 0 { // any value: inputs and constants too
		r.b.Output(r.vals[r.IntN(len(r.vals))])
	}
	return r.b.Graph, r.b.Err()
}

func (r *grower) value() *graph.Value {
	if n := len(r.vals); r.IntN(3) > 0 && n > 4 {
		return r.vals[n-1-r.IntN(4)]
	}
	return r.vals[r.IntN(len(r.vals))]
}

func (r *grower) tensor(d tensor.DType, shape ...int) *tensor.Tensor {
	n := tensor.Shape(shape).Elems()
	v := make([]float64, n)
	for i := range v {
		v[i] = float64(r.IntN(17)-8) / 4
		if d == tensor.Int64 {
			v[i] = float64(r.IntN(9) - 4)
		}
	}
	return tensor.Must(tensor.FromFloats(d, v, shape...))
}

// node appends one node of a random kind; where the value at hand does not suit it, none.
func (r *grower) node() {
	v := r.value()
	shape, float := v.Type.Shape, v.Type.DType == tensor.Float32
	var out []*graph.Value
	add := func(o ...*graph.Value) { out = append(out, o...) }
	axis, ok := r.axis(shape)
	switch r.IntN(16) {
	case 0, 1:
		add(r.b.Op([]string{"Relu", "Neg", "Identity", "Abs"}[r.IntN(4)], v))
	case 2, 3, 4:
		if w := r.partner(v); w != nil {
			add(r.b.Op([]string{"Add", "Mul", "Sub", "Max"}[r.IntN(4)], v, w))
		}
	case 5: // a row against a column of the same memory
		if n, ok := elems(shape); ok && n <= 8 {
			row := r.b.Op("Reshape", v, r.b.Ints(-1, 1, n))
			col := r.b.Op("Reshape", v, r.b.Ints(-1, n, 1))
			add(row, r.b.Op("Add", row, col))
		}
	case 6:
		perm := make([]int64, len(shape))
		for i, k := range r.Perm(len(shape)) {
			perm[i] = int64(k)
		}
		add(r.b.Op("Transpose", v, graph.Ints("perm", perm...)))
	case 7, 8:
		if n, ok := elems(shape); ok && n > 0 {
			f := 1 + r.IntN(n)
			for n%f != 0 {
				f--
			}
			to := [][]int{{-1, f, n / f}, {f, -1, n / f}, {-1, n}, {n / f, f, -1}, {-1, 1, f, n / f}}[r.IntN(5)]
			add(r.b.Op("Reshape", v, r.b.Ints(to...)))
		}
	case 9:
		if w := r.partner(v); w != nil && ok && slices.EqualFunc(shape, w.Type.Shape, graph.Dim.Equal) {
			add(r.b.Op("Concat", v, w, graph.Int("axis", axis)))
		}
	case 10:
		if n := extent(shape, axis, ok); n > 1 {
			k := 1 + r.IntN(n-1)
			add(r.b.OpN(2, "Split", v, r.b.Ints(k, n-k), graph.Int("axis", axis))...)
		}
	case 11:
		if n := extent(shape, axis, ok); n > 1 {
			from, to, step := r.IntN(n), n, 1+r.IntN(2)
			if r.IntN(3) == 0 {
				to, step = -n-1, -step
			}
			add(r.b.Op("Slice", v, r.b.Ints(from), r.b.Ints(to), r.b.Ints(axis), r.b.Ints(step)))
		}
	case 12:
		if float && len(shape) > 0 {
			add(r.b.Op("Softmax", v, graph.Int("axis", r.IntN(len(shape)))))
		}
	case 13:
		if k := extent(shape, len(shape)-1, len(shape) > 1); k > 0 && float {
			add(r.b.Op("MatMul", v, r.b.Const(r.tensor(tensor.Float32, k, 1+r.IntN(5)))))
		}
	case 14:
		if n, ok := elems(shape); ok && n > 0 && float {
			h := r.b.Op("Reshape", v, r.b.Ints(-1, 1, n, 1))
			add(r.b.OpN(2, "MaxPool", h, graph.Ints("kernel_shape", 2, 1), graph.Ints("pads", 1, 0, 0, 0))...)
		}
	case 15:
		if r.IntN(3) == 0 && float {
			add(r.b.Op("Reshape", r.b.Op("NonZero", v), r.b.Ints(-1))) // of a size that only the run knows
			break
		}
		if len(shape) < 4 {
			to := make([]int, len(shape)+1)
			to[0] = 1 + r.IntN(2)
			for i := range shape {
				if to[i+1] = 1; shape[i].Is(1) {
					to[i+1] = 1 + r.IntN(3)
				}
			}
			add(r.b.Op("Expand", v, r.b.Ints(to...)))
		}
	}
	for _, o := range out {
		if size(o.Type.Shape) <= 1<<16 { // what has grown too large is left unread
			r.vals = append(r.vals, o)
		}
	}
}

// partner is a value that broadcasts with v for every batch, often v itself.
func (r *grower) partner(v *graph.Value) *graph.Value {
	if r.IntN(6) == 0 {
		return v
	}
	for range 20 {
		w := r.value()
		if w.Type.DType == v.Type.DType && compatible(v.Type.Shape, w.Type.Shape) {
			return w
		}
	}
	return nil
}

func compatible(a, b []graph.Dim) bool {
	for i := range min(len(a), len(b)) {
		x, y := a[len(a)-1-i], b[len(b)-1-i]
		if !x.Equal(y) && !x.Is(1) && !y.Is(1) {
			return false
		}
	}
	return true
}

// elems is the product of the extents that are not the batch, which must be there once.
func elems(shape []graph.Dim) (int, bool) {
	n, batches := 1, 0
	for _, d := range shape {
		if k, ok := d.Int(); ok {
			n *= k
		} else if batches++; d.Symbol() == "" {
			return 0, false
		}
	}
	return n, batches == 1
}

// size is about the number of elements.
func size(shape []graph.Dim) float64 {
	n := 1.0
	for _, d := range shape {
		k, ok := d.Int()
		if !ok {
			k = 10
		}
		n *= float64(k)
	}
	return n
}

// axis is one of known extent.
func (r *grower) axis(shape []graph.Dim) (int, bool) {
	for range 8 {
		if len(shape) == 0 {
			break
		}
		if k := r.IntN(len(shape)); shape[k].IsInt() {
			return k, true
		}
	}
	return 0, false
}

func extent(shape []graph.Dim, axis int, ok bool) int {
	if !ok {
		return 0
	}
	n, _ := shape[axis].Int()
	return n
}

// TestRandomGraphs holds sessions to the interpreter, bit for bit: with and without passes, from batch to batch, with the outputs' buffers used again.
// Private operators round otherwise than what they stand for, so the interpreter runs the graph in which they already are.
func TestRandomGraphs(t *testing.T) {
	graphs, nodes := 400, 0
	if testing.Short() {
		graphs = 100
	}
	for seed := range uint64(graphs) {
		g, err := growGraph(seed)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		nodes += len(g.Nodes)
		for name, opts := range map[string][]runtime.Option{
			"execution":  {runtime.WithThreads(2)},
			"inference":  {runtime.WithThreads(2), runtime.WithPasses(pass.Inference...)},
			"expansions": {runtime.WithThreads(1), runtime.WithPasses(pass.Inference[0])},
		} {
			if err := holds(g, name == "execution", seed, opts...); err != nil {
				t.Errorf("seed %d, passes for %s: %v", seed, name, err)
				if !testing.Short() {
					t.Logf("%s", g)
				}
			}
		}
	}
	t.Logf("%d graphs, %d nodes", graphs, nodes)
}

func holds(g *graph.Graph, compiled bool, seed uint64, opts ...runtime.Option) error {
	s, err := runtime.Compile(g, opts...)
	if err != nil {
		return err
	}
	if compiled {
		g = s.Graph()
	}
	r := &grower{Rand: rand.New(rand.NewPCG(seed, 8))}
	out := make([]*tensor.Tensor, len(g.Outputs))
	for k, batch := range []int{3, 3, 1, 5, 0, 3} {
		in := make([]*tensor.Tensor, len(g.Inputs))
		for i, v := range g.Inputs {
			shape := []int{batch}
			for _, d := range v.Type.Shape[1:] {
				n, _ := d.Int()
				shape = append(shape, n)
			}
			in[i] = r.tensor(v.Type.DType, shape...)
		}
		var before [][]byte
		for _, t := range in {
			before = append(before, bytes.Clone(t.Bytes()))
		}
		want, err := (&optest.Interp{Reg: ops.Registry()}).RunGraph(g, in)
		if err != nil {
			return fmt.Errorf("run %d, batch %d: interpreter: %w", k, batch, err)
		}
		if err := s.RunInto(context.Background(), in, out); err != nil {
			return fmt.Errorf("run %d, batch %d: %w", k, batch, err)
		}
		for i, w := range want {
			if d := sameBits(out[i], w); d != "" {
				return fmt.Errorf("run %d, batch %d, output %d (%s): %s", k, batch, i, g.Outputs[i].Name, d)
			}
		}
		for i, t := range in {
			if !bytes.Equal(t.Bytes(), before[i]) {
				return fmt.Errorf("run %d, batch %d: input %d was written to", k, batch, i)
			}
		}
		for i := range out { // outputs are the caller's: to write one must change no other, nor what later runs compute
			for j := range out[i].Bytes() {
				out[i].Bytes()[j] = 0xa5
			}
			for j := i + 1; j < len(out); j++ {
				if d := sameBits(out[j], want[j]); d != "" {
					return fmt.Errorf("run %d, batch %d: outputs %d and %d share memory", k, batch, i, j)
				}
			}
			if len(in) > 0 && !bytes.Equal(in[0].Bytes(), before[0]) {
				return fmt.Errorf("run %d, batch %d: output %d shares memory with an input", k, batch, i)
			}
		}
	}
	return nil
}

// sameBits tells how two tensors differ in type, shape or any bit, or returns "".
func sameBits(got, want *tensor.Tensor) string {
	if d := optest.Diff(got, want, 0, 0); d != "" {
		return d
	}
	if !bytes.Equal(got.Bytes(), want.Bytes()) {
		return "differs in the bits of a zero or NaN"
	}
	return ""
}
