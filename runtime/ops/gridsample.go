package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// GridSample looks up X [N, C, spatial…] at the positions grid [N, out…, k], where k is the number of spatial axes and the last axis comes first;
// -1 … 1 is inside of X. Weighted modes compute in float64, and cut off what is behind the point for integers.
var gridSample = family(
	&graph.Op{
		Name: "GridSample", Since: 22,
		Sig: `(X:T1, grid:T2) -> (Y:T1)
			T1 = tensor; T2 = float
			align_corners int = 0; mode string = linear; padding_mode string = zeros`,
		Infer: inferGridSample, Run: runGridSample,
		Grad: by(gridSampleGrad),
	},
	&graph.Op{Since: 20, Sig: "T1 = int bool c128 c64 f16 f32 f64 str; T2 = f16 f32 f64"},
	&graph.Op{Since: 16, Sig: "mode string = bilinear"},
)

func inferGridSample(c *graph.Infer) error {
	c.Set(0, graph.Unranked(c.DType(0)))
	if _, err := readSampler(c.Node); err != nil {
		return err
	}
	x, ok := c.Shape(0)
	if !ok {
		return nil
	}
	if len(x) < 3 || len(x) > 5 {
		return graph.Shapef("input of %d axes, want 3 to 5", len(x))
	}
	y := append([]graph.Dim{x[0], x[1]}, unknownDims(len(x)-2)...)
	if g, ok := c.Shape(1); ok {
		if len(g) != len(x) || g[len(g)-1].IsInt() && !g[len(g)-1].Is(len(x)-2) || g[0].IsInt() && x[0].IsInt() && !g[0].Equal(x[0]) {
			return graph.Shapef("grid %s for an input %s", graph.ShapeString(g), graph.ShapeString(x))
		}
		copy(y[2:], g[1:len(g)-1])
	}
	c.SetTensor(0, c.DType(0), y...)
	return nil
}

func readSampler(n *graph.Node) (s kernel.Sampler, err error) {
	s.Corners = n.Bool("align_corners")
	switch n.Str("mode") {
	case "nearest":
		s.Taps = 1
	case "linear", "bilinear":
		s.Taps = 2
	case "cubic", "bicubic":
		s.Taps = 4
	default:
		return s, graph.Invalidf("mode is %q", n.Str("mode"))
	}
	switch n.Str("padding_mode") {
	case "zeros":
		s.Pad = kernel.PadZeros
	case "border":
		s.Pad = kernel.PadBorder
	case "reflection":
		s.Pad = kernel.PadReflect
	default:
		return s, graph.Invalidf("padding_mode is %q", n.Str("padding_mode"))
	}
	return s, nil
}

func runGridSample(c *graph.Ctx) error {
	if c.Node.Str("mode") != "nearest" {
		return gridWeighted(c)
	}
	y, err := outOf(c, 0)
	if err != nil {
		return err
	}
	x := c.In[0]
	if x.DType() == tensor.String {
		return gridSampleOf(c, x.Strings(), y.Strings(), gridNearest[string])
	}
	switch x.DType().Size() {
	case 1:
		return gridSampleOf(c, tensor.Data[uint8](x), tensor.Data[uint8](y), gridNearest[uint8])
	case 2:
		return gridSampleOf(c, tensor.Data[uint16](x), tensor.Data[uint16](y), gridNearest[uint16])
	case 4:
		return gridSampleOf(c, tensor.Data[uint32](x), tensor.Data[uint32](y), gridNearest[uint32])
	case 8:
		return gridSampleOf(c, tensor.Data[uint64](x), tensor.Data[uint64](y), gridNearest[uint64])
	case 16:
		return gridSampleOf(c, tensor.Data[complex128](x), tensor.Data[complex128](y), gridNearest[complex128])
	}
	return graph.Typef("grid sample of %s", x)
}

