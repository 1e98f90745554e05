package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// GatherElements takes single elements: output[i][j] = data[indices[i][j]][j] along axis 0.
var gatherElements = family(
	&graph.Op{
		Name: "GatherElements", Since: 13,
		Sig: `(data:T, indices:Tind) -> (output:T)
			T = tensor
			Tind = i32 i64
			axis int = 0`,
		Infer: inferGatherElements, Run: runGatherElements,
		Grad: by1(gatherElementsGrad),
	},
	movableOps("T", 11)...,
)

func inferGatherElements(c *graph.Infer) error {
	x, ok := c.Shape(0)
	ind, indOK := c.Shape(1)
	if err := checkIndexed(c, "indices"); err != nil {
		return err
	}
	switch {
	case indOK:
		if err := checkSize(ind); err != nil {
			return err
		}
		c.SetTensor(0, c.DType(0), ind...)
	case ok:
		c.SetTensor(0, c.DType(0), unknowns(len(x))...)
	default:
		c.Set(0, graph.Unranked(c.DType(0)))
	}
	return nil
}

// checkIndexed checks input 0 and the tensor of the same rank in input 1, which must lie inside of it but for the axis.
func checkIndexed(c *graph.Infer, what string) error {
	for i := range c.In {
		if err := needTensor(c, i); err != nil {
			return err
		}
	}
	x, ok := c.Shape(0)
	ind, indOK := c.Shape(1)
	if !ok {
		return nil
	}
	axis, err := graph.Axis(c.Node.Int("axis"), len(x))
	if err != nil || !indOK {
		return err
	}
	if len(ind) != len(x) {
		return graph.Shapef("%s of %d axes for data of %d", what, len(ind), len(x))
	}
	for k, d := range ind {
		n, ok1 := d.Int()
		m, ok2 := x[k].Int()
		if k != axis && ok1 && ok2 && n > m {
			return graph.Shapef("%s %s outside of data %s on axis %d", what, graph.ShapeString(ind), graph.ShapeString(x), k)
		}
	}
	return nil
}

// indexed is what a run of an operator with an index for every element works on; node memory.
type indexed struct {
	kernel.Indexed
	strides []int
	rows    int // of the last axis
	block   int // rows that may meet in one place and so belong together
}

// plan sees elements of shape ind as having partners in data along an axis.
func (s *indexed) plan(data, ind tensor.Shape, axis int) error {
	if len(data) == 0 || len(ind) != len(data) {
		return graph.Shapef("indices %s into data %s", ind, data)
	}
	axis, err := graph.Axis(axis, len(data))
	if err != nil {
		return err
	}
	s.strides = append(s.strides[:0], ind...)
	stride := 1
	for k := len(data) - 1; k >= 0; k-- {
		if k != axis && ind[k] > data[k] {
			return graph.Shapef("indices %s outside of data %s on axis %d", ind, data, k)
		}
		s.strides[k] = stride
		stride *= data[k]
	}
	last := len(ind) - 1
	s.Dims, s.Strides, s.Step = ind, s.strides, s.strides[axis]
	s.strides[axis] = 0
	s.rows, s.block = ind[:last].Elems(), 1
	if ind[last] == 0 {
		s.rows = 0
	}
	if axis < last && s.rows > 0 {
		s.block = ind[axis:last].Elems()
	}
	return nil
}

type gatherElementsArgs struct {
	y, x  *tensor.Tensor
	index []int64
	s     *kernel.Indexed
}

var gatherElementsBodies = widths[gatherElementsArgs]{gatherElementsBody[uint8], gatherElementsBody[uint16], gatherElementsBody[uint32],
	gatherElementsBody[uint64], gatherElementsBody[complex128], gatherElementsBody[string]}

func gatherElementsBody[T kernel.Cell](a *gatherElementsArgs, _, lo, hi int) {
	kernel.GatherElements(cells[T](a.y), cells[T](a.x), a.index, a.s, lo, hi)
}

func runGatherElements(c *graph.Ctx) error {
	x, y := c.In[0], c.Out[0]
	s := memo[indexed](c)
	if err := s.plan(x.Shape(), c.In[1].Shape(), c.Node.Int("axis")); err != nil {
		return err
	}
	axis, _ := graph.Axis(c.Node.Int("axis"), x.Rank())
	index, err := normalIndices(c, c.In[1], x.Dim(axis))
	if err != nil {
		return err
	}
	if y.DType() != x.DType() || y.Len() != len(index) {
		return graph.Shapef("elements of %s as %s", x, y)
	}
	return gatherElementsBodies.run(c, x.DType(), s.rows, 1+16384/max(1, s.Dims[x.Rank()-1]), gatherElementsArgs{y, x, index, &s.Indexed})
}
