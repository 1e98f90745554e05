package ops

import (
	"errors"
	"math"
	"strconv"
	"strings"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// castStrings reads or writes decimal numbers.
func castStrings(c *graph.Ctx, x, y *tensor.Tensor) error {
	if y.DType() != tensor.String {
		return parseElems(c, x.Strings(), y)
	}
	if err := c.Exec().Charge(24 * x.Len()); err != nil {
		return err
	}
	for i, out := 0, y.Strings(); i < len(out); i++ {
		out[i] = formatElem(x, i)
	}
	return nil
}

// parseElems reads integers digit by digit where the target is an integer type, so that those of 64 bits are exact, and else as floating-point numbers,
// which become integers as in any cast.
func parseElems(c *graph.Ctx, x []string, y *tensor.Tensor) error {
	a := castArgs{y: y, saturate: c.Node.Bool("saturate") || !c.Node.Op.Has("saturate"), mode: c.Node.Str("round_mode")}
	bits := 64
	if y.DType() == tensor.Float32 {
		bits = 32
	}
	var ints [1]int64
	var floats [1]float64
	for i, s := range x {
		s = strings.TrimSpace(s)
		if y.DType().IsInt() {
			v, err := strconv.ParseInt(s, 10, 64)
			if err != nil {
				var u uint64
				u, err = strconv.ParseUint(s, 10, 64)
				v = int64(u)
			}
			if err == nil {
				ints[0] = v
				a.writeInts(ints[:], i, false)
				continue
			}
		}
		v, err := strconv.ParseFloat(s, bits)
		if err != nil && !errors.Is(err, strconv.ErrRange) { // beyond the range it is an infinity
			return graph.Invalidf("%.40q is no number", s)
		}
		floats[0] = v
		a.writeFloats(floats[:], i)
	}
	return nil
}

// formatElem writes a number; one of float16 and wider types with the fewest digits that tell it from its neighbours in its type.
func formatElem(x *tensor.Tensor, i int) string {
	switch d := x.DType(); {
	case d == tensor.Uint64:
		return strconv.FormatUint(tensor.Data[uint64](x)[i], 10)
	case d == tensor.Int64:
		return strconv.FormatInt(tensor.Data[int64](x)[i], 10)
	case d.IsInt():
		return strconv.FormatInt(int64(x.Float(i)), 10)
	case d == tensor.Bool:
		if x.Float(i) != 0 {
			return "1"
		}
		return "0"
	}
	v := x.Float(i)
	switch {
	case v != v:
		return "NaN"
	case math.IsInf(v, 1):
		return "INF"
	case math.IsInf(v, -1):
		return "-INF"
	}
	style := byte('g')
	if a := math.Abs(v); a >= 1e-4 && a < 1e16 || v == 0 {
		style = 'f'
	}
	switch d := x.DType(); {
	case d == tensor.Float32:
		return strconv.FormatFloat(v, style, -1, 32)
	case d.IsHalf():
		v = shortHalf(v, tensor.Data[uint16](x)[i], d == tensor.BFloat16)
	}
	return strconv.FormatFloat(v, style, -1, 64)
}

// shortHalf is the number with the fewest digits that rounds to half, the bits of v in float16, or in bfloat16 when b is set.
func shortHalf(v float64, half uint16, b bool) float64 {
	for digits := 0; digits < 9; digits++ {
		short, err := strconv.ParseFloat(strconv.FormatFloat(v, 'e', digits, 64), 64)
		if err != nil {
			break
		}
		var h [1]uint16
		if kernel.Narrow(h[:], []float32{kernel.ToOdd(short)}, b); h[0] == half {
			return short
		}
	}
	return v
}
