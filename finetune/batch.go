package finetune

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/pass"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/runtime/ops"
)

// batchName is the symbol of a batch axis that was freed.
const batchName = "batch"

// FixedBatch is the number of samples that g takes at once, the first extent of all of its inputs; 0 where it is free.
func FixedBatch(g *graph.Graph) int {
	for _, v := range g.Inputs {
		if len(v.Type.Shape) > 0 {
			n, _ := v.Type.Shape[0].Int()
			return n
		}
	}
	return 0
}

// FreeBatch is a copy of g that takes batches of any size, where g was exported for a batch of one size: the first axis of its inputs becomes free, and with it the shapes
// that the exporter wrote into the graph. Both graphs are then run on the same samples, and any difference is an error: not every graph can be freed, since its results may
// depend on the neighbours in a batch, or the first axis may be no batch. A graph whose batch is free is returned as it is.
func FreeBatch(g *graph.Graph) (*graph.Graph, error) {
	n := FixedBatch(g)
	if n == 0 {
		return g, nil
	}
	free, err := freeBatch(g.Clone(), n)
	if err == nil {
		err = sameRows(g, free, n)
	}
	if err != nil {
		return nil, fmt.Errorf("the model takes batches of %d, and its batch axis cannot be freed: %w", n, err)
	}
	return free, nil
}

// liberator frees the batch axis of a graph.
type liberator struct {
	*graph.Builder
	n      int                           // the batch that was
	was    map[*graph.Value][]graph.Dim  // shapes with that batch
	ref    *graph.Value                  // an input
	sizes  map[*graph.Value]*graph.Value // expanded constants
	outers map[*graph.Value][]int
	size   *graph.Value // [1], the batch
}

func freeBatch(g *graph.Graph, n int) (*graph.Graph, error) {
	reg := ops.Registry()
	if err := graph.Resolve(reg, g); err != nil {
		return nil, err
	}
	f := &liberator{Builder: graph.NewBuilder(reg, g), n: n, was: map[*graph.Value][]graph.Dim{}, sizes: map[*graph.Value]*graph.Value{}, outers: map[*graph.Value][]int{}}
	for _, node := range g.Nodes {
		f.Reinfer(node)
		for _, v := range node.Out {
			if v != nil {
				f.was[v] = v.Type.Shape
			}
		}
	}
	if f.Err() != nil {
		return nil, f.Err()
	}
	for _, v := range g.Inputs {
		if len(v.Type.Shape) == 0 || !v.Type.Shape[0].Is(n) {
			return nil, graph.Shapef("input %q is %s", v.Name, v.Type)
		}
		f.was[v] = v.Type.Shape
		v.Type.Shape = append([]graph.Dim{graph.Sym(batchName)}, v.Type.Shape[1:]...)
	}
	f.ref = g.Inputs[0]
	f.Reserve()
	f.Prefix(batchName)
	nodes := g.Nodes
	g.Nodes = nil
	for _, node := range nodes {
		f.free(node)
		f.Reinfer(node)
		f.follow(node)
		g.Nodes = append(g.Nodes, node)
	}
	if f.Err() != nil {
		return nil, f.Err()
	}
	return g, pass.Apply(reg, g, []pass.Pass{{Name: "prune", Run: pass.Prune}})
}

// free makes a node right for any batch.
func (f *liberator) free(n *graph.Node) {
	if n.Op.Domain != "" || f.Err() != nil {
		return
	}
	switch n.Op.Name {
	case "Reshape":
		if len(n.In) > 1 && n.In[0] != nil && n.In[1] != nil {
			f.reshape(n)
		}
	case "Expand":
		f.expand(n)
	case "Concat":
		axis, grows := n.Int("axis"), false
		for _, v := range n.In {
			grows = grows || carries(v, 0)
		}
		if grows && axis != 0 && axis != -len(f.was[n.Out[0]]) {
			for i, v := range n.In {
				n.In[i] = f.repeated(v, 0)
			}
		}
	case "Gather":
		f.gather(n)
	case "GatherND":
		f.gatherND(n)
	case "LSTM", "GRU", "RNN":
		if axis := 1 - n.Int("layout"); len(n.In) > 5 && carries(n.In[0], axis) {
			for i := 5; i < min(len(n.In), 7); i++ {
				if n.In[i] != nil {
					n.In[i] = f.repeated(n.In[i], axis)
				}
			}
		}
	}
}

// carries reports whether an extent of v depends on the batch.
func carries(v *graph.Value, axis int) bool {
	on := false
	if v != nil && axis < len(v.Type.Shape) {
		v.Type.Shape[axis].Symbols(func(s string) { on = on || s == batchName })
	}
	return on
}

