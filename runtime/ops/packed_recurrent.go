package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// packRecurrent lays W or R of a recurrent operator, (directions, gates × hidden, K), out for PackedLSTM and its like: as the matrix K × columns
// of all directions, with the gates in blocks of units (kernel.PackGates).
var packRecurrent = family(&graph.Op{
	Domain: private, Name: "PackRecurrent", Since: 1, HugePages: func(*graph.Node) bool { return true },
	Sig: `(M:T) -> (P:T)
		T = f32
		gates int`,
	Infer: func(c *graph.Infer) error {
		dirs, hidden, k, err := gateExtents(c, 3)
		if err == nil {
			c.SetTensor(0, tensor.Float32, graph.Size(kernel.PackedLen(k, dirs*kernel.GateColumns(c.Node.Int("gates"), hidden))))
		}
		return err
	},
	Run: func(c *graph.Ctx) error {
		m := c.In[0]
		a := packGateArgs{m: tensor.Data[float32](m), to: tensor.Data[float32](c.Out[0]), dirs: m.Dim(0), gates: c.Node.Int("gates"), k: m.Dim(2)}
		a.hidden = m.Dim(1) / a.gates
		panels, width := kernel.Panels(a.dirs * kernel.GateColumns(a.gates, a.hidden))
		graph.For(c, panels, max(1, 1<<16/max(1, a.k*width)), a, func(a *packGateArgs, _, lo, hi int) {
			kernel.PackGates(a.to, a.m, a.dirs, a.gates, a.hidden, a.k, lo, hi)
		})
		return nil
	},
})

type packGateArgs struct {
	m, to                  []float32
	dirs, gates, hidden, k int
}

// gateExtents are the extents of a tensor (directions, gates × hidden, …), which must be known; k is the last of three.
func gateExtents(c *graph.Infer, rank int) (dirs, hidden, k int, err error) {
	s, ok := c.Shape(0)
	gates := c.Node.Int("gates")
	ok = ok && len(s) == rank && gates >= 1 && gates <= lstmCell.gates
	var n [3]int
	for i := 0; ok && i < rank; i++ {
		n[i], ok = s[i].Int()
	}
	if !ok || n[1]%gates != 0 || n[0] < 0 || n[0] > 2 {
		return 0, 0, 0, graph.Shapef("%s are not known weights of %d gates", c.Type(0), gates)
	}
	return n[0], n[1] / gates, n[2], nil
}

// packRecurrentBias adds the biases of W and R, B (directions, 2 × gates × hidden), in the order of the columns of packed weights. With linear, that of R for
// the last gate stays apart, for GRU has it inside the reset: Rb (directions × units), filled up to whole blocks.
var packRecurrentBias = family(&graph.Op{
	Domain: private, Name: "PackRecurrentBias", Since: 1,
	Sig: `(B:T) -> (P:T, Rb?:T)
		T = f32
		gates int; linear int = 0`,
	Infer: func(c *graph.Infer) error {
		dirs, twice, _, err := gateExtents(c, 2)
		if err != nil || twice%2 != 0 {
			return graph.Shapef("%s is no bias of %d gates", c.Type(0), c.Node.Int("gates"))
		}
		c.SetTensor(0, tensor.Float32, graph.Size(dirs*kernel.GateColumns(c.Node.Int("gates"), twice/2)))
		c.SetTensor(1, tensor.Float32, graph.Size(dirs*kernel.GateColumns(1, twice/2)))
		return nil
	},
	Run: func(c *graph.Ctx) error {
		dirs, gates := c.In[0].Dim(0), c.Node.Int("gates")
		hidden := c.In[0].Dim(1) / gates / 2
		b, sum := tensor.Data[float32](c.In[0]), tensor.Data[float32](c.Out[0])
		clear(sum)
		var rb []float32
		if c.Wants(1) {
			rb = tensor.Data[float32](c.Out[1])
			clear(rb)
		}
		units := kernel.GateColumns(1, hidden)
		for d := range dirs {
			for g := range gates {
				for u := range hidden {
					at := (2*d*gates+g)*hidden + u
					w, r := b[at], b[at+gates*hidden]
					if c.Node.Bool("linear") && g == gates-1 {
						if rb != nil {
							rb[d*units+u] = r
						}
						r = 0
					}
					sum[d*gates*units+(u/kernel.GateBlock*gates+g)*kernel.GateBlock+u%kernel.GateBlock] = w + r
				}
			}
		}
		return nil
	},
})

