package finetune

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/pass"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// Head is a linear layer with fresh weights for a task that the model has not seen.
type Head struct {
	Classes int    // outputs of the layer
	Name    string // of its module; "head" by default
	Output  string // name of the model's output; "logits" by default
	Seed    uint64
	// Pool averages the axes between the first and the last two beforehand ([N, T, C] → [N, C]; [N, C, H, W] → [N, C]).
	Pool bool
}

// NewHead cuts the model at the value of the name cut and puts a linear layer there: its outputs are replaced by one, [batch, Classes], and what
// computed them is removed. The weights of the layer are initialized as PyTorch's Linear: uniform in ±1/√inputs. An empty name
// stands for the input of the last linear layer of the model; see [Model.Features].
func (m *Model) NewHead(cut string, h Head) error {
	v, err := m.cutAt(cut)
	if err != nil {
		return err
	}
	if h.Classes < 1 {
		return fmt.Errorf("a head of %d outputs", h.Classes)
	}
	if h.Name == "" {
		h.Name = "head"
	}
	if h.Output == "" {
		h.Output = "logits"
	}
	b := graph.NewBuilder(m.reg, m.Graph)
	b.Reserve()
	b.Prefix(h.Name)
	op := func(name string, args ...graph.Arg) *graph.Value { return m.Op(b, name, args...) }
	shape := v.Type.Shape
	if h.Pool && len(shape) == 4 {
		v = op("GlobalAveragePool", v)
		shape = v.Type.Shape
	} else if h.Pool && len(shape) == 3 {
		// The mean over tokens is a pooling once they are the last axis, in every opset.
		v = op("GlobalAveragePool", op("Transpose", v, graph.Ints("perm", 0, 2, 1)))
		shape = v.Type.Shape
	}
	if len(shape) > 2 {
		v = op("Flatten", v, graph.Int("axis", 1))
		shape = v.Type.Shape
	}
	if len(shape) != 2 {
		return graph.Shapef("the model is cut at %q, %s: a head wants [batch, features]", v.Name, v.Type)
	}
	in, ok := shape[1].Int()
	if !ok {
		return graph.Shapef("the model is cut at %q, %s: the number of features must be known; pool them", v.Name, v.Type)
	}
	rng := rand.New(rand.NewPCG(h.Seed, 0x68656164))
	bound := 1 / math.Sqrt(float64(max(in, 1)))
	weight := m.newParam(h.Name+".weight", uniform(rng, bound, h.Classes, in))
	bias := m.newParam(h.Name+".bias", uniform(rng, bound, h.Classes))
	out := op("Gemm", v, weight, bias, graph.Int("transB", 1))
	if err := b.Err(); err != nil {
		return err
	}
	m.Graph.Outputs = []*graph.Value{out}
	if err := m.prune(); err != nil {
		return err
	}
	out.Name = h.Output
	return nil
}

// Features is the input of the last linear layer of the model (Gemm, or MatMul by a constant), where a new head is put by default.
func (m *Model) Features() (*graph.Value, error) {
	if err := m.Infer(); err != nil {
		return nil, err
	}
	for _, n := range slices.Backward(m.Graph.Nodes) {
		switch {
		case n.Op.Domain != "" || len(n.In) < 2 || n.In[0] == nil || n.In[0].Const != nil:
		case n.Op.Name == "Gemm", n.Op.Name == "MatMul" && fromConst(n.In[1]):
			return n.In[0], nil
		}
	}
	return nil, fmt.Errorf("the model has no linear layer: name the value at which to cut")
}

// fromConst reports whether v is a constant, or one that is transposed.
func fromConst(v *graph.Value) bool {
	for v != nil && v.Def != nil && (v.Def.Op.Name == "Transpose" || v.Def.Op.Name == "Identity") {
		v = v.Def.In[0]
	}
	return v != nil && v.Const != nil
}

func (m *Model) cutAt(name string) (*graph.Value, error) {
	if name == "" {
		return m.Features()
	}
	if err := m.Infer(); err != nil {
		return nil, err
	}
	for _, v := range m.Graph.Inputs {
		if v.Name == name {
			return v, nil
		}
	}
	for _, n := range m.Graph.Nodes {
		for _, v := range n.Out {
			if v != nil && v.Name == name {
				return v, nil
			}
		}
	}
	return nil, fmt.Errorf("the model has no value %q to cut at", name)
}

// Infer fills in the types of all values.
func (m *Model) Infer() error {
	for _, n := range m.Graph.Nodes {
		if err := graph.InferNode(m.reg, n); err != nil {
			return err
		}
	}
	return nil
}

// Op appends a node of a standard operator as the model's opset defines it, so that the model can be saved under that opset.
func (m *Model) Op(b *graph.Builder, name string, args ...graph.Arg) *graph.Value {
	op := m.reg.Lookup("", name, m.Graph.Opsets[""])
	if op == nil {
		b.Fail(graph.Unsupportedf("operator %s in opset %d", name, m.Graph.Opsets[""]))
	}
	n := &graph.Node{Op: op}
	for _, a := range args {
		switch a := a.(type) {
		case *graph.Value:
			if a == nil {
				return nil
			}
			n.In = append(n.In, a)
		case graph.Attr:
			n.Attrs = append(n.Attrs, a)
		}
	}
	if b.Err() != nil {
		return nil
	}
	out := b.Name(n)
	b.Append(n, out)
	return out
}

// newParam adds a constant that trains.
func (m *Model) newParam(name string, t *tensor.Tensor) *graph.Value {
	v := &graph.Value{Name: name, Type: graph.TypeOf(t), Const: t}
	m.Graph.Consts = append(m.Graph.Consts, v)
	m.Params = append(m.Params, &Param{Name: name, Value: v, Train: true})
	return v
}

// prune removes what no output depends on any more, from the graph and from the parameters.
func (m *Model) prune() error {
	if err := pass.Apply(m.reg, m.Graph, []pass.Pass{{Name: "prune", Run: pass.Prune}}); err != nil {
		return err
	}
	left := map[*graph.Value]bool{}
	for _, v := range constants(m.Graph) {
		left[v] = true
	}
	m.Params = slices.DeleteFunc(m.Params, func(p *Param) bool { return !left[p.Value] })
	return nil
}

// uniform draws from ±bound.
func uniform(rng *rand.Rand, bound float64, shape ...int) *tensor.Tensor {
	t := tensor.Must(tensor.New(tensor.Float32, shape...))
	x := tensor.Data[float32](t)
	for i := range x {
		x[i] = float32((2*rng.Float64() - 1) * bound)
	}
	return t
}
