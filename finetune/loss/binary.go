package loss

import (
	"encoding/json"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// BCE is the binary cross-entropy −y·ln p − (1 − y)·ln(1 − p) of probabilities p. The logarithms are at least −100. A second target, if there is one, weighs
// the elements.
type BCE struct {
	Reduction Reduction `json:"reduction"`
}

func NewBCE() *BCE { return &BCE{} }

func (l *BCE) Targets(out []graph.Type) []Target { return like(out) }

// Of has the gradient (p − y)/max(p·(1 − p), 1e-12), as PyTorch has it, which the clamped logarithms would not give: it is the slope of a line through the value.
func (l *BCE) Of(b *graph.Builder, out, target []*graph.Value) *graph.Value {
	c, ok := begin(b, "binary cross-entropy", out, target, 1, 1)
	if !ok {
		return nil
	}
	p, y := out[0], c.cast(target[0])
	c.alike(p, y)
	q := c.sub(c.num(1), p)
	log := func(v *graph.Value) *graph.Value { return c.Op("Max", c.Op("Log", v), c.num(-100)) }
	value := c.neg(c.add(c.mul(y, log(p)), c.mul(c.sub(c.num(1), y), log(q))))
	slope := c.div(c.sub(p, y), c.Op("Max", c.mul(p, q), c.num(1e-12)))
	loss := c.add(c.stop(value), c.mul(c.stop(slope), c.sub(p, c.stop(p))))
	return c.reduce(c.weighElements(loss, target), l.Reduction)
}

// weighElements multiplies losses by the second target, if there is one.
func (c calc) weighElements(loss *graph.Value, target []*graph.Value) *graph.Value {
	if len(target) < 2 {
		return loss
	}
	return c.mul(loss, c.cast(target[1]))
}

// BCEWithLogits is the binary cross-entropy of the probabilities sigmoid(x). A second target, if there is one, weighs the elements.
type BCEWithLogits struct {
	PosWeight *Array    `json:"pos_weight"` // of targets of 1; it is broadcast against the logits
	Reduction Reduction `json:"reduction"`
}

func NewBCEWithLogits() *BCEWithLogits { return &BCEWithLogits{} }

func (l *BCEWithLogits) Targets(out []graph.Type) []Target { return like(out) }

func (l *BCEWithLogits) Of(b *graph.Builder, out, target []*graph.Value) *graph.Value {
	c, ok := begin(b, "binary cross-entropy", out, target, 1, 1)
	if !ok {
		return nil
	}
	x, y := out[0], c.cast(target[0])
	c.alike(x, y)
	var pos *graph.Value
	if l.PosWeight != nil {
		pos = l.PosWeight.value(c)
	}
	return c.reduce(c.weighElements(c.bceLogits(x, y, pos), target), l.Reduction)
}

// bceLogits is (1 − y)·x + (1 + (w − 1)·y)·softplus(−x), w the weight of targets of 1, nil for 1.
func (c calc) bceLogits(x, y, w *graph.Value) *graph.Value {
	soft := c.Op("Softplus", c.neg(x))
	if w != nil {
		soft = c.mul(soft, c.add(c.num(1), c.mul(c.sub(w, c.num(1)), y)))
	}
	return c.add(c.mul(c.sub(c.num(1), y), x), soft)
}

// Focal is the binary cross-entropy of logits times (1 − p)^gamma, p the probability of the target (Lin et al. 2017, "Focal loss for dense object detection").
// Targets of 1 weigh alpha, targets of 0 weigh 1 − alpha; a negative alpha weighs nothing.
type Focal struct {
	Alpha     float64   `json:"alpha"`
	Gamma     float64   `json:"gamma"`
	Reduction Reduction `json:"reduction"`
}

// NewFocal has the paper's alpha 0.25 and gamma 2.
func NewFocal() *Focal { return &Focal{Alpha: 0.25, Gamma: 2} }

func (l *Focal) Targets(out []graph.Type) []Target { return like(out) }

func (l *Focal) Of(b *graph.Builder, out, target []*graph.Value) *graph.Value {
	c, ok := begin(b, "focal loss", out, target, 1, 1)
	if !ok {
		return nil
	}
	if l.Gamma < 0 {
		b.Fail(graph.Invalidf("gamma is %v, want at least 0", l.Gamma))
		return nil
	}
	x, y := out[0], c.cast(target[0])
	c.alike(x, y)
	loss := c.bceLogits(x, y, nil)
	// 1 − p = s + y·(1 − 2s) with s = sigmoid(x)
	s := c.Op("Sigmoid", x)
	missing := c.add(s, c.mul(y, c.sub(c.num(1), c.scale(s, 2))))
	switch l.Gamma {
	case 0:
	case 1:
		loss = c.mul(loss, missing)
	case 2:
		loss = c.mul(loss, c.square(missing))
	default: // the derivative of a root is infinite at 0
		loss = c.mul(loss, c.Op("Pow", c.Op("Clip", missing, c.num(1e-7)), c.num(l.Gamma)))
	}
	if l.Alpha >= 0 {
		loss = c.mul(loss, c.add(c.num(1-l.Alpha), c.scale(y, 2*l.Alpha-1)))
	}
	return c.reduce(loss, l.Reduction)
}

// Dice is 1 − (2·Σ p·y + smooth)/(Σ p + Σ y + smooth), p = sigmoid(x), with sums over all axes but the first (Milletari et al. 2016, "V-Net").
type Dice struct {
	Smooth    float64   `json:"smooth"`
	Reduction Reduction `json:"reduction"`
}

// NewDice has smooth 1.
func NewDice() *Dice { return &Dice{Smooth: 1} }

func (l *Dice) Targets(out []graph.Type) []Target { return like(out) }

func (l *Dice) Of(b *graph.Builder, out, target []*graph.Value) *graph.Value {
	c, ok := begin(b, "dice loss", out, target, 1, 1)
	if !ok {
		return nil
	}
	x, y := out[0], c.cast(target[0])
	c.alike(x, y)
	var axes []int
	for i := 1; i < c.rank(x); i++ {
		axes = append(axes, i)
	}
	p := c.Op("Sigmoid", x)
	both := c.add(c.scale(c.sum(c.mul(p, y), axes...), 2), c.num(l.Smooth))
	either := c.add(c.add(c.sum(p, axes...), c.sum(y, axes...)), c.num(l.Smooth))
	return c.reduce(c.sub(c.num(1), c.div(both, either)), l.Reduction)
}

// Array is numbers with a shape. In JSON it is a number or nested lists of the same length.
type Array struct {
	Shape []int
	Data  []float64
}

// Vector is an array of rank 1.
func Vector(v ...float64) *Array { return &Array{[]int{len(v)}, v} }

func (a *Array) value(c calc) *graph.Value {
	t, err := tensor.FromFloats(c.dtype, a.Data, a.Shape...)
	if err != nil {
		c.Fail(err)
		return nil
	}
	return c.Const(t)
}

// UnmarshalJSON refuses ragged lists.
func (a *Array) UnmarshalJSON(data []byte) error {
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		return err
	}
	a.Shape, a.Data = []int{}, nil
	for e := v; ; {
		list, ok := e.([]any)
		if !ok {
			break
		}
		a.Shape = append(a.Shape, len(list))
		if len(list) == 0 {
			break
		}
		e = list[0]
	}
	return a.fill(v, 0)
}

func (a *Array) fill(v any, axis int) error {
	switch v := v.(type) {
	case float64:
		if axis == len(a.Shape) {
			a.Data = append(a.Data, v)
			return nil
		}
	case []any:
		if axis < len(a.Shape) && len(v) == a.Shape[axis] {
			for _, e := range v {
				if err := a.fill(e, axis+1); err != nil {
					return err
				}
			}
			return nil
		}
	}
	return graph.Shapef("%v among lists of shape %v", v, a.Shape)
}
