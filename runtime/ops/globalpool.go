package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// GlobalAveragePool is the mean of each plane of [N, C, spatial…].
var globalAveragePool = grad1(globalPool("GlobalAveragePool", meanOf[float32], meanOf[float64]), globalAveragePoolGrad)

// GlobalMaxPool is the largest element of each plane of [N, C, spatial…]; NaN if there is one, minus infinity when the plane is empty.
var globalMaxPool = grad1(globalPool("GlobalMaxPool", largestOf[float32], largestOf[float64]), maxPoolGrad)

func meanOf[T float32 | float64](x []T) T { return T(kernel.Sum(x) / float64(len(x))) }

func largestOf[T float32 | float64](x []T) T {
	best := T(math.Inf(-1))
	for _, v := range x {
		if v > best || v != v {
			best = v
		}
		if best != best {
			break
		}
	}
	return best
}

func globalPool(name string, single func([]float32) float32, double func([]float64) float64) []*graph.Op {
	return family(
		&graph.Op{
			Name: name, Since: 22,
			Sig: `(X:T) -> (Y:T)
				T = float`,
			Infer: inferGlobalPool,
			Run: halves(func(c *graph.Ctx) error {
				switch c.In[0].DType() {
				case tensor.Float32:
					return runGlobalPool(c, single)
				case tensor.Float64:
					return runGlobalPool(c, double)
				}
				return graph.Typef("global pool of %s", c.In[0])
			}),
		},
		&graph.Op{Since: 1, Sig: "T = f16 f32 f64"},
	)
}

// inferGlobalPool makes every spatial extent 1.
func inferGlobalPool(c *graph.Infer) error {
	x, ok := c.Shape(0)
	if !ok {
		c.Set(0, graph.Unranked(c.DType(0)))
		return nil
	}
	if len(x) < 2 {
		return graph.Shapef("input of %d axes, want N, C and spatial ones", len(x))
	}
	y := make([]graph.Dim, len(x))
	copy(y, x[:2])
	for i := 2; i < len(y); i++ {
		y[i] = graph.Size(1)
	}
	c.SetTensor(0, c.DType(0), y...)
	return nil
}

type globalPoolArgs[T float32 | float64] struct {
	x, y []T
	n    int
	f    func([]T) T
}

func (a *globalPoolArgs[T]) Do(_, lo, hi int) {
	for i := lo; i < hi; i++ {
		a.y[i] = a.f(a.x[i*a.n:][:a.n])
	}
}

func runGlobalPool[T float32 | float64](c *graph.Ctx, f func([]T) T) error {
	x := tensor.Data[T](c.In[0])
	y, err := outOf(c, 0)
	if err != nil || y.Len() == 0 {
		return err
	}
	n := len(x) / y.Len()
	graph.Parallel(c, y.Len(), 1+1<<16/max(1, n), globalPoolArgs[T]{x, tensor.Data[T](y), n, f})
	return nil
}