// first is the first axis of v that depends on the batch, -1 where none does.
func first(v *graph.Value) int {
	for axis := range v.Type.Shape {
		if carries(v, axis) {
			return axis
		}
	}
	return -1
}

// known are the elements of an integer vector that do not depend on the batch, with -1 in place of one that is not known; nil where more are not.
func known(v *graph.Value) []int64 {
	t := v.Const
	if t == nil && v.Def != nil && v.Def.Op.Domain == "" && v.Def.Op.Name == "Constant" {
		t = v.Def.Tensor("value")
	}
	if t != nil && t.DType() == tensor.Int64 && t.Rank() == 1 {
		return slices.Clone(tensor.Data[int64](t))
	}
	var list []int64
	open := 0 // how many are -1
	for _, d := range v.Ints {
		n, ok := d.Int()
		if !ok {
			batch := false
			d.Symbols(func(s string) { batch = batch || s == batchName })
			if batch || !d.Known() {
				return nil
			}
			n = -1
		}
		if list = append(list, int64(n)); n == -1 {
			open++
		}
	}
	if open > 1 {
		return nil
	}
	return list
}

// reshape lets the extent that has the batch in it follow: by 0, which copies an extent, or −1, the one extent that is left open. Elements keep their order, so the
// batch is in the axis before which there are as many elements as before.
func (f *liberator) reshape(n *graph.Node) {
	shape, from := known(n.In[1]), first(n.In[0])
	out := f.was[n.Out[0]]
	if shape == nil || from < 0 || len(out) != len(shape) || n.Bool("allowzero") && slices.Contains(shape, 0) {
		return
	}
	before := graph.Size(f.outer(n.In[0], from))
	for _, d := range n.In[0].Type.Shape[:from] {
		before = before.Mul(d)
	}
	to, outer := f.place(before, f.was[n.In[0]][from+1:], out)
	if to < 0 {
		return
	}
	open := slices.Index(shape, -1)
	switch {
	case outer == 1 && to == from && n.In[0].Type.Shape[from].Equal(graph.Sym(batchName)) && out[to].Is(f.n):
		shape[to] = 0
		n.Attrs = slices.DeleteFunc(slices.Clone(n.Attrs), func(a graph.Attr) bool { return a.Name == "allowzero" })
	case open >= 0 && open != to:
		m, ok := out[open].Int()
		if !ok {
			return
		}
		shape[open] = int64(m)
		fallthrough
	default:
		shape[to] = -1
	}
	f.setOuter(n.Out[0], to, outer)
	n.In[1] = f.Const(tensor.Must(tensor.Of(shape, len(shape))))
}

// place is the axis of a shape that holds the batch, before which there are so many elements, with an inner shape after it, and how many elements of that axis are outside of
// it. Where one sample leaves it open, it is best an axis of its own; else what is inside stays together, or what is outside does.
func (f *liberator) place(before graph.Dim, inner, shape []graph.Dim) (axis, outer int) {
	after := graph.Size(1)
	for _, d := range inner {
		after = after.Mul(d)
	}
	axis = -1
	c := graph.Size(1)
	for i, d := range shape {
		k := 0
		if c.Equal(before) {
			if k = 1; d.Is(f.n) {
				return i, 1
			}
		} else if x, ok := before.Int(); ok {
			if y, ok := c.Int(); ok && y > 0 && x%y == 0 {
				k = x / y
			}
		}
		rest := graph.Size(1)
		for _, e := range shape[i+1:] {
			rest = rest.Mul(e)
		}
		m, ok := d.Int()
		fits := k == 1 && !ok || k > 0 && ok && m%(k*f.n) == 0
		if fits && (axis < 0 || k == 1 && len(shape) > len(inner)+1 || rest.Equal(after) && len(shape)-i-1 <= len(inner)) {
			axis, outer = i, k
		}
		c = c.Mul(d)
	}
	return axis, outer
}

// outer is how many elements of an axis are outside of the batch in it: 197 where 197 tokens of each sample were made one axis, the samples running faster.
func (f *liberator) outer(v *graph.Value, axis int) int {
	if o := f.outers[v]; axis < len(o) && o[axis] > 0 {
		return o[axis]
	}
	return 1
}

func (f *liberator) setOuter(v *graph.Value, axis, outer int) {
	f.outers[v] = make([]int, axis+1)
	f.outers[v][axis] = outer
}

