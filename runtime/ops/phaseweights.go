package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// PhaseWeights are the weights [M, C/group, taps…] of a convolution that computes a part of the output of a ConvTranspose with weights W [C, M/group, kH, kW]: along each axis those
// weights first, first + stride, …, in reverse order.
var phaseWeightsOp = family(&graph.Op{
	Domain: private, Name: "PhaseWeights", Since: 1,
	Sig:   "(W:T) -> (P:T); T = f32; first ints!; group int = 1; stride int = 1; taps ints!",
	Infer: inferPhaseWeights, Run: runPhaseWeights,
	Expand: func(b *graph.Builder, n *graph.Node) []*graph.Value {
		first, taps, stride, group := n.Ints("first"), n.Ints("taps"), n.Int("stride"), n.Int("group")
		w := n.In[0]
		if len(w.Type.Shape) != 4 || len(first) != 2 || len(taps) != 2 {
			b.Fail(graph.Shapef("weights %s", w.Type))
			return nil
		}
		for i := range 2 { // backward from the last
			last := int(first[i]) + (int(taps[i])-1)*stride
			rows := make([]int, taps[i])
			for k := range rows {
				rows[k] = last - k*stride
			}
			w = b.Op("Gather", w, b.Ints(rows...), graph.Int("axis", 2+i))
		}
		in, _ := w.Type.Shape[0].Int()
		out, _ := w.Type.Shape[1].Int()
		w = b.Op("Reshape", w, b.Ints(group, in/group, out, int(taps[0]), int(taps[1])))
		w = b.Op("Transpose", w, graph.Ints("perm", 0, 2, 1, 3, 4))
		return []*graph.Value{b.Op("Reshape", w, b.Ints(group*out, in/group, int(taps[0]), int(taps[1])))}
	},
})

func inferPhaseWeights(c *graph.Infer) error {
	s, _ := c.Shape(0)
	p, err := phaseShape(c.Node, s)
	if err == nil {
		c.SetTensor(0, c.DType(0), p...)
	}
	return err
}

// phaseShape is the shape [M, C/group, taps…] of the weights of a phase, for weights of shape s.
func phaseShape(n *graph.Node, s []graph.Dim) ([]graph.Dim, error) {
	first, taps, stride, group := n.Ints("first"), n.Ints("taps"), n.Int("stride"), n.Int("group")
	var w [4]int
	ok := len(s) == 4
	for i := 0; ok && i < 4; i++ {
		w[i], ok = s[i].Int()
	}
	if !ok || len(first) != 2 || len(taps) != 2 || stride < 1 || group < 1 || w[0]%group != 0 {
		return nil, graph.Shapef("taps %v from %v on, %d apart, of weights %s in %d groups", taps, first, stride, graph.ShapeString(s), group)
	}
	for i := range 2 {
		if first[i] < 0 || taps[i] < 1 || taps[i] > int64(w[2+i]) || int(first[i]) >= w[2+i] || stride > w[2+i] || int(first[i])+(int(taps[i])-1)*stride >= w[2+i] {
			return nil, graph.Shapef("taps %v from %v on, %d apart, of weights %s in %d groups", taps, first, stride, graph.ShapeString(s), group)
		}
	}
	return graph.Dims(w[1]*group, w[0]/group, int(taps[0]), int(taps[1])), nil
}

func runPhaseWeights(c *graph.Ctx) error {
	n, w := c.Node, c.In[0].Shape()
	first, taps, stride, group := n.Ints("first"), n.Ints("taps"), n.Int("stride"), n.Int("group")
	a := phaseWeights[float32]{w: tensor.Data[float32](c.In[0]), out: tensor.Data[float32](c.Out[0]), kernel: [3]int{1, w[2], w[3]},
		taps: [3]int{1, int(taps[0]), int(taps[1])}, first: [3]int{0, int(first[0]), int(first[1])}, step: [3]int{1, stride, stride}, channels: w[0] / group, rows: w[1]}
	a.run(c, group)
	return nil
}
