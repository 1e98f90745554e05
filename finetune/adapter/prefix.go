package adapter

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// heads are the attentions of a model, and what tells it the positions of its tokens.
type heads struct {
	list      []*attention
	count     int   // heads
	own       int   // heads of the prefixes; several heads may share one
	size      int   // features of a head
	positions []use // integers
}

// attention is softmax(q·kᵀ + mask)·v, on [batch, heads, tokens, features].
type attention struct {
	scores  *graph.Node // the product q·kᵀ
	product *graph.Node // by v
	scale   float64     // by which k is multiplied before the product
	masks   []mask
}

// mask is what is added to scores (fill 0), or chooses between them and something else (fill is what chooses them).
type mask struct {
	at   use
	fill float64
}

// filler is a mask that several attentions may share.
type filler struct {
	v    *graph.Value
	fill float64
}

// unit is the width of the prefixes of one head.
func (h *heads) unit() int { return 2 * len(h.list) * h.size }

func (a *Adapter) freshPrefix(rng *rand.Rand) error {
	h, err := a.set.findHeads()
	if err != nil {
		return err
	}
	if a.Config.Heads > 0 {
		h.own = a.Config.Heads
	}
	if h.count%h.own != 0 {
		return fmt.Errorf("prefixes for %d heads where there are %d", h.own, h.count)
	}
	x := filled(h.list[0].product.Out[0].Type.DType, rng.NormFloat64, a.Config.VirtualTokens, h.unit()*h.own)
	a.prompt = &prompt{param: a.param(newParam(fmt.Sprintf(promptName, a.Name), x)), heads: h}
	return nil
}

// findHeads finds all attentions, and the positions that shift when tokens are before the first.
func (s *Set) findHeads() (*heads, error) {
	h := &heads{}
	for _, n := range s.Model.Graph.Nodes {
		if a := findAttention(n); a != nil {
			h.list = append(h.list, a)
		}
	}
	if h.list == nil {
		return nil, fmt.Errorf("no attention in the model: looked for Softmax(MatMul(q, k))·v of [batch, heads, tokens, features]")
	}
	for _, a := range h.list {
		d := a.product.In[1].Type.Shape
		count, ok := d[1].Int()
		size, also := d[3].Int()
		if !ok || !also || h.count != 0 && (h.count != count || h.size != size) {
			return nil, fmt.Errorf("the attentions are not of one known number of heads and features: %s at %q", a.product.In[1].Type, a.product.Label())
		}
		h.count, h.size = count, size
	}
	h.own = h.count
	if h.positions = findPositions(s.Model.Graph); h.positions == nil {
		return nil, fmt.Errorf("no positions in the model, which prefixes shift: looked for a Gather of rows of a table by positions that do not depend on the tokens, and for Sin and Cos of them; exporters fold them where the sequence length is fixed")
	}
	return h, nil
}

func findAttention(n *graph.Node) *attention {
	if n.Op.Domain != "" || n.Op.Name != "MatMul" || len(n.In[1].Type.Shape) != 4 || n.In[1].Const != nil {
		return nil
	}
	v := n.In[0]
	for v.Def != nil && v.Def.Op.Domain == "" && slices.Contains([]string{"Cast", "Identity", "Dropout"}, v.Def.Op.Name) {
		v = v.Def.In[0]
	}
	if v.Def == nil || v.Def.Op.Domain != "" || v.Def.Op.Name != "Softmax" {
		return nil
	}
	if axis := v.Def.Int("axis"); axis != -1 && axis != 3 {
		return nil
	}
	a := &attention{product: n, scale: 1}
	if !a.trace(v.Def.In[0], 0) || len(a.scores.In[1].Type.Shape) != 4 {
		return nil
	}
	for k := a.scores.In[1]; k.Def != nil && k.Def.Op.Domain == ""; k = k.Def.In[0] {
		f, ok := 1.0, true
		switch k.Def.Op.Name {
		case "Identity", "Transpose":
		case "Mul":
			f, ok = scalar(k.Def.In[1])
		case "Div":
			if f, ok = scalar(k.Def.In[1]); ok {
				f = 1 / f
			}
		default:
			ok = false
		}
		if !ok {
			break
		}
		a.scale *= f
	}
	return a
}

// scalar is a constant of one element, perhaps a Constant node's or a root of one.
func scalar(v *graph.Value) (float64, bool) {
	if v.Const != nil && v.Const.Len() == 1 {
		return v.Const.Float(0), true
	}
	if v.Def != nil && v.Def.Op.Domain == "" && v.Def.Op.Name == "Constant" {
		if t := v.Def.Tensor("value"); t != nil && t.Len() == 1 {
			return t.Float(0), true
		}
		if v.Def.HasAttr("value_float") {
			return float64(v.Def.Float("value_float")), true
		}
	}
	return 0, false
}