// follow tells of the outputs of a node what is outside of the batch in their axes: as in the input that has the same extent there.
func (f *liberator) follow(n *graph.Node) {
	for _, v := range n.Out {
		if v == nil || f.outers[v] != nil {
			continue
		}
		to := first(v)
		if to < 0 || v.Type.Shape[to].Equal(graph.Sym(batchName)) {
			continue
		}
		for _, w := range n.In {
			if w == nil {
				continue
			}
			if from := first(w); from >= 0 && w.Type.Shape[from].Equal(v.Type.Shape[to]) {
				f.setOuter(v, to, f.outer(w, from))
				break
			}
		}
	}
}

// expand repeats what has no batch for each sample, and leaves the batch of what has one.
func (f *liberator) expand(n *graph.Node) {
	shape := known(n.In[1])
	if len(shape) == 0 || shape[0] != int64(f.n) {
		return
	}
	if len(n.In[0].Type.Shape) == len(shape) && carries(n.In[0], 0) {
		shape[0] = 1
		n.In[1] = f.Const(tensor.Must(tensor.Of(shape, len(shape))))
	} else if f.n > 1 {
		n.In[1] = f.op("Concat", f.batch(), f.Const(tensor.Must(tensor.Of(shape[1:], len(shape)-1))), graph.Int("axis", 0))
	}
}

// gather reads elements of samples that were made one axis: of each sample those that were read of one. torch.export picks all elements of a flattened tensor to lay
// it out anew, which is a Reshape.
func (f *liberator) gather(n *graph.Node) {
	x, at := n.In[0], n.In[1]
	if n.Int("axis") != 0 || !carries(x, 0) || x.Type.Shape[0].Equal(graph.Sym(batchName)) || f.outer(x, 0) != 1 || first(at) >= 0 || f.n != 1 {
		return
	}
	if flat := x.Def; flat != nil && flat.Op.Name == "Reshape" && len(x.Type.Shape) == 1 && inOrder(at.Const) {
		shape := make([]int64, at.Const.Rank())
		for i := range shape {
			shape[i] = int64(at.Const.Dim(i))
		}
		n.Op, n.Attrs = flat.Op, nil
		n.In = []*graph.Value{flat.In[0], f.Const(tensor.Must(tensor.Of(shape, len(shape))))}
		f.reshape(n)
		return
	}
	if at.Type.DType != tensor.Int64 || len(at.Type.Shape) == 0 || !at.Type.Shape[0].Is(1) {
		return
	}
	one := make([]int64, len(at.Type.Shape))
	for i := range one {
		one[i] = 1
	}
	one[0] = -1
	each := f.op("Div", f.op("Gather", f.op("Shape", x), f.Ints(0)), f.batch())
	sample := f.op("Range", f.Const(tensor.Scalar(int64(0))), f.op("Gather", f.op("Shape", f.ref), f.Const(tensor.Scalar(int64(0)))), f.Const(tensor.Scalar(int64(1))))
	n.In[1] = f.op("Add", at, f.op("Reshape", f.op("Mul", sample, each), f.Const(tensor.Must(tensor.Of(one, len(one))))))
}

// inOrder reports whether t counts 0, 1, 2, ….
func inOrder(t *tensor.Tensor) bool {
	if t == nil || t.DType() != tensor.Int64 {
		return false
	}
	for i, x := range tensor.Data[int64](t) {
		if x != int64(i) {
			return false
		}
	}
	return true
}

// gatherND reads from the first sample where each should be read from, as exporters do with masks: the number of the sample is no longer among the indices.
func (f *liberator) gatherND(n *graph.Node) {
	x, at := n.In[0], n.In[1]
	rank := len(at.Type.Shape)
	if f.n != 1 || n.Int("batch_dims") != 0 || rank < 2 || !carries(x, 0) || first(at) >= 0 || !at.Type.Shape[0].Is(1) {
		return
	}
	if m, ok := at.Type.Shape[rank-1].Int(); !ok || m < 2 {
		return
	}
	n.In[1] = f.repeated(f.op("Slice", at, f.Ints(1), f.Ints(math.MaxInt32), f.Ints(rank-1)), 0)
	n.Attrs = append(slices.DeleteFunc(slices.Clone(n.Attrs), func(a graph.Attr) bool { return a.Name == "batch_dims" }), graph.Int("batch_dims", 1))
}

// repeated is v for each sample, when it is one for all: its extent there is 1.
func (f *liberator) repeated(v *graph.Value, axis int) *graph.Value {
	if axis >= len(v.Type.Shape) || !v.Type.Shape[axis].Is(1) {
		return v
	}
	if w := f.sizes[v]; w != nil {
		return w
	}
	parts := []graph.Arg{graph.Int("axis", 0)}
	one := f.Ints(1)
	for i := range v.Type.Shape {
		if i == axis {
			parts = append(parts, f.batch())
		} else {
			parts = append(parts, one)
		}
	}
	w := f.op("Expand", v, f.op("Concat", parts...))
	f.sizes[v] = w
	return w
}

