package ops

import (
	"cmp"
	"slices"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// Unique is the distinct elements of the flattened input, or the distinct slices along an axis, in ascending order or in that of their first
// appearance; with the position of that appearance, for every slice of the input the position of its like in the output, and
// how often each is there. NaN equals NaN and comes last, as in numpy.
var unique = family(
	&graph.Op{
		Name: "Unique", Since: 28,
		Sig: `(X:T) -> (Y:T, indices?:i64, inverse_indices?:i64, counts?:i64)
			T = tensor
			axis int; sorted int = 1`,
		Infer: inferUnique, Run: runUnique,
	},
	movableOps("T", 11)...,
)

func inferUnique(c *graph.Infer) error {
	if err := needTensor(c, 0); err != nil {
		return err
	}
	x, ok := c.Shape(0)
	c.Set(0, graph.Unranked(c.DType(0)))
	c.SetTensor(1, tensor.Int64, graph.Unknown())
	c.SetTensor(2, tensor.Int64, graph.Unknown())
	c.SetTensor(3, tensor.Int64, graph.Unknown())
	if !c.Node.HasAttr("axis") {
		c.SetTensor(0, c.DType(0), graph.Unknown())
		if ok {
			c.SetTensor(2, tensor.Int64, dimProduct(x))
		}
		return nil
	}
	if !ok {
		return nil
	}
	axis, err := graph.Axis(c.Node.Int("axis"), len(x))
	if err != nil {
		return err
	}
	y := slices.Clone(x)
	y[axis] = graph.Unknown()
	c.SetTensor(0, c.DType(0), y...)
	c.SetTensor(2, tensor.Int64, x[axis])
	return nil
}

func runUnique(c *graph.Ctx) error {
	x := c.In[0]
	shape, axis := x.Shape(), 0
	if c.Node.HasAttr("axis") {
		var err error
		if axis, err = graph.Axis(c.Node.Int("axis"), x.Rank()); err != nil {
			return err
		}
	} else {
		shape = tensor.Shape{x.Len()}
	}
	outer, n, inner := shape[:axis].Elems(), shape[axis], shape[axis+1:].Elems()
	u, err := newUniques(c, x, outer, n, inner)
	if err != nil {
		return err
	}
	if !c.Node.Bool("sorted") {
		slices.SortFunc(u.groups, func(a, b group) int { return cmp.Compare(u.first(a), u.first(b)) })
	}
	return u.write(c, x, shape, axis)
}

// uniques are the slices of an array in ascending order, equal ones in the order of their places, and the groups of equal ones.
type uniques struct {
	rank   []kernel.Ranked
	groups []group
}

// group is the range of equal slices in rank.
type group struct{ lo, hi int }

func (u *uniques) first(g group) int { return u.rank[g.lo].Index }

func newUniques(c *graph.Ctx, x *tensor.Tensor, outer, n, inner int) (*uniques, error) {
	keys, width, err := sliceKeys(c, x, outer, n, inner)
	if err != nil {
		return nil, err
	}
	rank, err := rankScratch(c, n)
	if err != nil {
		return nil, err
	}
	for i := range rank {
		rank[i] = kernel.Ranked{Index: i}
		if width > 0 { // slices without elements are all equal
			rank[i].Key = keys[i*width]
		}
	}
	rest := func(a, b kernel.Ranked) int {
		return slices.Compare(keys[a.Index*width:(a.Index+1)*width], keys[b.Index*width:(b.Index+1)*width])
	}
	if width <= 1 {
		slices.SortFunc(rank, kernel.CompareRanked)
	} else {
		slices.SortFunc(rank, func(a, b kernel.Ranked) int {
			return cmp.Or(cmp.Compare(a.Key, b.Key), rest(a, b), cmp.Compare(a.Index, b.Index))
		})
	}
	if err := c.Exec().Charge(16 * n); err != nil { // at most so many groups
		return nil, err
	}
	u := &uniques{rank: rank}
	for lo := 0; lo < n; {
		hi := lo + 1
		for hi < n && rank[hi].Key == rank[lo].Key && (width <= 1 || rest(rank[hi], rank[lo]) == 0) {
			hi++
		}
		u.groups = append(u.groups, group{lo, hi})
		lo = hi
	}
	return u, nil
}

// sliceKeys are, for each of n slices one after the other, width integers that compare in sequence as the slices' elements do.
func sliceKeys(c *graph.Ctx, x *tensor.Tensor, outer, n, inner int) (keys []uint64, width int, err error) {
	parts := 1
	if x.DType().IsComplex() {
		parts = 2 // real and imaginary
	}
	width = outer * inner * parts
	if keys, err = graph.Scratch[uint64](c, n*width); err != nil {
		return nil, 0, err
	}
	all, err := graph.Scratch[uint64](c, n*width)
	if err != nil {
		return nil, 0, err
	}
	switch d := x.DType(); {
	case d == tensor.String:
		if err = stringKeys(c, all, x.Strings()); err != nil {
			return nil, 0, err
		}
	case d == tensor.Complex64 || d == tensor.Complex128:
		part := tensor.Float32
		if d == tensor.Complex128 {
			part = tensor.Float64
		}
		parts, err := tensor.FromBytes(part, x.Bytes(), x.Len(), 2)
		if err != nil {
			return nil, 0, err
		}
		orderKeys(all, parts, 0, 1)
	case orderable(d):
		orderKeys(all, x, 0, 1)
	default:
		return nil, 0, graph.Typef("distinct elements of %s", x)
	}
	row := inner * parts
	for o := range outer {
		for i := range n {
			copy(keys[i*width+o*row:i*width+(o+1)*row], all[(o*n+i)*row:])
		}
	}
	return keys, width, nil
}

// stringKeys numbers strings in their order by bytes, equal ones alike.
func stringKeys(c *graph.Ctx, keys []uint64, s []string) error {
	if err := c.Exec().Charge(8 * len(s)); err != nil {
		return err
	}
	at := make([]int, len(s))
	for i := range at {
		at[i] = i
	}
	slices.SortFunc(at, func(a, b int) int { return cmp.Compare(s[a], s[b]) })
	k := uint64(0)
	for i, p := range at {
		if i > 0 && s[p] != s[at[i-1]] {
			k++
		}
		keys[p] = k
	}
	return nil
}

// write allocates the outputs and fills them.
func (u *uniques) write(c *graph.Ctx, x *tensor.Tensor, shape tensor.Shape, axis int) error {
	out := shape.Clone()
	out[axis] = len(u.groups)
	y, err := c.Alloc(0, x.DType(), out...)
	if err != nil {
		return err
	}
	var ints [4][]int64
	for i := 1; i < 4; i++ {
		n := len(u.groups)
		if i == 2 {
			n = len(u.rank)
		}
		t, err := c.Alloc(i, tensor.Int64, n)
		if err != nil {
			return err
		}
		if t != nil {
			ints[i] = tensor.Data[int64](t)
		}
	}
	s := memo[kernel.Strided](c)
	outer, inner := shape[:axis].Elems(), shape[axis+1:].Elems()
	for k, g := range u.groups {
		first := u.first(g)
		if y != nil {
			s.Reset(k*inner, first*inner)
			s.Axis(outer, len(u.groups)*inner, shape[axis]*inner)
			s.Axis(inner, 1, 1)
			if err := copyStrided(y, x, s); err != nil {
				return err
			}
		}
		if ints[1] != nil {
			ints[1][k] = int64(first)
		}
		if ints[2] != nil {
			for _, r := range u.rank[g.lo:g.hi] {
				ints[2][r.Index] = int64(k)
			}
		}
		if ints[3] != nil {
			ints[3][k] = int64(g.hi - g.lo)
		}
	}
	return nil
}
