package ops

import (
	"math"
	"strings"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// FusedAttention is Y = softmax(Q·Kᵀ·scale + bias + mask)·V for each head, with Q, K and V where a projection left them. The attributes q, k and
// v name the axes of their inputs, outermost first: b is the batch, h the head, s the position, d the element of a head, and a digit is an axis of
// which only that index is read. An axis that is not named has extent 1. So one product x·W of extents [b, s, 3, h, d] serves as all three:
//
//	FusedAttention(xW, xW, xW) {q="bs0hd", k="bs1hd", v="bs2hd"}
//
// K and V may have fewer heads than Q; each then serves as many heads of Q in a row as their numbers say, and one batch serves all. The output has
// the four axes of the attribute out. Bias and mask broadcast to [b, h, s, keys], but may also have a batch that the batch of Q is a multiple of and
// repeats. With a softcap c, scores are c·tanh(scores/c) before the bias. With causal, the last row sees all keys, and each row before it one key less. A
// row without any key, or with all scores -Inf, is NaN, but 0 with zero_empty; with zero_nan, so is every row of which the softmax is NaN.
var fusedAttention = family(&graph.Op{
	Domain: private, Name: "FusedAttention", Since: 1,
	Sig: `(Q:T, K:T, V:T, bias?:T, mask?:T) -> (Y:T)
		T = f32
		q string = bhsd; k string = bhsd; v string = bhsd; out string = bhsd; scale float = 1; softcap float = 0
		causal int = 0; zero_empty int = 0; zero_nan int = 0`,
	Infer: inferFusedAttention, Run: runFusedAttention, Expand: expandFusedAttention,
})

// attnAxes finds the axis of each of b, h, s and d, -1 where there is none, in the letters of an operand of the given rank.
func attnAxes(letters string, rank int) (axes [4]int, err error) {
	axes = [4]int{-1, -1, -1, -1}
	if len(letters) != rank {
		return axes, graph.Shapef("axes %q for an input of rank %d", letters, rank)
	}
	for i := range letters {
		c := letters[i]
		if c >= '0' && c <= '9' {
			continue
		}
		k := strings.IndexByte("bhsd", c)
		if k < 0 || axes[k] >= 0 {
			return axes, graph.Invalidf("axes %q of attention", letters)
		}
		axes[k] = i
	}
	return axes, nil
}

// attnExtents are the extents of input i along b, h, s and d.
func attnExtents(c *graph.Infer, i int, attr string) (d [4]graph.Dim, ok bool, err error) {
	shape, ok := c.Shape(i)
	if !ok {
		return d, false, nil
	}
	letters := c.Node.Str(attr)
	axes, err := attnAxes(letters, len(shape))
	if err != nil {
		return d, false, err
	}
	for k, a := range axes {
		if d[k] = graph.Size(1); a >= 0 {
			d[k] = shape[a]
		}
	}
	for a := range letters {
		if n, known := shape[a].Int(); known && letters[a] <= '9' && int(letters[a]-'0') >= n {
			return d, false, graph.Shapef("index %c of axis %d of %s", letters[a], a, c.Type(i))
		}
	}
	return d, true, nil
}

func inferFusedAttention(c *graph.Infer) error {
	c.Set(0, graph.Unranked(tensor.Float32))
	q, okQ, err := attnExtents(c, 0, "q")
	if err != nil {
		return err
	}
	k, okK, err := attnExtents(c, 1, "k")
	if err != nil {
		return err
	}
	v, okV, err := attnExtents(c, 2, "v")
	if err != nil {
		return err
	}
	out, err := attnAxes(c.Node.Str("out"), 4)
	if err != nil || out[0] < 0 || out[1] < 0 || out[2] < 0 || out[3] != 3 {
		return graph.Invalidf("axes %q of the output of attention", c.Node.Str("out"))
	}
	if !okQ || !okK || !okV {
		return nil
	}
	for i := range 4 {
		differ := func(a, b graph.Dim) bool { return a.IsInt() && b.IsInt() && !a.Equal(b) }
		bad := i < 3 && differ(k[i], v[i]) || i == 3 && differ(q[i], k[i]) || i == 0 && differ(q[i], k[i]) && !k[i].Is(1)
		if n, ok := q[i].Int(); i == 1 && ok && k[i].IsInt() {
			m, _ := k[i].Int()
			bad = bad || m == 0 && n > 0 || m > 0 && n%m != 0
		}
		if bad {
			return graph.Shapef("attention of %s, %s and %s with axes %s, %s and %s", c.Type(0), c.Type(1), c.Type(2), c.Node.Str("q"), c.Node.Str("k"), c.Node.Str("v"))
		}
	}
	shape := make([]graph.Dim, 4)
	for i, d := range [4]graph.Dim{q[0], q[1], q[2], v[3]} {
		shape[out[i]] = d
	}
	for i := 3; i < 5; i++ {
		if err := checkAttnMask(c, i, [4]graph.Dim{q[0], q[1], q[2], k[2]}); err != nil {
			return err
		}
	}
	c.SetTensor(0, tensor.Float32, shape...)
	return nil
}

// checkAttnMask holds a mask against the extents of the scores.
func checkAttnMask(c *graph.Infer, i int, scores [4]graph.Dim) error {
	m, ok := c.Shape(i)
	if !ok {
		return nil
	}
	if len(m) > 4 {
		return graph.Shapef("mask %s of attention", c.Type(i))
	}
	for a := range m {
		n, ok1 := m[a].Int()
		want, ok2 := scores[4-len(m)+a].Int()
		if !ok1 || !ok2 || n == want || n == 1 || len(m) == 4 && a == 0 && n > 0 && want%n == 0 {
			continue
		}
		return graph.Shapef("mask %s of attention for scores %s", c.Type(i), graph.ShapeString(scores[:]))
	}
	return nil
}

// expandFusedAttention writes the formula with K and V as [b, heads of K, 1, s, d].
func expandFusedAttention(b *graph.Builder, n *graph.Node) []*graph.Value {
	dims := func(v *graph.Value, start, end int) *graph.Value {
		return b.Op("Shape", v, graph.Int("start", start), graph.Int("end", end))
	}
	join := func(parts ...graph.Arg) *graph.Value { return b.Op("Concat", append(parts, graph.Int("axis", 0))...) }
	q, k, v := attnOperand(b, n, 0, "q"), attnOperand(b, n, 1, "k"), attnOperand(b, n, 2, "v")
	if b.Err() != nil {
		return nil
	}
	group := b.Op("Div", dims(q, 1, 2), dims(k, 1, 2)) // heads that share one of K
	five := b.Op("Reshape", q, join(dims(q, 0, 1), dims(k, 1, 2), group, dims(q, 2, 4)), graph.Int("allowzero", 1))
	kT := b.Op("Unsqueeze", b.Op("Transpose", k, graph.Ints("perm", 0, 1, 3, 2)), b.Ints(2))
	s := b.Op("MatMul", five, kT)
	s = b.Op("Mul", s, b.Const(tensor.Scalar(n.Float("scale"))))
	if c := n.Float("softcap"); c > 0 {
		limit := b.Const(tensor.Scalar(c))
		s = b.Op("Mul", b.Op("Tanh", b.Op("Div", s, limit)), limit)
	}
	scores := join(dims(q, 0, 3), dims(k, 2, 3))
	s = b.Op("Reshape", s, scores, graph.Int("allowzero", 1))
	for i := 3; i < 5; i++ {
		if !n.Has(i) {
			continue
		}
		m := n.In[i]
		if r := m.Type.Rank(); r < 0 {
			b.Fail(graph.Unsupportedf("attention with a mask of unknown rank"))
			return nil
		} else if r < 4 {
			s = b.Op("Add", s, m)
			continue
		}
		cut := b.Op("Reshape", s, join(b.Ints(-1), dims(m, 0, 1), dims(q, 1, 3), dims(k, 2, 3)))
		s = b.Op("Reshape", b.Op("Add", cut, m), scores, graph.Int("allowzero", 1))
	}
	none := b.Scalar(tensor.Float32, math.Inf(-1))
	if n.Bool("causal") {
		count := func(from *graph.Value, axes ...int) *graph.Value {
			zero, one := b.Const(tensor.Scalar(int64(0))), b.Const(tensor.Scalar(int64(1)))
			return b.Op("Unsqueeze", b.Op("Range", zero, b.Op("Squeeze", from), one), b.Ints(axes...))
		}
		keys, rows := dims(k, 2, 3), dims(q, 2, 3)
		last := b.Op("Add", count(rows, 1), b.Op("Sub", keys, rows))
		s = b.Op("Where", b.Op("LessOrEqual", count(keys, 0), last), s, none)
	}
	p := b.Op("Softmax", s, graph.Int("axis", -1))
	if n.Bool("zero_empty") {
		p = b.Op("Where", b.Op("Equal", b.Op("ReduceMax", s, b.Ints(-1)), none), b.Scalar(tensor.Float32, 0), p)
	}
	if n.Bool("zero_nan") {
		p = b.Op("Where", b.Op("IsNaN", p), b.Scalar(tensor.Float32, 0), p)
	}
	p = b.Op("Reshape", p, join(dims(five, 0, 4), dims(k, 2, 3)), graph.Int("allowzero", 1))
	y := b.Op("MatMul", p, b.Op("Unsqueeze", v, b.Ints(2)))
	y = b.Op("Reshape", y, join(dims(q, 0, 3), dims(v, 3, 4)), graph.Int("allowzero", 1))
	out, perm := n.Str("out"), make([]int64, 4)
	for i := range out {
		perm[i] = int64(strings.IndexByte("bhsd", out[i]))
	}
	return []*graph.Value{b.Op("Transpose", y, graph.Ints("perm", perm...))}
}

// attnOperand brings input i to [b, h, s, d].
func attnOperand(b *graph.Builder, n *graph.Node, i int, attr string) *graph.Value {
	x, letters := n.In[i], n.Str(attr)
	if r := x.Type.Rank(); r >= 0 {
		if _, err := attnAxes(letters, r); err != nil {
			b.Fail(err)
			return nil
		}
	}
	for a := len(letters) - 1; a >= 0; a-- {
		if letters[a] <= '9' {
			x = b.Op("Gather", x, b.Const(tensor.Scalar(int64(letters[a]-'0'))), graph.Int("axis", a))
			letters = letters[:a] + letters[a+1:]
		}
	}
	var missing []int
	for k, c := range "bhsd" {
		if !strings.ContainsRune(letters, c) {
			missing = append(missing, len(letters)+len(missing))
			letters += "bhsd"[k : k+1]
		}
	}
	if missing != nil {
		x = b.Op("Unsqueeze", x, b.Ints(missing...))
	}
	perm := make([]int64, 4)
	for k, c := range "bhsd" {
		perm[k] = int64(strings.IndexRune(letters, c))
	}
	return b.Op("Transpose", x, graph.Ints("perm", perm...))
}
