package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// The windows of the standard: a0 − a1·cos(2πi/n) + a2·cos(4πi/n) for i below size, with n = size when periodic, else size − 1.
// A symmetric window of one element is 1.
var (
	hannWindow     = windowFamily("HannWindow", 0.5, 0.5, 0)
	hammingWindow  = windowFamily("HammingWindow", 25.0/46, 21.0/46, 0)
	blackmanWindow = windowFamily("BlackmanWindow", 0.42, 0.5, 0.08)
)

func windowFamily(name string, a0, a1, a2 float64) []*graph.Op {
	return family(&graph.Op{
		Name: name, Since: 17,
		Sig: `(size:T1) -> (output:T2)
			T1 = i32 i64; T2 = num
			output_datatype int = 1; periodic int = 1`,
		Infer: inferWindow, Run: func(c *graph.Ctx) error { return runWindow(c, a0, a1, a2) },
	})
}

// outputNumber is the attribute output_datatype, which must be a number type.
func outputNumber(n *graph.Node) (tensor.DType, error) {
	v := n.Int("output_datatype")
	d := tensor.DType(v)
	if v < 0 || v > math.MaxUint8 || !(d.IsInt() && d.Bits() >= 8 || d.IsFloat() && d.Bits() >= 16) {
		return d, graph.Typef("output_datatype %d", v)
	}
	return d, nil
}

func inferWindow(c *graph.Infer) error {
	d, err := outputNumber(c.Node)
	if err != nil {
		return err
	}
	size, err := scalarInt(c, 0, "size", 0)
	if err != nil {
		return err
	}
	c.SetTensor(0, d, size)
	return nil
}

func runWindow(c *graph.Ctx, a0, a1, a2 float64) error {
	y := c.Out[0]
	size := y.Len()
	n := float64(size)
	if !c.Node.Bool("periodic") {
		n--
	}
	for i := range size {
		v := 1.0
		if n > 0 {
			turn := 2 * math.Pi * float64(i) / n
			v = a0 - a1*math.Cos(turn) + a2*math.Cos(2*turn)
		}
		storeNumber(y, i, v)
	}
	return nil
}

// storeNumber sets an element of a number tensor; integers are cut toward zero.
func storeNumber(y *tensor.Tensor, i int, v float64) {
	switch y.DType() {
	case tensor.Float32:
		tensor.Data[float32](y)[i] = float32(v)
	case tensor.Float64:
		tensor.Data[float64](y)[i] = v
	case tensor.Float16, tensor.BFloat16:
		one := [1]float32{float32(v)}
		kernel.Narrow(tensor.Data[uint16](y)[i:i+1], one[:], y.DType() == tensor.BFloat16)
	case tensor.Int8, tensor.Uint8:
		tensor.Data[uint8](y)[i] = uint8(kernel.FloatToInt(v))
	case tensor.Int16, tensor.Uint16:
		tensor.Data[uint16](y)[i] = uint16(kernel.FloatToInt(v))
	case tensor.Int32, tensor.Uint32:
		tensor.Data[uint32](y)[i] = uint32(kernel.FloatToInt(v))
	case tensor.Int64, tensor.Uint64:
		tensor.Data[uint64](y)[i] = uint64(kernel.FloatToInt(v))
	}
}

// MelWeightMatrix is the matrix (dft_length/2 + 1, num_mel_bins) by which a spectrum is multiplied to get its energy in triangular bands that are evenly spaced
// on the mel scale, mel = 2595·log10(1 + hertz/700).
var melWeightMatrix = family(&graph.Op{
	Name: "MelWeightMatrix", Since: 17,
	Sig: `(num_mel_bins:T1, dft_length:T1, sample_rate:T1, lower_edge_hertz:T2, upper_edge_hertz:T2) -> (output:T3)
		T1 = i32 i64; T2 = float; T3 = num
		output_datatype int = 1`,
	Infer: inferMelWeightMatrix, Run: runMelWeightMatrix,
})

func inferMelWeightMatrix(c *graph.Infer) error {
	d, err := outputNumber(c.Node)
	if err != nil {
		return err
	}
	bins, err := scalarInt(c, 0, "num_mel_bins", 0)
	if err != nil {
		return err
	}
	length, err := scalarInt(c, 1, "dft_length", 0)
	if err != nil {
		return err
	}
	if _, err = scalarInt(c, 2, "sample_rate", 1); err != nil {
		return err
	}
	for i := 3; i < 5; i++ {
		if s, ok := c.Type(i).Static(); ok && s.Elems() != 1 {
			return graph.Shapef("input %d is %s, want one number", i, c.Type(i))
		}
	}
	c.SetTensor(0, d, length.Div(graph.Size(2)).Add(graph.Size(1)), bins)
	return nil
}

func runMelWeightMatrix(c *graph.Ctx) error {
	y := c.Out[0]
	rows, bands := y.Dim(0), y.Dim(1)
	clear(y.Bytes())
	mel := func(i int) float64 { return 2595 * math.Log10(1+c.In[i].Float(0)/700) }
	low, high := mel(3), mel(4)
	step := (high - low) / float64(bands+2)
	length, rate := c.In[1].Float(0), c.In[2].Float(0)
	edge := func(i int) (int, error) {
		hertz := 700 * (math.Pow(10, (low+step*float64(i))/2595) - 1)
		at := math.Floor((length + 1) * hertz / rate)
		if !(at >= 0 && at <= float64(rows)) {
			return 0, graph.Shapef("edge %d of the bands is at %g of %d bins", i, at, rows)
		}
		return int(at), nil
	}
	for band := range bands {
		var at [3]int
		for k := range at {
			var err error
			if at[k], err = edge(band + k); err != nil {
				return err
			}
		}
		set := func(row int, v float64) {
			if row < rows {
				storeNumber(y, row*bands+band, v)
			}
		}
		if at[0] == at[1] {
			set(at[1], 1)
		}
		for i := at[0]; i <= at[1] && at[0] != at[1]; i++ {
			set(i, float64(i-at[0])/float64(at[1]-at[0]))
		}
		for i := at[1]; i < at[2]; i++ {
			set(i, float64(at[2]-i)/float64(at[2]-at[1]))
		}
	}
	return nil
}
