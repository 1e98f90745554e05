package runtime_test

import (
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/onnx"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/runtime/ops"
)

var mutants = flag.Int("mutants", 10_000, "mutated models to load and run")

// field is one field of a protobuf message: a number, or bytes that may be a message themselves.
type field struct {
	key  uint64 // number and wire type
	num  uint64
	data []byte
	kids []field // when data reads as a message
}

// parse reads b as a message, if it is one.
func parse(b []byte, depth int) ([]field, bool) {
	var out []field
	for len(b) > 0 {
		key, n := binary.Uvarint(b)
		if n <= 0 || key>>3 == 0 || key>>3 > 40 {
			return nil, false
		}
		b = b[n:]
		f := field{key: key}
		size := uint64(0)
		switch key & 7 {
		case 0:
			if f.num, n = binary.Uvarint(b); n <= 0 {
				return nil, false
			}
			b = b[n:]
		case 1:
			size = 8
		case 5:
			size = 4
		case 2:
			if size, n = binary.Uvarint(b); n <= 0 {
				return nil, false
			}
			b = b[n:]
		default:
			return nil, false
		}
		if size > uint64(len(b)) {
			return nil, false
		}
		f.data, b = b[:size], b[size:]
		if key&7 == 2 && size > 1 && size < 1<<20 && depth > 0 {
			f.kids, _ = parse(f.data, depth-1)
		}
		out = append(out, f)
	}
	return out, true
}

func encode(to []byte, fs []field) []byte {
	for _, f := range fs {
		to = binary.AppendUvarint(to, f.key)
		switch f.key & 7 {
		case 0:
			to = binary.AppendUvarint(to, f.num)
		case 2:
			b := f.data
			if f.kids != nil {
				b = encode(nil, f.kids)
			}
			to = append(binary.AppendUvarint(to, uint64(len(b))), b...)
		default:
			to = append(to, f.data...)
		}
	}
	return to
}

func copied(f field) field {
	kids := f.kids
	f.kids = nil
	for _, k := range kids {
		f.kids = append(f.kids, copied(k))
	}
	return f
}

// mutate changes one to four things of a model.
func mutate(r *rand.Rand, model []byte, names []string) []byte {
	root, ok := parse(model, 12)
	for range 1 + r.IntN(4) {
		switch k := r.IntN(12); {
		case k == 0 || !ok:
			b := encode(nil, root)
			if len(b) == 0 {
				return b
			}
			for range 1 + r.IntN(3) {
				b[r.IntN(len(b))] ^= 1 << r.IntN(8)
			}
			if r.IntN(4) == 0 {
				b = b[:r.IntN(len(b))]
			}
			return b
		default:
			var all []*[]field // the messages, more often the inner ones
			var visit func(m *[]field)
			visit = func(m *[]field) {
				all = append(all, m)
				for i := range *m {
					if (*m)[i].kids != nil {
						visit(&(*m)[i].kids)
					}
				}
			}
			visit(&root)
			change(r, all, names)
		}
	}
	return encode(nil, root)
}

var numbers = []uint64{0, 1, 2, 3, 4, 5, 7, 8, 16, 63, 64, 1 << 16, 1<<31 - 1, 1 << 31, 1 << 32, 1 << 40, 1 << 61, 1<<63 - 1, 1 << 63, 1<<64 - 1, 1<<64 - 2}

// change changes one field of one message.
func change(r *rand.Rand, all []*[]field, names []string) {
	m := all[r.IntN(len(all))]
	if len(*m) == 0 {
		return
	}
	i := r.IntN(len(*m))
	f := &(*m)[i]
	other := all[r.IntN(len(all))]
	switch r.IntN(8) {
	case 0: // gone
		*m = append(append([]field{}, (*m)[:i]...), (*m)[i+1:]...)
	case 1: // twice
		*m = append(append([]field{}, (*m)...), copied(*f))
	case 2: // of another field
		f.key = uint64(1+r.IntN(20))<<3 | f.key&7
	case 3: // another's value
		if len(*other) > 0 {
			if o := (*other)[r.IntN(len(*other))]; o.key&7 == f.key&7 {
				o = copied(o)
				f.num, f.data, f.kids = o.num, o.data, o.kids
			}
		}
	case 4: // an operator's name
		if f.key&7 == 2 && len(names) > 0 && len(f.data) < 40 {
			f.data, f.kids = []byte(names[r.IntN(len(names))]), nil
		}
	default:
		switch f.key & 7 {
		case 0:
			f.num = numbers[r.IntN(len(numbers))]
		case 2:
			if f.kids == nil && len(f.data) > 0 && len(f.data) < 1<<12 { // elements
				b := append([]byte{}, f.data...)
				if len(b)%8 == 0 && r.IntN(2) == 0 {
					binary.LittleEndian.PutUint64(b[8*r.IntN(len(b)/8):], numbers[r.IntN(len(numbers))])
				} else {
					b[r.IntN(len(b))] = byte(r.Uint32())
				}
				f.data = b
			}
		default:
			f.data = append([]byte{}, f.data...)
			f.data[r.IntN(len(f.data))] ^= 1 << r.IntN(8)
		}
	}
}