var gridWeighted = halves(func(c *graph.Ctx) error {
	y, err := outOf(c, 0)
	if err != nil {
		return err
	}
	x := c.In[0]
	switch x.DType() {
	case tensor.Float32:
		return gridSampleOf(c, tensor.Data[float32](x), tensor.Data[float32](y), gridFloat[float32])
	case tensor.Float64:
		return gridSampleOf(c, tensor.Data[float64](x), tensor.Data[float64](y), gridFloat[float64])
	case tensor.Complex64:
		return gridSampleOf(c, tensor.Data[complex64](x), tensor.Data[complex64](y), gridComplex[complex64])
	case tensor.Complex128:
		return gridSampleOf(c, tensor.Data[complex128](x), tensor.Data[complex128](y), gridComplex[complex128])
	case tensor.Int8:
		return gridSampleOf(c, tensor.Data[int8](x), tensor.Data[int8](y), gridInt[int8])
	case tensor.Int16:
		return gridSampleOf(c, tensor.Data[int16](x), tensor.Data[int16](y), gridInt[int16])
	case tensor.Int32:
		return gridSampleOf(c, tensor.Data[int32](x), tensor.Data[int32](y), gridInt[int32])
	case tensor.Int64:
		return gridSampleOf(c, tensor.Data[int64](x), tensor.Data[int64](y), gridInt[int64])
	case tensor.Uint8:
		return gridSampleOf(c, tensor.Data[uint8](x), tensor.Data[uint8](y), gridInt[uint8])
	case tensor.Uint16:
		return gridSampleOf(c, tensor.Data[uint16](x), tensor.Data[uint16](y), gridInt[uint16])
	case tensor.Uint32:
		return gridSampleOf(c, tensor.Data[uint32](x), tensor.Data[uint32](y), gridInt[uint32])
	case tensor.Uint64:
		return gridSampleOf(c, tensor.Data[uint64](x), tensor.Data[uint64](y), gridInt[uint64])
	}
	return graph.Typef("%s grid sample of %s", c.Node.Str("mode"), x)
})

func gridNearest[T any](x []T, index []int64, _ []float64) (v T) {
	if len(index) > 0 {
		v = x[index[0]]
	}
	return v
}

func gridFloat[T float32 | float64](x []T, index []int64, weight []float64) T {
	sum := 0.0
	for k, i := range index {
		sum += weight[k] * float64(x[i])
	}
	return T(sum)
}

func gridComplex[T complex64 | complex128](x []T, index []int64, weight []float64) T {
	var sum complex128
	for k, i := range index {
		sum += complex(weight[k], 0) * complex128(x[i])
	}
	return T(sum)
}

func gridInt[T int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64](x []T, index []int64, weight []float64) T {
	sum := 0.0
	for k, i := range index {
		sum += weight[k] * float64(x[i])
	}
	return truncate[T](sum)
}

// truncate cuts off what is behind the point, within the range of T; NaN is 0.
func truncate[T int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64](v float64) T {
	var zero T
	lowest, bits := 0.0, 0
	for t := T(1); t != 0; t <<= 1 {
		bits++
	}
	highest := float64(uint64(1)<<(bits-1)) * 2
	if zero-1 < zero {
		highest /= 2
		lowest = -highest
	}
	switch {
	case v != v:
		return 0
	case v <= lowest:
		return T(int64(lowest))
	case v >= highest:
		if zero-1 < zero {
			return T(uint64(1)<<(bits-1) - 1)
		}
		return zero - 1
	}
	if lowest < 0 {
		return T(int64(v))
	}
	return T(uint64(v))
}

type gridArgs[T any] struct {
	s                      kernel.Sampler
	x, y                   []T
	grid                   *tensor.Tensor
	channels, plane, spots int // spots are the positions of a sample
	mix                    func(x []T, index []int64, weight []float64) T
	index                  []int64 // 64 of each worker
	weight                 []float64
}

// Do takes positions [N, out…].
func (a *gridArgs[T]) Do(worker, lo, hi int) {
	var pos [3]float64
	index, weight := (*[64]int64)(a.index[worker*64:]), (*[64]float64)(a.weight[worker*64:])
	for i := lo; i < hi; i++ {
		for k := range a.s.Axes {
			pos[2-k] = a.grid.Float(i*a.s.Axes + k)
		}
		n := a.s.Sample(&pos, index, weight)
		sample := i / a.spots
		for c := range a.channels {
			p := sample*a.channels + c
			a.y[p*a.spots+i%a.spots] = a.mix(a.x[p*a.plane:][:a.plane], index[:n], weight[:n])
		}
	}
}

func gridSampleOf[T any](c *graph.Ctx, x, y []T, mix func([]T, []int64, []float64) T) error {
	s, err := readSampler(c.Node)
	if err != nil || len(y) == 0 {
		return err
	}
	shape := c.In[0].Shape()
	s.Axes = len(shape) - 2
	s.In = [3]int{1, 1, 1}
	copy(s.In[3-s.Axes:], shape[2:])
	if len(x) == 0 && s.Pad != kernel.PadZeros {
		return graph.Shapef("grid sample of %s", c.In[0])
	}
	a := gridArgs[T]{s: s, x: x, y: y, grid: c.In[1], channels: shape[1], plane: shape[2:].Elems(), mix: mix}
	if a.index, err = graph.Scratch[int64](c, 64*c.Exec().Workers()); err != nil {
		return err
	}
	if a.weight, err = graph.Scratch[float64](c, 64*c.Exec().Workers()); err != nil {
		return err
	}
	a.spots = len(y) / (shape[0] * shape[1])
	graph.Parallel(c, shape[0]*a.spots, 1+1<<12/shape[1], a)
	return nil
}
