package adapter

import (
	"math"
	"math/rand/v2"

	"github.com/onnxrun/onnxrun/finetune"
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// freshLoRA gives a layer PEFT's start: A uniform in ±1/√in (Kaiming's, with a = √5), B zero. An embedding has A zero and B normal.
func (a *Adapter) freshLoRA(t *target, r int, rng *rand.Rand) {
	l, w := t.layer, t.layer.weight.Value.Const
	d := w.DType()
	normal := func(std float64) func() float64 { return func() float64 { return rng.NormFloat64() * std } }
	uniform := func(bound float64) func() float64 { return func() float64 { return (2*rng.Float64() - 1) * bound } }
	zero := func() float64 { return 0 }
	fill := func(f func() float64, shape ...int) *tensor.Tensor { return filled(d, f, shape...) }
	if l.Kind == Embedding {
		x := fill(zero, r, l.In)
		if a.Config.Init == RandomInit {
			x = fill(normal(1), r, l.In)
		}
		t.addLoRA(a, x, fill(normal(1), l.Out, r), nil)
		return
	}
	down, up := t.shapes(r)
	fan := l.In
	for _, k := range down[2:] {
		fan *= k
	}
	start := uniform(1 / math.Sqrt(float64(fan)))
	if a.Config.Init == GaussianInit {
		start = normal(1 / float64(r))
	}
	x, y := fill(start, down...), fill(zero, up...)
	if a.Config.Init == RandomInit {
		y = fill(uniform(1/math.Sqrt(float64(r))), up...)
	}
	t.addLoRA(a, x, y, nil)
	if a.Config.DoRA {
		v := t.rows(w)
		t.addDelta(v)
		norm, i := rowNorms(v, l.Out), 0
		t.addMagnitude(a, fill(func() float64 { i++; return norm[i-1] }, l.Out))
	}
}

// shapes are those of A and B.
func (t *target) shapes(r int) (a, b []int) {
	switch w := t.layer.weight.Value.Const; t.layer.Kind {
	case Conv:
		a, b = append([]int{r, t.layer.In}, w.Shape()[2:]...), []int{t.layer.Out, r}
		for range w.Shape()[2:] {
			b = append(b, 1)
		}
		return a, b
	default:
		return []int{r, t.layer.In}, []int{t.layer.Out, r}
	}
}

// Names of LoRA's parameters behind the module: in memory there is the adapter's name in them, in files there is not.
const (
	loraA, loraB           = "lora_A", "lora_B"
	embeddingA, embeddingB = "lora_embedding_A", "lora_embedding_B"
	magnitudeVector        = "lora_magnitude_vector"
	ia3Vector              = "ia3_l"
)

const prefix = "base_model.model."

// addLoRA makes the parameters of a layer; scale must be set.
func (t *target) addLoRA(a *Adapter, x, y, magnitude *tensor.Tensor) {
	na, nb, end := loraA, loraB, ".weight"
	if t.layer.Kind == Embedding {
		na, nb, end = embeddingA, embeddingB, ""
	}
	t.a = a.param(newParam(prefix+t.name+"."+na+"."+a.Name+end, x))
	t.b = a.param(newParam(prefix+t.name+"."+nb+"."+a.Name+end, y))
	if magnitude != nil {
		t.addMagnitude(a, magnitude)
	}
}

func (t *target) addMagnitude(a *Adapter, m *tensor.Tensor) {
	t.m = a.param(newParam(prefix+t.name+"."+magnitudeVector+"."+a.Name+".weight", m))
}

// applyLinear adds s·(x·Aᵀ)·Bᵀ to x·Wᵀ. DoRA, for V = W + s·B·A and its rows' norms n, which gradients take for constants, makes it m/n·(x·Vᵀ).
func (t *target) applyLinear(e *edit, dropout float64) {
	for _, s := range t.layer.sites {
		e.wrap(t.product(s), func(was *graph.Value) *graph.Value {
			x := e.dropout(s.node.In[0], dropout)
			h := e.mul(e.op("MatMul", x, e.transpose(t.a.Value)), t.scale)
			h = e.op("MatMul", h, e.transpose(t.b.Value))
			if t.m == nil {
				return e.op("Add", was, h)
			}
			y := s.node.Out[0]
			switch {
			case dropout > 0:
				y = e.again(s.node, x)
			case s.node.Has(2):
				y = e.op("Sub", y, s.node.In[2])
			}
			g := t.gain(e)
			if e.err() != nil {
				return nil
			}
			more := e.op("Mul", y, e.op("Sub", g, e.b.Scalar(g.Type.DType, 1)))
			return e.op("Add", was, e.op("Add", more, e.op("Mul", h, g)))
		})
	}
}

// product is the value that is x·Wᵀ with what other adapters added to it: before the bias, where that is a node of its own.
func (t *target) product(s *site) *graph.Value {
	if s.bias != nil && s.bias.node != s.node {
		return s.bias.node.In[1-s.bias.index]
	}
	return s.out
}

// again is x by the weight of a layer's node, without bias, which Gemm cannot do without before opset 11.
func (e *edit) again(n *graph.Node, x *graph.Value) *graph.Value {
	w := n.In[1]
	if n.Op.Name == "Gemm" && n.Bool("transB") {
		w = e.transpose(w)
	}
	return e.op("MatMul", x, w)
}

// gain is m/n.
func (t *target) gain(e *edit) *graph.Value {
	w := t.layer.weight.Value
	if t.layer.transposed {
		w = e.transpose(w)
	}
	v := e.op("Add", w, e.mul(e.op("MatMul", t.b.Value, t.a.Value), t.scale))
	if e.err() != nil {
		return nil
	}
	var n *graph.Value
	if e.m.Graph.Opsets[""] < 18 {
		n = e.op("ReduceL2", v, graph.Ints("axes", 1), graph.Int("keepdims", 0))
	} else {
		n = e.op("ReduceL2", v, e.b.Ints(1), graph.Int("keepdims", 0))
	}
	return e.op("Div", t.m.Value, e.b.Op("ai.onnxrun::StopGradient", n))
}

// applyConv adds the convolution by A, as the layer's own, then by B, which is 1 in extent.
func (t *target) applyConv(e *edit, dropout float64) {
	for _, s := range t.layer.sites {
		e.wrap(s.out, func(was *graph.Value) *graph.Value {
			args := []graph.Arg{e.dropout(s.node.In[0], dropout), t.a.Value}
			for _, at := range s.node.Attrs {
				at.Origin = nil
				args = append(args, at)
			}
			h := e.mul(e.op("Conv", args...), t.scale)
			return e.op("Add", was, e.op("Conv", h, t.b.Value))
		})
	}
}

// applyEmbedding adds s·A[:, i]·Bᵀ to row i.
func (t *target) applyEmbedding(e *edit) {
	for _, s := range t.layer.sites {
		e.wrap(s.out, func(was *graph.Value) *graph.Value {
			h := e.mul(e.op("Gather", e.transpose(t.a.Value), s.node.In[1]), t.scale)
			return e.op("Add", was, e.op("MatMul", h, e.transpose(t.b.Value)))
		})
	}
}

// applyIA3 multiplies the layer's output, with the bias, or its input.
func (t *target) applyIA3(e *edit) {
	for _, s := range t.layer.sites {
		if t.feed {
			e.wrapIn(s.node, 0, func(x *graph.Value) *graph.Value { return e.op("Mul", x, t.l.Value) })
			continue
		}
		e.wrap(s.out, func(was *graph.Value) *graph.Value { return e.op("Mul", was, e.transpose(t.l.Value)) })
	}
}

// freshIA3 starts at one.
func (a *Adapter) freshIA3(t *target) {
	shape := []int{t.layer.Out, 1}
	if t.feed {
		shape = []int{1, t.layer.In}
	}
	t.addIA3(a, filled(t.layer.weight.Value.Const.DType(), func() float64 { return 1 }, shape...))
}

func (t *target) addIA3(a *Adapter, l *tensor.Tensor) {
	t.l = a.param(newParam(prefix+t.name+"."+ia3Vector+"."+a.Name, l))
}

func newParam(name string, t *tensor.Tensor) *finetune.Param {
	return &finetune.Param{Name: name, Value: &graph.Value{Name: name, Type: graph.TypeOf(t), Const: t}, Train: true}
}