// models are what mutants are made of.
func models(t *testing.T) [][]byte {
	lenet, err := os.ReadFile("../testdata/lenet5/model.onnx")
	if err != nil {
		t.Fatal(err)
	}
	out := [][]byte{lenet}
	f, n := tensor.Float32, graph.Size(4)
	for _, build := range []func(b *graph.Builder){
		func(b *graph.Builder) { // an image net
			x := b.Input("x", graph.TensorType(f, graph.Sym("batch"), graph.Size(2), graph.Size(8), graph.Size(8)))
			h := b.Op("Conv", x, b.Const(noise(1, 4, 2, 3, 3)), graph.Ints("pads", 1, 1, 1, 1), graph.Ints("strides", 2, 2))
			h = b.OpN(2, "MaxPool", b.Op("Relu", h), graph.Ints("kernel_shape", 2, 2))[0]
			h = b.Op("AveragePool", h, graph.Ints("kernel_shape", 2, 2), graph.Ints("pads", 1, 0, 1, 0))
			h = b.Op("ConvTranspose", h, b.Const(noise(1, 4, 3, 2, 2)), graph.Ints("strides", 2, 2))
			h = b.Op("Resize", h, (*graph.Value)(nil), b.Const(tensor.Must(tensor.Of([]float32{1, 1, 2, 1.5}))), graph.Str("mode", "linear"))
			b.Output(b.Op("Softmax", b.Op("Flatten", h)))
		},
		func(b *graph.Builder) { // shapes as data
			x := b.Input("x", graph.TensorType(f, graph.Sym("batch"), n, graph.Size(6)))
			s := b.Op("Gather", b.Op("Shape", x), b.Ints(0, 2))
			y := b.Op("Reshape", x, b.Op("Concat", s, b.Ints(-1), graph.Int("axis", 0)))
			y = b.Op("Slice", y, b.Ints(1), b.Ints(-1), b.Ints(1), b.Ints(2))
			y = b.Op("Expand", b.Op("Unsqueeze", y, b.Ints(1)), b.Ints(1, 3, 1, 1))
			y = b.Op("Pad", b.Op("Tile", y, b.Ints(1, 1, 2, 1)), b.Ints(0, 0, 1, 0, 0, 1, 0, 2))
			b.Output(b.Op("Transpose", y, graph.Ints("perm", 1, 3, 0, 2)))
			b.Output(b.Op("Range", b.Scalar(tensor.Int64, 0), b.Op("ReduceSum", s, graph.Int("keepdims", 0)), b.Scalar(tensor.Int64, 2)))
			b.Output(b.Op("NonZero", b.Op("Relu", x)))
			b.Output(b.Op("ConstantOfShape", s))
		},
		func(b *graph.Builder) { // products, sums, orders, indices
			x := b.Input("x", graph.TensorType(f, graph.Sym("batch"), n, n))
			y := b.Op("Einsum", b.Op("MatMul", x, b.Const(noise(1, 4, 5))), x, graph.Str("equation", "bij,bik->bjk"))
			top := b.OpN(2, "TopK", y, b.Ints(2), graph.Int("axis", 1))
			z := b.Op("GatherElements", y, top[1], graph.Int("axis", 1))
			parts := b.OpN(2, "Split", z, b.Ints(1, 1), graph.Int("axis", 1))
			z = b.Op("Where", b.Op("Less", parts[0], parts[1]), parts[0], b.Op("CumSum", parts[1], b.Scalar(tensor.Int64, 2)))
			b.Output(b.Op("LayerNormalization", z, b.Const(noise(2, 4))))
			q := b.Op("QuantizeLinear", x, b.Const(tensor.Scalar(float32(0.1))), b.Const(tensor.Scalar(uint8(7))))
			b.Output(b.Op("DequantizeLinear", q, b.Const(tensor.Scalar(float32(0.1))), b.Const(tensor.Scalar(uint8(7)))))
			b.Output(b.Op("ScatterND", x, b.Const(tensor.Must(tensor.Of([]int64{0, 1}, 1, 2))), b.Const(noise(3, 1, 4))))
			b.Output(b.Op("ReduceLogSumExp", x, b.Ints(-1)))
			b.Output(b.Op("Cast", b.Op("ArgMax", x, graph.Int("axis", 1)), graph.Int("to", int(tensor.String))))
		},
		func(b *graph.Builder) { // graphs inside nodes
			x := b.Input("x", graph.TensorType(f, graph.Sym("batch"), n))
			body := &graph.Graph{Name: "body"}
			s := b.Sub(body)
			i := s.Input("i", graph.TensorType(tensor.Int64))
			c := s.Input("c", graph.TensorType(tensor.Bool))
			h := s.Input("h", graph.TensorType(f, graph.Sym("batch"), n))
			s.Output(s.Op("Identity", c))
			h = s.Op("Add", h, s.Op("Mul", x, s.Op("Cast", i, graph.Int("to", 1))))
			s.Output(h)
			s.Output(h)
			b.Fail(s.Err())
			out := b.OpN(2, "Loop", b.Const(tensor.Scalar(int64(3))), b.Const(tensor.Scalar(true)), x, graph.GraphAttr("body", body))
			yes, no := &graph.Graph{Name: "yes"}, &graph.Graph{Name: "no"}
			y := b.Sub(yes)
			y.Output(y.Op("Neg", out[0]))
			z := b.Sub(no)
			z.Output(z.Op("Relu", x))
			positive := b.Op("Greater", b.Op("ReduceSum", x, graph.Int("keepdims", 0)), b.Scalar(f, 0))
			b.Output(b.Op("If", positive, graph.GraphAttr("then_branch", yes), graph.GraphAttr("else_branch", no)))
			b.Output(out[1])
			seq := b.Op("SplitToSequence", x, graph.Int("axis", 1), graph.Int("keepdims", 0))
			b.Output(b.Op("ConcatFromSequence", seq, graph.Int("axis", 0), graph.Int("new_axis", 1)))
		},
		func(b *graph.Builder) { // recurrent nets
			x := b.Input("x", graph.TensorType(f, graph.Size(3), graph.Sym("batch"), n))
			h := b.OpN(2, "LSTM", x, b.Const(noise(1, 1, 20, 4)), b.Const(noise(2, 1, 20, 5)), graph.Int("hidden_size", 5))
			g := b.OpN(2, "GRU", x, b.Const(noise(1, 1, 9, 4)), b.Const(noise(2, 1, 9, 3)), graph.Int("hidden_size", 3))
			b.Output(h[0])
			b.Output(h[1])
			b.Output(g[0])
			b.Output(g[1])
		},
	} {
		b := graph.NewBuilder(ops.Registry(), nil)
		build(b)
		if b.Err() != nil {
			t.Fatal(b.Err())
		}
		graph.SetOpsets(ops.Registry(), b.Graph)
		m, err := onnx.Marshal(b.Graph)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, m)
	}
	return out
}