// packedCell tells what a packed operator stands for.
type packedCell struct {
	recurrentCell
	standard string // operator
}

const packedRecurrentAttrs = `activation_alpha floats; activation_beta floats; activations strings; clip float; direction string = forward
	hidden_size int; input_size int; layout int = 0`

// packedLSTM is LSTM with weights from PackRecurrent and a bias from PackRecurrentBias.
var packedLSTM = packedRecurrentOp("PackedLSTM", packedCell{lstmCell, "LSTM"},
	`(X:T, W:T, R:T, B?:T, sequence_lens?:T1, initial_h?:T, initial_c?:T, P?:T) -> (Y?:T, Y_h?:T, Y_c?:T)
	T = f32; T1 = i32
	`+packedRecurrentAttrs+"; input_forget int = 0")

// packedGRU is GRU with packed weights; with linear_before_reset, Rb is the bias inside the reset.
var packedGRU = packedRecurrentOp("PackedGRU", packedCell{gruCell, "GRU"},
	`(X:T, W:T, R:T, B?:T, sequence_lens?:T1, initial_h?:T, Rb?:T) -> (Y?:T, Y_h?:T)
	T = f32; T1 = i32
	`+packedRecurrentAttrs+"; linear_before_reset int = 0")

// packedRNN is RNN with packed weights.
var packedRNN = packedRecurrentOp("PackedRNN", packedCell{rnnCell, "RNN"},
	`(X:T, W:T, R:T, B?:T, sequence_lens?:T1, initial_h?:T) -> (Y?:T, Y_h?:T)
	T = f32; T1 = i32
	`+packedRecurrentAttrs)

// packedGRUBias is the input Rb of PackedGRU.
const packedGRUBias = 6

func packedRecurrentOp(name string, k packedCell, sig string) []*graph.Op {
	return family(&graph.Op{Domain: private, Name: name, Since: 1, Sig: sig, Infer: k.infer, Run: k.run, Expand: k.expand})
}

// maxGateSize bounds the sizes that attributes name, so that their products fit an int.
const maxGateSize = 1 << 24

func (k packedCell) infer(c *graph.Infer) error {
	_, dirs, err := recurrentDirections(c.Node)
	if err != nil {
		return err
	}
	h, in := c.Node.Int("hidden_size"), c.Node.Int("input_size")
	if h < 0 || in < 0 || h > maxGateSize || in > maxGateSize {
		return graph.Invalidf("hidden_size %d, input_size %d", h, in)
	}
	fit := shapeFit{c: c}
	x := fit.rank(recurrentX, "X", 3)
	if fit.err == nil && x[2].IsInt() && !x[2].Is(in) {
		return graph.Shapef("X is %s for an input_size of %d", c.Type(recurrentX), in)
	}
	steps, batch := x[0], x[1]
	batchFirst := c.Node.Int("layout") != 0
	if batchFirst {
		steps, batch = batch, steps
	}
	cols, units := dirs*kernel.GateColumns(k.gates, h), dirs*kernel.GateColumns(1, h)
	fit.shape(recurrentW, "W", graph.Size(kernel.PackedLen(in, cols)))
	fit.shape(recurrentR, "R", graph.Size(kernel.PackedLen(h, cols)))
	fit.shape(recurrentB, "B", graph.Size(cols))
	fit.shape(recurrentLens, "sequence_lens", batch)
	d, hidden := graph.Size(dirs), graph.Size(h)
	state, y := []graph.Dim{d, batch, hidden}, []graph.Dim{steps, d, batch, hidden}
	if batchFirst {
		state, y = []graph.Dim{batch, d, hidden}, []graph.Dim{batch, steps, d, hidden}
	}
	fit.shape(recurrentH, "initial_h", state...)
	switch k.gates {
	case lstmCell.gates:
		fit.shape(recurrentC, "initial_c", state...)
		fit.shape(recurrentP, "P", d, graph.Size(3*h))
	case gruCell.gates:
		fit.shape(packedGRUBias, "Rb", graph.Size(units))
	}
	c.SetTensor(0, tensor.Float32, y...)
	for i := range k.states {
		c.SetTensor(1+i, tensor.Float32, state...)
	}
	return fit.err
}

