package finetune_test

import (
	"testing"

	"github.com/onnxrun/onnxrun/graph/tensor"
)

// layout is names.json: how the initializers of an exported file relate to PyTorch's parameters.
type layout struct {
	Initializers map[string]*entry `json:"initializers"`
}

type entry struct {
	Parameter  string   `json:"parameter"`
	Parameters []string `json:"parameters"`
	Transform  string   `json:"transform"`
	Shape      []int    `json:"shape"`
}

func (e *entry) names() []string {
	if e.Parameters != nil {
		return e.Parameters
	}
	return []string{e.Parameter}
}

func loadLayout(t *testing.T, name string) *layout {
	l := &layout{}
	readJSON(t, name, l)
	return l
}

// ONNX's gate order i,o,f,c among PyTorch's i,f,g,o; z,r,h among r,z,n.
var gateOrder = map[string][]int{"lstm": {0, 3, 1, 2}, "gru": {1, 0, 2}}

// torch gives the elements of an initializer's tensor as PyTorch has them, for each parameter that it holds.
func (e *entry) torch(x *tensor.Tensor) [][]float64 {
	v := make([]float64, x.Len())
	for i := range v {
		v[i] = x.Float(i)
	}
	switch e.Transform {
	case "transpose":
		r, c := x.Dim(0), x.Dim(1)
		out := make([]float64, len(v))
		for i := range r {
			for j := range c {
				out[j*r+i] = v[i*c+j]
			}
		}
		return [][]float64{out}
	case "lstm_gates", "gru_gates":
		return [][]float64{gatesBack(v, e.Transform[:len(e.Transform)-len("_gates")])}
	case "lstm_bias", "gru_bias":
		kind := e.Transform[:len(e.Transform)-len("_bias")]
		half := len(v) / 2
		return [][]float64{gatesBack(v[:half], kind), gatesBack(v[half:], kind)}
	}
	return [][]float64{v}
}

func gatesBack(v []float64, kind string) []float64 {
	order := gateOrder[kind]
	block := len(v) / len(order)
	out := make([]float64, len(v))
	for k, from := range order { // block k of ONNX is block from of PyTorch
		copy(out[from*block:(from+1)*block], v[k*block:(k+1)*block])
	}
	return out
}