// tryModel takes a model all the way: load, resolve, check, infer, compile, run. It returns how far it came.
func tryModel(b []byte, r *rand.Rand) (stage string, err error) {
	stage = "load"
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("PANIC %v\n%s", p, debug.Stack())
		}
	}()
	g, err := onnx.LoadBytes(b, onnx.WithLimits(onnx.Limits{MaxModelBytes: 1 << 20, MaxNodes: 10000, MaxTensorBytes: 1 << 24}))
	if err != nil {
		return stage, err
	}
	stage = "resolve"
	checked := g.Clone()
	if err := graph.Resolve(ops.Registry(), checked); err != nil {
		return stage, err
	}
	if graph.Verify(checked) == nil {
		checked.Walk(func(_ *graph.Graph, n *graph.Node) bool {
			graph.CheckNode(n)
			return true
		})
		_ = graph.InferGraph(ops.Registry(), checked) // what it refuses Compile may still take
	}
	stage = "compile"
	s, err := runtime.Compile(g, runtime.WithLimits(runtime.Limits{MaxPeakBytes: 256 << 20, MaxLoopIters: 1 << 16}), runtime.WithThreads(1))
	if err != nil && strings.Contains(err.Error(), "the pass failed") {
		panic(err) // as it would be without a net
	}
	if err != nil {
		return stage, err
	}
	stage = "run"
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	feeds := map[string]*tensor.Tensor{}
	for _, v := range s.Inputs() {
		if feeds[v.Name], err = randomInput(r, v.Type); err != nil {
			return stage, err
		}
	}
	if _, err = s.Run(ctx, feeds); err == nil {
		stage = "end"
	}
	return stage, err
}