// expand is the operator of the standard with the weights unpacked. The bias of R is 0, but for what GRU has inside the reset.
func (k packedCell) expand(b *graph.Builder, n *graph.Node) []*graph.Value {
	_, dirs, err := recurrentDirections(n)
	if err != nil {
		b.Fail(err)
		return make([]*graph.Value, len(n.Out))
	}
	h, in := n.Int("hidden_size"), n.Int("input_size")
	units := kernel.GateColumns(1, h)
	// order brings columns that lie (directions, blocks, gates, units of a block, …) into the order of the standard.
	order := func(v *graph.Value, gates int, more ...int) *graph.Value {
		v = b.Op("Reshape", v, b.Ints(append([]int{dirs, units / kernel.GateBlock, gates, kernel.GateBlock}, more...)...))
		perm := []int64{0, 2, 1, 3, 4}[:4+len(more)]
		v = b.Op("Reshape", b.Op("Transpose", v, graph.Ints("perm", perm...)), b.Ints(append([]int{dirs, gates, units}, more...)...))
		v = b.Op("Slice", v, b.Ints(0), b.Ints(h), b.Ints(2))
		return b.Op("Reshape", v, b.Ints(append([]int{dirs, gates * h}, more...)...), graph.Int("allowzero", 1))
	}
	matrix := func(v *graph.Value, rows int) *graph.Value {
		v = b.Op(private+"::UnpackMatMul", v, graph.Int("k", rows), graph.Int("n", dirs*k.gates*units))
		if rows == 0 || units == 0 {
			return b.Op("ConstantOfShape", b.Ints(dirs, k.gates*h, rows))
		}
		return order(b.Op("Transpose", v, graph.Ints("perm", 1, 0)), k.gates, rows)
	}
	args := []graph.Arg{n.In[recurrentX], matrix(n.In[recurrentW], in), matrix(n.In[recurrentR], h)}
	linear := k.gates == gruCell.gates && n.Has(packedGRUBias)
	bias := (*graph.Value)(nil)
	if n.Has(recurrentB) && units > 0 {
		bias = order(n.In[recurrentB], k.gates)
	} else if linear {
		bias = b.Op("ConstantOfShape", b.Ints(dirs, k.gates*h))
	}
	if bias != nil {
		second := b.Op("ConstantOfShape", b.Ints(dirs, k.gates*h))
		if linear && units > 0 {
			second = b.Op("Concat", b.Op("ConstantOfShape", b.Ints(dirs, 2*h)), order(n.In[packedGRUBias], 1), graph.Int("axis", 1))
		}
		bias = b.Op("Concat", bias, second, graph.Int("axis", 1))
	}
	args = append(args, bias)
	for i := recurrentLens; i < len(n.In) && !(i == packedGRUBias && k.gates == gruCell.gates); i++ {
		args = append(args, n.In[i])
	}
	for _, a := range n.Attrs {
		if a.Name != "input_size" {
			args = append(args, a)
		}
	}
	return b.OpN(len(n.Out), k.standard, args...)
}
