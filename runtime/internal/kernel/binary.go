package kernel

import (
	"fmt"
	"slices"
)

// Binary names a function of two numbers.
type Binary uint8

// The functions.
const (
	BinAdd   Binary = iota // a + b
	BinSub                 // a − b
	BinMul                 // a · b
	BinDiv                 // a / b
	BinMax                 // the larger, a where both are equal; NaN if one is
	BinMin                 // the smaller
	BinPRelu               // a where a ≥ 0, else a·b
	numBinaries
)

var binaryNames = [numBinaries]string{"Add", "Sub", "Mul", "Div", "Max", "Min", "PRelu"}

// String is the standard's name.
func (op Binary) String() string { return binaryNames[op] }

// BinaryByName is the function of that name.
func BinaryByName(name string) (Binary, bool) {
	i := slices.Index(binaryNames[:], name)
	return Binary(max(i, 0)), i >= 0
}

// At is the function of two numbers.
func (op Binary) At(a, b float32) float32 {
	y := [1]float32{a}
	op.loop(y[:], y[:], []float32{b}, 1, 1)
	return y[0]
}

// loop is y[i] = op(a[i·sa], b[i·sb]).
func (op Binary) loop(y, a, b []float32, sa, sb int) {
	switch op {
	case BinAdd:
		Add(y, a, b, sa, sb)
	case BinSub:
		Sub(y, a, b, sa, sb)
	case BinMul:
		Mul(y, a, b, sa, sb)
	case BinDiv:
		DivFloat(y, a, b, sa, sb)
	case BinMax:
		Max(y, a, b, sa, sb)
	case BinMin:
		Min(y, a, b, sa, sb)
	case BinPRelu:
		PRelu(y, a, b, sa, sb)
	}
}

// Operand is a matrix that a kernel reads: element i of row r is Data[r·Row + i·Step], Step 0 or 1. So it is a matrix, a row or a column
// that is repeated, or a number.
type Operand struct {
	Data      []float32
	Row, Step int
}

// need is how many elements of Data rows of n elements reach into.
func (o Operand) need(rows, n int) int { return (rows-1)*o.Row + (n-1)*o.Step + 1 }

// flat reports whether rows of n elements are one row.
func (o Operand) flat(n int) bool { return o.Row == n*o.Step }

// Apply is the loop dst[r·n+i] = op(a[r, i], b[r, i]) over rows of n elements. dst may be the data of an operand that is such a matrix itself.
func (op Binary) Apply(dst []float32, a, b Operand, rows, n int) {
	if rows <= 0 || n <= 0 {
		return
	}
	if dst = dst[:rows*n]; len(a.Data) < a.need(rows, n) || len(b.Data) < b.need(rows, n) {
		panic(fmt.Sprintf("operands of %d and %d elements for %d rows of %d", len(a.Data), len(b.Data), rows, n))
	}
	if a.flat(n) && b.flat(n) {
		rows, n = 1, rows*n
	}
	if a.Step|b.Step != 0 && applyVec(op, dst, a, b, rows, n) {
		return
	}
	for r := range rows {
		op.loop(dst[r*n:][:n], a.Data[r*a.Row:], b.Data[r*b.Row:], a.Step, b.Step)
	}
}