func randomInput(r *rand.Rand, t graph.Type) (*tensor.Tensor, error) {
	shape := make([]int, len(t.Shape))
	for i, d := range t.Shape {
		n, ok := d.Int()
		if shape[i] = n; !ok || n < 0 {
			shape[i] = 2
		}
	}
	n, ok := tensor.Shape(shape).Size()
	if !ok || n > 1<<20 {
		return nil, graph.Limitf("input of %v", shape)
	}
	if t.DType == tensor.String || t.DType.IsContainer() || !t.DType.Valid() {
		return tensor.New(tensor.String, shape...)
	}
	v := make([]float64, n)
	for i := range v {
		v[i] = float64(r.IntN(9) - 4)
	}
	return tensor.FromFloats(t.DType, v, shape...)
}

// TestMutants damages models where it may hurt most, in the fields of their messages, and asks that nothing panics, not even inside a kernel,
// and that nothing goes on beyond its deadline.
// suiteModels are the node models of the standard's tests, which between them have every operator, where those are at hand. Those that do not run as they
// are (some want inputs that a random number is not) are no seeds.
func suiteModels(t *testing.T) [][]byte {
	root := os.Getenv("ONNXRUN_CONFORMANCE")
	if root == "" {
		return nil
	}
	s := readSuite(t, filepath.Join(root, "onnx-1.23.2-backend.tar.zst"))
	var out [][]byte
	for _, name := range slices.Sorted(maps.Keys(s)) {
		if m := s[name]["model.onnx"]; strings.HasPrefix(name, "node/") && len(m) > 0 && len(m) < 4096 {
			if _, err := tryModel(m, rand.New(rand.NewPCG(0, 0))); err == nil {
				out = append(out, m)
			}
		}
	}
	return out
}

func TestMutants(t *testing.T) {
	seeds := append(models(t), suiteModels(t)...)
	var names []string
	for _, o := range ops.Registry().All() {
		names = append(names, o.Name)
	}
	for i, m := range seeds {
		if stage, err := tryModel(m, rand.New(rand.NewPCG(0, 0))); err != nil {
			t.Fatalf("model %d as it is: %s: %v", i, stage, err)
		}
	}
	var mu sync.Mutex
	stages, faults := map[string]int{}, map[string]int{}
	var next atomic.Int64
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for i := next.Add(1); i <= int64(*mutants); i = next.Add(1) {
				r := rand.New(rand.NewPCG(uint64(i), 11))
				m := seeds[0]
				if i%16 > 0 { // the large one is slow
					m = seeds[1+r.IntN(len(seeds)-1)]
				}
				start := time.Now()
				stage, err := tryModel(mutate(r, m, names), r)
				took := time.Since(start)
				mu.Lock()
				stages[stage]++
				bad := ""
				if err != nil && (strings.Contains(err.Error(), "PANIC") || strings.Contains(err.Error(), "the kernel failed")) {
					bad = err.Error()
				} else if took > 5*time.Second {
					bad = fmt.Sprintf("%s takes %v, %v", stage, took, err)
				}
				if bad != "" {
					if faults[bad]++; faults[bad] == 1 {
						t.Errorf("mutant %d: %s", i, bad)
					}
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	t.Logf("%d mutants; how far they came: %v", *mutants, stages)
}