// trace goes back from the scores after scaling and masks to their product.
func (a *attention) trace(v *graph.Value, depth int) bool {
	n := v.Def
	if n == nil || n.Op.Domain != "" || depth > 12 {
		return false
	}
	mark := len(a.masks)
	switch n.Op.Name {
	case "MatMul":
		if n.In[0].Const != nil || n.In[1].Const != nil {
			return false
		}
		a.scores = n
		return true
	case "Cast", "Identity", "Mul", "Div", "Tanh":
		return a.trace(n.In[0], depth+1)
	case "Add":
		for i := range 2 {
			if a.trace(n.In[i], depth+1) {
				a.masks = append(a.masks, mask{use{n, 1 - i}, 0})
				return true
			}
			a.masks = a.masks[:mark]
		}
	case "Where":
		for i := range 2 {
			if a.trace(n.In[1+i], depth+1) {
				a.masks = append(a.masks, mask{use{n, 0}, float64(1 - i)})
				return true
			}
			a.masks = a.masks[:mark]
		}
	}
	return false
}

// findPositions finds where positions, which follow from the lengths of the inputs alone or are an input, pick rows of a table or become angles.
func findPositions(g *graph.Graph) []use {
	var list []use
	memo := map[*graph.Value]bool{}
	add := func(u use) {
		if !slices.Contains(list, u) {
			list = append(list, u)
		}
	}
	position := func(v *graph.Value) bool {
		if in := source(g, v); in != nil {
			return strings.Contains(strings.ToLower(in.Name), "position")
		}
		return v.Const == nil && len(v.Type.Shape) > 0 && !readsData(g, v, memo) && counts(v, 0)
	}
	for _, n := range g.Nodes {
		switch {
		case n.Op.Domain != "":
		case n.Op.Name == "Gather" && n.Int("axis") == 0 && n.In[0].Type.DType.IsFloat() && len(n.In[0].Type.Shape) == 2 && position(n.In[1]):
			add(use{n, 1})
		case n.Op.Name == "Cos" || n.Op.Name == "Sin":
			angles(n.In[0], 0, func(cast *graph.Node) {
				if position(cast.In[0]) {
					add(use{cast, 0})
				}
			})
		}
	}
	return list
}

// angles finds the casts of integers that v is computed from by linear operators.
func angles(v *graph.Value, depth int, f func(cast *graph.Node)) {
	n := v.Def
	if n == nil || n.Op.Domain != "" || depth > 16 {
		return
	}
	switch n.Op.Name {
	case "Cast":
		if d := n.In[0].Type.DType; d != 0 && !d.IsFloat() {
			f(n)
			return
		}
	case "Mul", "Div", "Concat", "MatMul", "Einsum", "Transpose", "Unsqueeze", "Squeeze", "Expand", "Reshape", "Identity", "Slice":
	default:
		return
	}
	for _, x := range n.In {
		if x != nil {
			angles(x, depth+1, f)
		}
	}
}

// counts reports whether elements of v, which follow from sizes, may differ from each other: positions do, and the types of the tokens, which exporters make
// of zeros where they are no input, do not.
func counts(v *graph.Value, depth int) bool {
	if v.Const != nil {
		for i := range v.Const.Len() {
			if v.Const.Float(i) != v.Const.Float(0) {
				return true
			}
		}
		return false
	}
	n := v.Def
	if n == nil || depth > 16 {
		return true
	}
	in := n.In
	switch n.Op.Name {
	case "Shape", "Size", "ConstantOfShape":
		return false
	case "Constant":
		return !n.HasAttr("value") || counts(&graph.Value{Const: n.Tensor("value")}, depth)
	case "Cast", "Expand", "Gather", "GatherElements", "Identity", "Reshape", "Slice", "Squeeze", "Tile", "Transpose", "Unsqueeze", "Flatten":
		in = n.In[:1] // the others say which elements, and where
	case "Add", "Sub", "Mul", "Concat", "Where":
	default:
		return true
	}
	for _, x := range in {
		if x != nil && counts(x, depth+1) {
			return true
		}
	}
	return false
}