// batch is the number of samples, [1].
func (f *liberator) batch() *graph.Value {
	if f.size == nil {
		f.size = f.op("Gather", f.op("Shape", f.ref), f.Ints(0))
	}
	return f.size
}

// op appends a node as the opset of the graph defines it.
func (f *liberator) op(name string, args ...graph.Arg) *graph.Value {
	m := Model{Graph: f.Graph, reg: f.Registry()}
	return m.Op(f.Builder, name, args...)
}

// sameRows compares the results of g for two batches of n with those of free for both at once.
func sameRows(g, free *graph.Graph, n int) error {
	a, err := runtime.Compile(g)
	if err != nil {
		return err
	}
	defer a.Close()
	b, err := runtime.Compile(free)
	if err != nil {
		return err
	}
	defer b.Close()
	halves, both := [2]map[string]*tensor.Tensor{{}, {}}, map[string]*tensor.Tensor{}
	for k, v := range free.Inputs {
		shape := []int{2 * n}
		for _, d := range v.Type.Shape[1:] {
			m, ok := d.Int()
			if !ok { // a length or a size that is free as well
				m = 8
				if len(v.Type.Shape) == 4 {
					m = 64
				}
			}
			shape = append(shape, m)
		}
		t, err := tensor.New(v.Type.DType, shape...)
		if err != nil {
			return err
		}
		if v.Type.DType.Size() == 0 {
			return graph.Typef("input %q is %s", v.Name, v.Type)
		}
		samples(t, uint64(k))
		both[v.Name] = t
		shape[0] = n
		size := len(t.Bytes()) / 2
		for h := range halves {
			if halves[h][v.Name], err = tensor.FromBytes(t.DType(), t.Bytes()[h*size:(h+1)*size:(h+1)*size], shape...); err != nil {
				return err
			}
		}
	}
	ctx := context.Background()
	got, err := b.Run(ctx, both)
	if err != nil {
		return err
	}
	for h, feeds := range halves {
		want, err := a.Run(ctx, feeds)
		if err != nil {
			return err
		}
		for _, v := range free.Outputs {
			axis := first(v)
			if axis < 0 {
				return graph.Shapef("output %q, %s, has no batch axis", v.Name, v.Type)
			}
			if err := sameHalf(got[v.Name], want[v.Name], axis, h); err != nil {
				return fmt.Errorf("output %q: %w", v.Name, err)
			}
		}
	}
	return nil
}

// samples fills t with numbers that any input can have: around 0, or 0 and 1.
func samples(t *tensor.Tensor, seed uint64) {
	for i := range t.Len() {
		x := float64(mix(seed, uint64(i))>>11) / (1 << 53)
		switch t.DType() {
		case tensor.Float32:
			tensor.Data[float32](t)[i] = float32(2*x - 1)
		case tensor.Float64:
			tensor.Data[float64](t)[i] = 2*x - 1
		case tensor.Int64:
			tensor.Data[int64](t)[i] = int64(math.Round(x))
		case tensor.Int32:
			tensor.Data[int32](t)[i] = int32(math.Round(x))
		default:
			if w := t.DType().Size(); t.DType() == tensor.Bool || t.DType() == tensor.Uint8 {
				t.Bytes()[i*w] = byte(math.Round(x))
			}
		}
	}
}

// sameHalf compares half h of got along an axis with want.
func sameHalf(got, want *tensor.Tensor, axis, h int) error {
	whole, half := got.Shape(), want.Shape()
	if len(whole) != len(half) || whole[axis] != 2*half[axis] {
		return graph.Shapef("%s for two batches, and %s for one", got, want)
	}
	outer, inner := 1, 1
	for i, d := range half {
		if i != axis && whole[i] != d {
			return graph.Shapef("%s for two batches, and %s for one", got, want)
		}
		if i < axis {
			outer *= d
		} else {
			inner *= d
		}
	}
	largest, worst := 0.0, 0.0
	for o := range outer {
		for i := range inner {
			x, y := want.Float(o*inner+i), got.Float((2*o+h)*inner+i)
			if d := math.Abs(x - y); d > worst || math.IsNaN(d) && !(math.IsNaN(x) && math.IsNaN(y)) && x != y {
				worst = max(d, worst) // NaN stays
			}
			if a := math.Abs(x); !math.IsNaN(a) {
				largest = max(largest, a)
			}
		}
	}
	if !(worst <= 1e-4*largest+1e-6) {
		return fmt.Errorf("the results for a sample differ by %.3g of %.3g with other samples beside it", worst, largest)
	}
	return nil
}
