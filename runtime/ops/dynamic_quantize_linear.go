package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// DynamicQuantizeLinear quantizes x to uint8 with the scale and zero point that spread its range, 0 included, over 0 … 255. A tensor of zeros gets
// the scale 1, as in ONNX Runtime, because the formula gives 0, by which nothing can be divided.
var dynamicQuantizeLinear = family(&graph.Op{
	Name: "DynamicQuantizeLinear", Since: 11,
	Sig:   "(x:T1) -> (y:T2, y_scale:f32, y_zero_point:T2); T1 = f32; T2 = u8",
	Infer: inferDynamicQuantizeLinear, Run: runDynamicQuantizeLinear,
})

func inferDynamicQuantizeLinear(c *graph.Infer) error {
	t := c.Type(0)
	t.DType = tensor.Uint8
	c.Set(0, t)
	c.SetTensor(1, tensor.Float32)
	c.SetTensor(2, tensor.Uint8)
	return nil
}

type rangeTask struct {
	x      []float32
	ranges []float32 // two for each worker
}

func (t *rangeTask) Do(worker, lo, hi int) {
	a, b := kernel.QuantizeRange(t.x[lo:hi])
	t.ranges[2*worker] = min(t.ranges[2*worker], a)
	t.ranges[2*worker+1] = max(t.ranges[2*worker+1], b)
}

type quantizeByteTask struct {
	y           []uint8
	x           []float32
	scale, zero float32
}

func (t *quantizeByteTask) Do(_, lo, hi int) {
	kernel.Quantize(t.y[lo:hi], t.x[lo:hi], t.scale, t.zero, 0, 255)
}

func runDynamicQuantizeLinear(c *graph.Ctx) error {
	if c.In[0].DType() != tensor.Float32 {
		return graph.Typef("dynamic quantization of %s", c.In[0])
	}
	x := tensor.Data[float32](c.In[0])
	ranges, err := graph.Scratch[float32](c, 2*c.Exec().Workers())
	if err != nil {
		return err
	}
	clear(ranges)
	graph.Parallel(c, len(x), 1<<16, rangeTask{x, ranges})
	lo, hi := kernel.QuantizeRange(ranges)
	scale, zero := kernel.DynamicScale(lo, hi)
	if c.Wants(0) {
		graph.Parallel(c, len(x), 1<<15, quantizeByteTask{tensor.Data[uint8](c.Out[0]), x, scale, float32(zero)})
	}
	if c.Wants(1) {
		tensor.Data[float32](c.Out[1])[0] = scale
	}
	if c.Wants(2) {
		tensor.Data[uint8](c.Out[2])[0] = zero
	}
	return nil
}