// readsData reports whether v depends on the elements of inputs, and not on their shapes alone.
func readsData(g *graph.Graph, v *graph.Value, memo map[*graph.Value]bool) bool {
	if r, ok := memo[v]; ok {
		return r
	}
	memo[v] = false
	r := slices.Contains(g.Inputs, v)
	if n := v.Def; n != nil && n.Op.Name != "Shape" && n.Op.Name != "Size" {
		r = n.HasSubgraphs()
		for _, x := range n.In {
			r = r || x != nil && readsData(g, x, memo)
		}
	}
	memo[v] = r
	return r
}

// applyHeads puts keys and values before those of the tokens, which then stand in later positions.
func (p *prompt) applyHeads(e *edit) {
	h, n := p.heads, p.param.Value.Const.Dim(0)
	for _, u := range h.positions {
		if err := room(u, n); err != nil {
			e.b.Fail(err)
			return
		}
		e.wrapIn(u.node, u.index, func(x *graph.Value) *graph.Value { return e.op("Add", x, e.b.Scalar(x.Type.DType, float64(n))) })
	}
	padded := map[filler]*graph.Value{}
	for _, a := range h.list {
		for _, m := range a.masks {
			e.pad(m, n, padded)
		}
	}
	for i, a := range h.list {
		e.wrapIn(a.scores, 1, func(k *graph.Value) *graph.Value {
			return e.op("Concat", e.mul(p.part(e, k, 2*i, true), a.scale), k, graph.Int("axis", 3))
		})
		e.wrapIn(a.product, 1, func(v *graph.Value) *graph.Value {
			return e.op("Concat", p.part(e, v, 2*i+1, false), v, graph.Int("axis", 2))
		})
	}
}

// room looks whether a table of positions has rows for n more, where the number of tokens is fixed.
func room(u use, n int) error {
	if u.node.Op.Name != "Gather" {
		return nil
	}
	rows, known := u.node.In[0].Type.Shape[0].Int()
	index := u.node.In[1].Type.Shape
	if tokens, fixed := index[len(index)-1].Int(); known && fixed && tokens+n > rows {
		return fmt.Errorf("a table of %d positions at %q, of which %d are taken, has no room for a prefix of %d", rows, u.node.Label(), tokens, n)
	}
	return nil
}

// part is block number at of the prefixes for the batch of like: [batch, heads, tokens, features], the last two exchanged for keys.
func (p *prompt) part(e *edit, like *graph.Value, at int, keys bool) *graph.Value {
	h, n := p.heads, p.param.Value.Const.Dim(0)
	x := e.op("Reshape", p.param.Value, e.b.Ints(n, 2*len(h.list), h.own, h.size))
	x = e.slice(x, 1, at, at+1)
	last := []int{n, h.size}
	if keys {
		last = []int{h.size, n}
		x = e.op("Transpose", x, graph.Ints("perm", 1, 2, 3, 0))
	} else {
		x = e.op("Transpose", x, graph.Ints("perm", 1, 2, 0, 3))
	}
	if h.own != h.count {
		x = e.op("Reshape", x, e.b.Ints(1, h.own, 1, last[0], last[1]))
		x = e.op("Expand", x, e.b.Ints(1, h.own, h.count/h.own, last[0], last[1]))
		x = e.op("Reshape", x, e.b.Ints(1, h.count, last[0], last[1]))
	}
	return e.op("Expand", x, e.op("Concat", e.batch(like), e.b.Ints(h.count, last[0], last[1]), graph.Int("axis", 0)))
}

// pad lets a mask show the n tokens before the others. One that is the same for all tokens stays.
func (e *edit) pad(m mask, n int, done map[filler]*graph.Value) {
	v := m.at.node.In[m.at.index]
	if e.err() != nil {
		return
	}
	if d := v.Type.Shape; !v.Type.Ranked {
		e.b.Fail(fmt.Errorf("the rank of the mask %q is not known", v.Name))
		return
	} else if len(d) == 0 || d[len(d)-1].Is(1) {
		return
	}
	key := filler{v, m.fill}
	if done[key] == nil {
		done[key] = e.build(v.Def, true, func() *graph.Value {
			rank := len(v.Type.Shape)
			front := e.op("Cast", e.b.Const(ofFloats(tensor.Float32, []float64{m.fill}, 1)), graph.Int("to", int(v.Type.DType)))
			shape := e.b.Ints(n)
			if rank > 1 {
				shape = e.op("Concat", e.slice(e.op("Shape", v), 0, 0, rank-1), shape, graph.Int("axis", 0))
			}
			return e.op("Concat", e.op("Expand", front, shape), v, graph.Int("axis", rank-1))
		})
	}
	if e.err() == nil {
		e.setIn(m.at.node, m.at.index, done[key])
	}
}
