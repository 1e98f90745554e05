package ops

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

// recurrentSpec is a recurrent layer with random weights.
type recurrentSpec struct {
	op                          string
	steps, batch, input, hidden int
	dirs                        int
	lens, bias, state, peep     bool
	direction                   string
	attrs                       []graph.Attr
}

// packedNode is the packed form of the layer: inputs, attributes, and those of the operator of the standard.
func (s recurrentSpec) build(rng *rand.Rand) (packed, plain []*tensor.Tensor, attrs, std []graph.Attr) {
	gates := map[string]int{"LSTM": 4, "GRU": 3, "RNN": 1}[s.op]
	random := func(shape ...int) *tensor.Tensor {
		n := 1
		for _, d := range shape {
			n *= d
		}
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(rng.NormFloat64() / max(4, math.Sqrt(float64(s.hidden)))) // larger ones would make differences grow from step to step
		}
		return f32(v, shape...)
	}
	x := random(s.steps, s.batch, s.input)
	if s.has("layout") {
		x = random(s.batch, s.steps, s.input)
	}
	w, r := random(s.dirs, gates*s.hidden, s.input), random(s.dirs, gates*s.hidden, s.hidden)
	in := make([]*tensor.Tensor, 8)
	in[0], in[1], in[2] = x, w, r
	if s.bias {
		in[3] = random(s.dirs, 2*gates*s.hidden)
	}
	if s.lens {
		l := make([]int32, s.batch)
		for i := range l {
			l[i] = int32(rng.IntN(s.steps + 1))
		}
		in[4] = i32s(l...)
	}
	if s.state {
		shape := []int{s.dirs, s.batch, s.hidden}
		if s.has("layout") {
			shape = []int{s.batch, s.dirs, s.hidden}
		}
		in[5] = random(shape...)
		if s.op == "LSTM" {
			in[6] = random(shape...)
		}
	}
	if s.peep {
		in[7] = random(s.dirs, 3*s.hidden)
	}
	plain = in
	packed = append([]*tensor.Tensor{}, in...)
	pack := func(m *tensor.Tensor) *tensor.Tensor {
		n := s.dirs * kernel.GateColumns(gates, s.hidden)
		to := make([]float32, kernel.PackedLen(m.Dim(2), n))
		panels, _ := kernel.Panels(n)
		kernel.PackGates(to, tensor.Data[float32](m), s.dirs, gates, s.hidden, m.Dim(2), 0, panels)
		return f32(to, len(to))
	}
	packed[1], packed[2] = pack(w), pack(r)
	if s.bias {
		n := &graph.Node{Op: Registry().Lookup(private, "PackRecurrentBias", 0), In: []*graph.Value{{}}, Out: []*graph.Value{{}, {}}, Attrs: []graph.Attr{graph.Int("gates", gates)}}
		if s.has("linear_before_reset") {
			n.Attrs = append(n.Attrs, graph.Int("linear", 1))
		}
		x := &optest.Interp{Reg: Registry()}
		out, err := x.RunNode(n, []*tensor.Tensor{in[3]})
		if err != nil {
			panic(err)
		}
		packed[3] = out[0]
		if s.has("linear_before_reset") {
			packed[packedGRUBias] = out[1]
		}
	}
	count := map[string]int{"LSTM": 8, "GRU": 7, "RNN": 6}[s.op]
	std = append([]graph.Attr{graph.Int("hidden_size", s.hidden)}, s.attrs...)
	if s.direction != "" {
		std = append(std, graph.Str("direction", s.direction))
	}
	return packed[:count], plain[:min(count, 8)], append([]graph.Attr{graph.Int("input_size", s.input)}, std...), std
}

func (s recurrentSpec) has(attr string) bool {
	for _, a := range s.attrs {
		if a.Name == attr {
			return true
		}
	}
	return false
}

func (s recurrentSpec) String() string {
	return fmt.Sprintf("%s steps %d, batch %d, input %d, hidden %d %s %v%v%v%v %v", s.op, s.steps, s.batch, s.input, s.hidden, s.direction, s.lens, s.bias, s.state, s.peep, s.attrs)
}

