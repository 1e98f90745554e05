package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// DynamicQuantizeLSTM is LSTM with weights of 8 bits. The inputs are quantized to uint8 by the range that X has, and the state at every step
// by the range it has then over the whole batch. W is (direction, input, 4 × hidden) and R (direction, hidden, 4 × hidden); their scales and zero points
// are one number for each direction, or one for each direction and column.
// https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#commicrosoftdynamicquantizelstm
var dynamicQuantizeLSTM = family(&graph.Op{
	Domain: "com.microsoft", Name: "DynamicQuantizeLSTM", Since: 1,
	Sig: `(X:T, W:T2, R:T2, B?:T, sequence_lens?:T1, initial_h?:T, initial_c?:T, P?:T, W_scale:T, W_zero_point:T2, R_scale:T, R_zero_point:T2) -> (Y?:T, Y_h?:T, Y_c?:T)
		T = f32; T1 = i32; T2 = u8 i8
		activation_alpha floats; activation_beta floats; activations strings; clip float
		direction string = forward; hidden_size int; input_forget int = 0`,
	Infer: inferQuantLSTM, Run: runQuantLSTM,
})

const (
	quantScaleW = 8 + iota
	quantZeroW
	quantScaleR
	quantZeroR
)

var quantLSTMCell = recurrentCell{gates: lstmCell.gates, states: lstmCell.states, activations: lstmCell.activations, packed: true}

func inferQuantLSTM(c *graph.Infer) error {
	if err := quantLSTMCell.infer(c); err != nil {
		return err
	}
	_, dirs, _ := recurrentDirections(c.Node)
	for i := quantScaleW; i <= quantZeroR; i++ {
		if !c.Has(i) {
			return graph.Invalidf("input %d is missing", i)
		}
		s, ok := c.Shape(i)
		w, okW := c.Shape(recurrentW)
		if !ok || !okW {
			continue
		}
		fits := len(s) == 0 && dirs == 1
		if len(s) > 0 {
			fits = !s[0].IsInt() || s[0].Is(dirs)
			fits = fits && (len(s) == 1 || len(s) == 2 && (!s[1].IsInt() || s[1].Is(1) || !w[2].IsInt() || s[1].Equal(w[2])))
		}
		if !fits {
			return graph.Shapef("input %d is %s for weights %s", i, c.Type(i), c.Type(recurrentW))
		}
	}
	return nil
}

// quantLSTM are the weights of a run of [recurrent], and its rows and states in 8 bits.
type quantLSTM struct {
	*recurrentPlan
	w, r   quantWeights
	signed bool
	x, h   []uint8
	xScale float32
	xZero  uint8
	hScale [2]float32 // by direction
	hZero  [2]uint8
}

// quantWeights are W or R with what their numbers mean.
type quantWeights struct {
	data, zero *tensor.Tensor
	scale      []float32
}

func quantWeightsOf(c *graph.Ctx, data, scale, zero int) quantWeights {
	return quantWeights{c.In[data], c.In[zero], tensor.Data[float32](c.In[scale])}
}

func runQuantLSTM(c *graph.Ctx) error {
	r, _ := c.Memo.(*recurrent[float32])
	if r == nil {
		p, err := quantLSTMCell.plan(c)
		if err != nil {
			return err
		}
		r = &recurrent[float32]{recurrentPlan: p, mul: &quantLSTM{recurrentPlan: p}, cell: lstmUnits[float32]}
		c.Memo = r
	}
	return runRecurrent(c, r)
}

func (q *quantLSTM) begin(c *graph.Ctx) (err error) {
	q.signed = c.In[recurrentW].DType() == tensor.Int8
	for _, i := range [...]int{recurrentR, quantZeroW, quantZeroR} {
		if c.In[i].DType() != c.In[recurrentW].DType() {
			return graph.Typef("weights are %s, input %d is %s", c.In[recurrentW], i, c.In[i])
		}
	}
	q.w = quantWeightsOf(c, recurrentW, quantScaleW, quantZeroW)
	q.r = quantWeightsOf(c, recurrentR, quantScaleR, quantZeroR)
	if q.x, err = recurrentScratch[uint8](c, q.dirs, q.chunk, q.batch, q.recurrentPlan.input); err != nil {
		return err
	}
	if q.h, err = recurrentScratch[uint8](c, q.dirs, q.batch, q.hidden); err != nil {
		return err
	}
	q.xScale, q.xZero = kernel.DynamicScale(kernel.QuantizeRange(tensor.Data[float32](c.In[recurrentX])))
	return nil
}

func (q *quantLSTM) forget() { q.w, q.r, q.x, q.h = quantWeights{}, quantWeights{}, nil, nil }

func (q *quantLSTM) input(rows []float32) {
	kernel.Quantize(q.x, rows, q.xScale, float32(q.xZero), 0, 255)
}

func (q *quantLSTM) state(h []float32) {
	n := q.batch * q.hidden
	for d := range q.dirs {
		s := h[d*n : (d+1)*n]
		q.hScale[d], q.hZero[d] = kernel.DynamicScale(kernel.QuantizeRange(s))
		kernel.Quantize(q.h[d*n:], s, q.hScale[d], float32(q.hZero[d]), 0, 255)
	}
}

func (q *quantLSTM) project(d, at, m, col, n int, dst []float32) {
	k := q.recurrentPlan.input
	q.dense(&q.w, d, m, col, n, k, q.x[at*k:], q.xZero, q.xScale, dst, q.gates*q.hidden)
}

func (q *quantLSTM) recur(d, col, n int, _, dst []float32, ld int) {
	k := q.hidden
	q.dense(&q.r, d, q.batch, col, n, k, q.h[d*q.batch*k:], q.hZero[d], q.hScale[d], dst, ld)
}

// dense adds the product of m rows of a with n columns of a direction of w from col on.
func (q *quantLSTM) dense(w *quantWeights, d, m, col, n, k int, a []uint8, za uint8, sa float32, dst []float32, ld int) {
	if q.signed {
		quantDense[int8](q, w, d, m, col, n, k, a, za, sa, dst, ld)
	} else {
		quantDense[uint8](q, w, d, m, col, n, k, a, za, sa, dst, ld)
	}
}

func quantDense[W int8 | uint8](q *quantLSTM, w *quantWeights, d, m, col, n, k int, a []uint8, za uint8, sa float32, dst []float32, ld int) {
	if k == 0 {
		return
	}
	var sum [recurrentColumns]int32
	all := q.gates * q.hidden
	kernel.QuantDense(m, n, k, a, za, sa, tensor.Data[W](w.data)[d*k*all+col:], all,
		quantPart(tensor.Data[W](w.zero), q.dirs, d, col, n), quantPart(w.scale, q.dirs, d, col, n), dst, ld, sum[:])
}

// quantPart is what belongs to n columns from col on of a direction: one number, or one for each.
func quantPart[T int8 | uint8 | float32](s []T, dirs, d, col, n int) []T {
	if len(s) <= dirs {
		return s[d : d+1]
	}
	per := len(s) / dirs
	return s[d*per+col:][:n]
}
