package pass

import (
	"slices"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// Transpose moves transpositions down through operators that work on elements or along axes, until they meet: two in a row are one, or none at
// all. One that only moves axes of extent 1 is a Reshape, which costs nothing. It comes after the fusions that read transposed operands as they
// lie in memory.
func Transpose(reg *graph.Registry, g *graph.Graph) (bool, error) {
	changed := false
	for range maxTransposeRounds { // each round takes every transposition past one operator or more
		c, err := rewrite(reg, g, transposeRules)
		if changed = changed || c; !c || err != nil {
			return changed, err
		}
	}
	return changed, nil
}

const maxTransposeRounds = 32

var transposeRules = append(pushRules(),
	rule{parse("Transpose(&t=Transpose(x))"), func(b *graph.Builder, m *match) *graph.Value {
		x := m.val("x")
		inner, ok1 := permutation(m.node("t"))
		outer, ok2 := permutation(m.root)
		if !ok1 || !ok2 || len(inner) != len(outer) {
			return nil
		}
		perm := make([]int, len(inner))
		for i, p := range outer {
			perm[i] = inner[p]
		}
		return transposed(b, x, perm)
	}},
	rule{parse("Transpose(x)"), func(b *graph.Builder, m *match) *graph.Value {
		perm, ok := permutation(m.root)
		if x := m.val("x"); !ok || !keepsOrder(perm, x.Type) {
			return nil
		}
		target, ok := constantTarget(m.root)
		if !ok {
			return nil
		}
		return b.Op("Reshape", m.val("x"), b.Ints(target...))
	}},
)

// transposed is x with its axes permuted, or x itself when they stay.
func transposed(b *graph.Builder, x *graph.Value, perm []int) *graph.Value {
	attr := make([]int64, len(perm))
	same := true
	for i, p := range perm {
		attr[i] = int64(p)
		same = same && p == i
	}
	if same {
		return x
	}
	return b.Op("Transpose", x, graph.Ints("perm", attr...))
}

// permutation is that of a Transpose, when the rank is known.
func permutation(n *graph.Node) ([]int, bool) {
	rank := n.In[0].Type.Rank()
	if rank < 0 {
		return nil, false
	}
	perm := make([]int, rank)
	attr := n.Ints("perm")
	for i := range perm {
		perm[i] = rank - 1 - i
		if n.HasAttr("perm") {
			k, err := graph.Axis(int(attr[i]), rank)
			if err != nil {
				return nil, false
			}
			perm[i] = k
		}
	}
	return perm, true
}

func inverse(perm []int) []int {
	inv := make([]int, len(perm))
	for i, p := range perm {
		inv[p] = i
	}
	return inv
}

// keepsOrder reports whether a permutation leaves the axes that are longer than 1 in order, and others not.
func keepsOrder(perm []int, x graph.Type) bool {
	last, moved := -1, false
	for i, p := range perm {
		moved = moved || p != i
		if x.Shape[p].Is(1) {
			continue
		}
		if p < last {
			return false
		}
		last = p
	}
	return moved
}

// elementwise are the operators of one input that see no axes.
var elementwise = []string{
	"Relu", "LeakyRelu", "Elu", "Selu", "Sigmoid", "HardSigmoid", "HardSwish", "Swish", "Mish", "Gelu", "Tanh", "Erf", "Exp", "Log", "Sqrt",
	"Reciprocal", "Neg", "Abs", "Softplus", "Softsign", "Floor", "Ceil", "Round", "Sign",
}

// pushRules take a transposition that nobody else reads past its reader.
func pushRules() (rules []rule) {
	for _, name := range elementwise {
		rules = append(rules, rule{parse(name + "(t=Transpose(x))"), pushUnary})
	}
	rules = append(rules, rule{parse("Clip(t=Transpose(x), ...)"), pushUnary})
	for _, name := range []string{"Add", "Mul", "Sub", "Div", "Pow", "Max", "Min"} {
		rules = append(rules,
			rule{parse(name + "(t=Transpose(x), &u=Transpose(y))"), pushBoth},
			rule{parse(name + "(&t=Transpose(x), u=Transpose(y))"), pushBoth},
			rule{parse(name + "(t=Transpose(x), @c)"), pushConst},
			rule{parse(name + "(@c, t=Transpose(x))"), pushConst},
		)
	}
	for _, name := range []string{"Softmax", "LogSoftmax"} {
		rules = append(rules, rule{parse(name + "(t=Transpose(x))"), func(b *graph.Builder, m *match) *graph.Value {
			perm, ok := permutation(m.node("t"))
			axis, err := graph.Axis(m.root.Int("axis"), len(perm))
			if !ok || err != nil || m.val("t") == nil {
				return nil
			}
			return transposed(b, b.Op(m.root.Op.Name, m.val("x"), graph.Int("axis", perm[axis])), perm)
		}})
	}
	for _, name := range []string{"ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin"} {
		rules = append(rules, rule{parse(name + "(t=Transpose(x), @axes)"), pushReduce})
	}
	return rules
}

func pushUnary(b *graph.Builder, m *match) *graph.Value {
	perm, ok := permutation(m.node("t"))
	if !ok {
		return nil
	}
	in := slices.Clone(m.root.In)
	in[0] = m.val("x")
	return transposed(b, again(b, m.root, in...), perm)
}

// pushBoth needs the same permutation on both sides. Other readers of one side keep its transposition.
func pushBoth(b *graph.Builder, m *match) *graph.Value {
	p, ok1 := permutation(m.node("t"))
	q, ok2 := permutation(m.node("u"))
	if !ok1 || !ok2 || !slices.Equal(p, q) {
		return nil
	}
	in := []*graph.Value{m.val("x"), m.val("y")}
	if m.root.In[0] != m.val("t") {
		slices.Reverse(in)
	}
	return transposed(b, again(b, m.root, in...), p)
}

// pushConst permutes the axes of a constant the other way, of a number or one that is longer than 1 along one axis only.
func pushConst(b *graph.Builder, m *match) *graph.Value {
	perm, ok := permutation(m.node("t"))
	c := m.val("c")
	rank := c.Type.Rank()
	if !ok || rank > len(perm) {
		return nil
	}
	if c.Const.Len() > 1 {
		shape, long := make([]int, len(perm)), 0
		for i := range shape {
			if shape[perm[i]] = 1; i >= len(perm)-rank {
				shape[perm[i]] = c.Const.Dim(i - len(perm) + rank)
			}
			if shape[perm[i]] != 1 {
				long++
			}
		}
		if long > 1 { // its elements would change places
			return nil
		}
		t, err := c.Const.Reshape(shape...)
		if err != nil {
			return nil
		}
		c = b.Const(t)
	}
	in := []*graph.Value{m.val("x"), c}
	if m.root.In[0] != m.val("t") {
		slices.Reverse(in)
	}
	return transposed(b, again(b, m.root, in...), perm)
}

func pushReduce(b *graph.Builder, m *match) *graph.Value {
	perm, ok := permutation(m.node("t"))
	if !ok || m.val("axes").Const.DType() != tensor.Int64 || m.val("axes").Const.Len() == 0 {
		return nil
	}
	gone := make([]bool, len(perm)) // by axis of x
	var axes []int
	for _, a := range tensor.Data[int64](m.val("axes").Const) {
		k, err := graph.Axis(int(a), len(perm))
		if err != nil {
			return nil
		}
		axes = append(axes, perm[k])
		gone[perm[k]] = true
	}
	y := again(b, m.root, m.val("x"), b.Ints(axes...))
	if m.root.Bool("keepdims") {
		return transposed(b, y, perm)
	}
	var left []int // the axes that stay, by their numbers after the reduction
	for _, p := range perm {
		if !gone[p] {
			k := p
			for _, g := range gone[:p] {
				if g {
					k--
				}
			}
			left = append(left, k)
		}
	}
	return transposed(b, y, left)
}