func runOp(t *testing.T, domain, name string, in []*tensor.Tensor, attrs []graph.Attr, outs, threads int) []*tensor.Tensor {
	t.Helper()
	n := &graph.Node{Op: Registry().Lookup(domain, name, 0), Attrs: attrs}
	for _, x := range in {
		if x == nil {
			n.In = append(n.In, nil)
		} else {
			n.In = append(n.In, &graph.Value{})
		}
	}
	for range outs {
		n.Out = append(n.Out, &graph.Value{})
	}
	x := &optest.Interp{Reg: Registry(), Threads: threads}
	out, err := x.RunNode(n, in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func recurrentSpecs() []recurrentSpec {
	acts := func(names ...string) graph.Attr { return graph.Attr{Name: "activations", Value: names} }
	var all []recurrentSpec
	for _, op := range []string{"LSTM", "GRU", "RNN"} {
		var linear []graph.Attr
		if op == "GRU" {
			linear = []graph.Attr{graph.Int("linear_before_reset", 1)}
		}
		all = append(all,
			recurrentSpec{op: op, steps: 3, batch: 1, input: 5, hidden: 7, dirs: 1},
			recurrentSpec{op: op, steps: 5, batch: 3, input: 4, hidden: 40, dirs: 2, direction: "bidirectional", bias: true, state: true, attrs: linear},
			recurrentSpec{op: op, steps: 300, batch: 2, input: 3, hidden: 33, dirs: 1, direction: "reverse", bias: true},
			recurrentSpec{op: op, steps: 6, batch: 5, input: 4, hidden: 20, dirs: 2, direction: "bidirectional", bias: true, lens: true, state: true},
			recurrentSpec{op: op, steps: 4, batch: 3, input: 4, hidden: 20, dirs: 1, bias: true, state: true, attrs: append(linear[:len(linear):len(linear)], graph.Int("layout", 1))},
			recurrentSpec{op: op, steps: 4, batch: 70, input: 4, hidden: 128, dirs: 1, bias: true, attrs: linear},
			recurrentSpec{op: op, steps: 20, batch: 1, input: 1024, hidden: 256, dirs: 1, bias: true, state: true, attrs: linear},
			recurrentSpec{op: op, steps: 20, batch: 1, input: 8, hidden: 600, dirs: 1, bias: true},
			recurrentSpec{op: op, steps: 3, batch: 2, input: 4, hidden: 50, dirs: 1, bias: true, lens: true, attrs: append(linear[:len(linear):len(linear)], graph.Float("clip", 0.3))},
		)
	}
	return append(all,
		recurrentSpec{op: "LSTM", steps: 4, batch: 2, input: 3, hidden: 45, dirs: 2, direction: "bidirectional", bias: true, state: true, peep: true},
		recurrentSpec{op: "LSTM", steps: 4, batch: 2, input: 3, hidden: 10, dirs: 1, attrs: []graph.Attr{graph.Int("input_forget", 1), acts("HardSigmoid", "Relu", "Tanh")}},
		recurrentSpec{op: "GRU", steps: 4, batch: 2, input: 3, hidden: 10, dirs: 1, bias: true, attrs: []graph.Attr{acts("HardSigmoid", "Softsign")}},
		recurrentSpec{op: "RNN", steps: 4, batch: 2, input: 3, hidden: 10, dirs: 1, attrs: []graph.Attr{acts("Relu")}})
}

// TestPackedRecurrent holds packed layers, and their expansion, against the operators of the standard; and results of two threads, and of elements of
// the batch on their own, bit for bit against those of one thread and the whole batch.
func TestPackedRecurrent(t *testing.T) {
	for _, s := range recurrentSpecs() {
		t.Run(s.String(), func(t *testing.T) {
			packed, plain, attrs, std := s.build(rand.New(rand.NewPCG(1, uint64(s.hidden))))
			outs := 2
			if s.op == "LSTM" {
				outs = 3
			}
			want := runOp(t, "", s.op, plain[:min(len(plain), len(packed))], std, outs, 1)
			got := runOp(t, private, "Packed"+s.op, packed, attrs, outs, 1)
			two := runOp(t, private, "Packed"+s.op, packed, attrs, outs, 2)
			for i := range want {
				if d := optest.Diff(got[i], want[i], 1e-5, 1e-5); d != "" {
					t.Errorf("output %d: %s", i, d)
				}
				if d := optest.Diff(two[i], got[i], 0, 0); d != "" {
					t.Errorf("output %d on two threads: %s", i, d)
				}
			}
			if s.lens || s.has("layout") {
				return
			}
			alone := append([]*tensor.Tensor{}, packed...) // the last element
			last := func(x *tensor.Tensor) *tensor.Tensor {
				if x == nil {
					return nil
				}
				rows, n := x.Dim(0), x.Dim(2)
				var v []float32
				for i := range rows {
					v = append(v, tensor.Data[float32](x)[(i*s.batch+s.batch-1)*n:][:n]...)
				}
				return f32(v, rows, 1, n)
			}
			alone[0], alone[5] = last(packed[0]), last(packed[5])
			if s.op == "LSTM" {
				alone[6] = last(packed[6])
			}
			one := runOp(t, private, "Packed"+s.op, alone, attrs, outs, 1)
			for i := 1; i < outs; i++ {
				if d := optest.Diff(one[i], last(got[i]), 0, 0); d != "" {
					t.Errorf("output %d of one element alone: %s", i, d)
				}
			}
		})
	}
}

// TestPackedRecurrentOp holds the definitions: inference, expansion and errors.
func TestPackedRecurrentOp(t *testing.T) {
	for _, s := range recurrentSpecs() {
		if s.hidden > 50 || s.steps > 10 {
			continue
		}
		packed, plain, attrs, std := s.build(rand.New(rand.NewPCG(1, uint64(s.hidden))))
		outs := 2
		if s.op == "LSTM" {
			outs = 3
		}
		want := runOp(t, "", s.op, plain[:min(len(plain), len(packed))], std, outs, 1)
		optest.Run(t, Registry(), private+"::Packed"+s.op, []optest.Case{
			{Name: s.String(), In: packed, Attrs: attrs, Want: want, Tol: 1e-5},
			{Name: "weights", In: append([]*tensor.Tensor{packed[0], f32([]float32{1}, 1)}, packed[2:]...), Attrs: attrs, Err: graph.ErrShape, Text: "f32[1]"},
		})
	}
	one := f32([]float32{1}, 1, 1, 1)
	for text, attrs := range map[string][]graph.Attr{
		"hidden_size":      {graph.Int("hidden_size", math.MaxInt32), graph.Int("input_size", 1)},
		"input_size of 2":  {graph.Int("hidden_size", 1), graph.Int("input_size", 2)},
		"direction \"up\"": {graph.Int("hidden_size", 1), graph.Int("input_size", 1), graph.Str("direction", "up")},
	} {
		n := &graph.Node{Op: Registry().Lookup(private, "PackedRNN", 0), Attrs: attrs, In: []*graph.Value{{}, {}, {}}, Out: []*graph.Value{{}}}
		_, err := (&optest.Interp{Reg: Registry()}).RunNode(n, []*tensor.Tensor{one, one, one})
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("error %v, want %q", err, text)
		}
	}
}

func TestPackRecurrent(t *testing.T) {
	gates := graph.Int("gates", 1)
	zeros := func(v []float32) *tensor.Tensor {
		return f32(append(v, make([]float32, kernel.GateBlock-len(v))...), kernel.GateBlock)
	}
	optest.Run(t, Registry(), private+"::PackRecurrent", []optest.Case{
		{Name: "empty", In: []*tensor.Tensor{f32(nil, 1, 2, 0)}, Attrs: []graph.Attr{gates}, Want: []*tensor.Tensor{f32(nil, 0)}},
		{Name: "gates", In: []*tensor.Tensor{f32(make([]float32, 3), 1, 3, 1)}, Attrs: []graph.Attr{graph.Int("gates", 4)}, Err: graph.ErrShape, Text: "weights of 4 gates"},
		{Name: "rank", In: []*tensor.Tensor{f32(nil, 1, 0)}, Attrs: []graph.Attr{gates}, Err: graph.ErrShape, Text: "weights of 1 gates"},
	})
	optest.Run(t, Registry(), private+"::PackRecurrentBias", []optest.Case{
		{Name: "sum", In: []*tensor.Tensor{f32([]float32{1, 2, 10, 20}, 1, 4)}, Attrs: []graph.Attr{gates}, Want: []*tensor.Tensor{zeros([]float32{11, 22})}},
		{Name: "linear", In: []*tensor.Tensor{f32([]float32{1, 2, 10, 20}, 1, 4)}, Attrs: []graph.Attr{gates, graph.Int("linear", 1)}, Want: []*tensor.Tensor{zeros([]float32{1, 2}), zeros([]float32{10, 20})}},
		{Name: "odd", In: []*tensor.Tensor{f32([]float32{1, 2, 3}, 1, 3)}, Attrs: []graph.Attr{gates}, Err: graph.ErrShape, Text: "no bias"},
	})
}
