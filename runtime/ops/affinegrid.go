package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// AffineGrid is the positions for GridSample to which affine maps theta ([N, 2, 3] or [N, 3, 4]) take the elements of a tensor
// of the given size [N, C, H, W] or [N, C, D, H, W]: grid is [N, H, W, 2] or [N, D, H, W, 3].
var affineGrid = family(
	&graph.Op{
		Name: "AffineGrid", Since: 20,
		Sig: `(theta:T1, size:T2) -> (grid:T1)
			T1 = float; T2 = i64
			align_corners int = 0`,
		Infer: inferAffineGrid, Run: halves(runAffineGrid),
		Grad: by1(affineGridGrad),
	},
)

func inferAffineGrid(c *graph.Infer) error {
	axes := -1
	theta, ok := c.Shape(0)
	if ok {
		if len(theta) != 3 {
			return graph.Shapef("theta %s, want [N,2,3] or [N,3,4]", graph.ShapeString(theta))
		}
		if n, ok := theta[1].Int(); ok {
			if axes = n; n != 2 && n != 3 || theta[2].IsInt() && !theta[2].Is(n+1) {
				return graph.Shapef("theta %s, want [N,2,3] or [N,3,4]", graph.ShapeString(theta))
			}
		}
	}
	size, known := c.Ints(1)
	if known {
		if len(size) != 4 && len(size) != 5 || axes >= 0 && axes != len(size)-2 {
			return graph.Shapef("size of %d elements for theta %s", len(size), c.Type(0))
		}
		for _, d := range size {
			if n, ok := d.Int(); ok && n < 0 {
				return graph.Shapef("size is %s", graph.ShapeString(size))
			}
		}
		if ok && theta[0].IsInt() && size[0].IsInt() && !theta[0].Equal(size[0]) {
			return graph.Shapef("size %s for theta %s", graph.ShapeString(size), c.Type(0))
		}
		axes = len(size) - 2
	}
	if axes < 0 {
		c.Set(0, graph.Unranked(c.DType(0)))
		return nil
	}
	grid := append(unknownDims(axes+1), graph.Size(axes))
	if ok {
		grid[0] = theta[0]
	}
	if known {
		copy(grid, size[:1])
		copy(grid[1:], size[2:])
	}
	c.SetTensor(0, c.DType(0), grid...)
	return nil
}

func runAffineGrid(c *graph.Ctx) error {
	switch c.In[0].DType() {
	case tensor.Float32:
		return affineGridOf[float32](c)
	case tensor.Float64:
		return affineGridOf[float64](c)
	}
	return graph.Typef("affine grid of %s", c.In[0])
}

type affineGridArgs[T float32 | float64] struct {
	theta, grid []T
	size        [3]int // the first is 1 with two axes
	axes        int
	corners     bool
}

// Do takes positions [N, size…].
func (a *affineGridArgs[T]) Do(_, lo, hi int) {
	for i := lo; i < hi; i++ {
		pos := [4]float64{3: 1} // the last axis first, then 1
		rest := i
		for k := range 3 {
			n := a.size[2-k]
			if k < a.axes {
				pos[k] = a.coordinate(rest%n, n)
			}
			rest /= n
		}
		pos[a.axes] = 1
		for r := range a.axes {
			row := a.theta[(rest*a.axes+r)*(a.axes+1):][:a.axes+1]
			sum := 0.0
			for k, t := range row {
				sum += float64(t) * pos[k]
			}
			a.grid[i*a.axes+r] = T(sum)
		}
	}
}

// coordinate is where element i of n lies between -1 and 1; a single one at -1 when the corners are aligned, as in the standard.
func (a *affineGridArgs[T]) coordinate(i, n int) float64 {
	if !a.corners {
		return (2*float64(i)+1)/float64(n) - 1
	}
	if n == 1 {
		return -1
	}
	return 2*float64(i)/float64(n-1) - 1
}

func affineGridOf[T float32 | float64](c *graph.Ctx) error {
	y, err := outOf(c, 0)
	if err != nil || y.Len() == 0 {
		return err
	}
	a := affineGridArgs[T]{theta: tensor.Data[T](c.In[0]), grid: tensor.Data[T](y), size: [3]int{1, 1, 1}, axes: y.Rank() - 2, corners: c.Node.Bool("align_corners")}
	copy(a.size[3-a.axes:], y.Shape()[1:])
	graph.Parallel(c, y.Len()/a.axes, 1<<12, a)
	return nil
}
