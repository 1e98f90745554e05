package kernel

import "math"

// ReduceKind is what a reduction computes.
type ReduceKind uint8

// Kinds of reductions of the elements x: Σx, Σx/n, Πx, largest and smallest x, Σ|x|, √Σx², Σx², log Σx, log Σ exp x.
const (
	ReduceSum ReduceKind = iota
	ReduceMean
	ReduceProd
	ReduceMax
	ReduceMin
	ReduceL1
	ReduceL2
	ReduceSumSquare
	ReduceLogSum
	ReduceLogSumExp
)

// Reduction folds elements of type T into an accumulator of type A.
type Reduction[T, A any] struct {
	Init A                    // of no elements
	Row  func(acc A, x []T) A // folds x into one accumulator
	Cols func(acc []A, x []T) // folds x[i] into acc[i]; the slices have the same length
	// Rows is Cols for so many rows of x, one after the other, which lie stride elements apart. It may be nil.
	Rows func(acc []A, x []T, rows, stride int)
	Out  func(acc A, n int) T // the result for n elements
}

// ReductionOf is the reduction of every kind but ReduceLogSumExp. A has the range and precision for sums of T: float64, int64 or uint64.
// Row sums four lanes, x[i] in lane i mod 4, and then ((0+1)+(2+3)); Cols is in the order of the calls.
func ReductionOf[T Numeric, A float64 | int64 | uint64](kind ReduceKind) Reduction[T, A] {
	r := reductionOf[T, A](kind)
	if f, ok := any(&r).(*Reduction[float32, float64]); ok && (kind == ReduceSum || kind == ReduceMean || kind == ReduceLogSum) {
		f.Rows = SumRows
	}
	return r
}

// SumRows is acc[c] += x[r·stride+c] for all rows r, in order.
func SumRows(acc []float64, x []float32, rows, stride int) {
	done := sumColumns(acc, x, rows, stride)
	if done == len(acc) {
		return
	}
	for r := range rows {
		sumCols(acc[done:], x[r*stride+done:])
	}
}

func reductionOf[T Numeric, A float64 | int64 | uint64](kind ReduceKind) Reduction[T, A] {
	switch kind {
	case ReduceMax:
		return Reduction[T, A]{startOfMax[T, A](), maxRow[T, A], maxCols[T, A], nil, accPlain[T, A]}
	case ReduceMin:
		return Reduction[T, A]{startOfMin[T, A](), minRow[T, A], minCols[T, A], nil, accPlain[T, A]}
	case ReduceProd:
		return Reduction[T, A]{1, prodRow[T, A], prodCols[T, A], nil, accPlain[T, A]}
	case ReduceL1:
		return Reduction[T, A]{0, absRow[T, A], absCols[T, A], nil, accPlain[T, A]}
	case ReduceSumSquare:
		return Reduction[T, A]{0, squareRow[T, A], squareCols[T, A], nil, accPlain[T, A]}
	case ReduceL2:
		return Reduction[T, A]{0, squareRow[T, A], squareCols[T, A], nil, accRoot[T, A]}
	case ReduceMean:
		return Reduction[T, A]{0, sumRow[T, A], sumCols[T, A], nil, accMean[T, A]}
	case ReduceLogSum:
		return Reduction[T, A]{0, sumRow[T, A], sumCols[T, A], nil, accLog[T, A]}
	default:
		return Reduction[T, A]{0, sumRow[T, A], sumCols[T, A], nil, accPlain[T, A]}
	}
}

func accPlain[T, A Numeric](acc A, _ int) T { return T(acc) }
func accRoot[T, A Numeric](acc A, _ int) T  { return fromFloat[T](math.Sqrt(float64(acc))) }
func accLog[T, A Numeric](acc A, _ int) T   { return fromFloat[T](math.Log(float64(acc))) }

// accMean divides integers toward zero; that of no integers is 0, of no floats NaN.
func accMean[T, A Numeric](acc A, n int) T {
	if n == 0 {
		return fromFloat[T](math.NaN())
	}
	return T(acc / A(n))
}

// fromFloat rounds toward zero for integers, for which NaN is 0.
func fromFloat[T Numeric](v float64) T {
	if half := 0.5; T(half) != 0 {
		return T(v)
	}
	if v != v {
		return 0
	}
	return toInt[T](v)
}

// startOfMax is the start of a maximum: -Inf, or the smallest T.
func startOfMax[T, A Numeric]() A {
	if half := 0.5; T(half) != 0 {
		return A(math.Inf(-1))
	}
	var v T
	if v--; v > 0 { // unsigned
		return 0
	}
	for v = -v; v+v > 0; v += v { // ends at the highest power of two
	}
	return A(-v - v)
}

// startOfMin is the start of a minimum: +Inf, or the largest T.
func startOfMin[T, A Numeric]() A {
	if half := 0.5; T(half) != 0 {
		return A(math.Inf(1))
	}
	var v T
	if v--; v > 0 {
		return A(v)
	}
	low := T(startOfMax[T, A]())
	return A(low - 1) // wraps around
}

func sumRow[T, A Numeric](acc A, x []T) A {
	var s0, s1, s2, s3 A
	for ; len(x) >= 4; x = x[4:] {
		s0 += A(x[0])
		s1 += A(x[1])
		s2 += A(x[2])
		s3 += A(x[3])
	}
	for i, v := range x {
		switch i {
		case 0:
			s0 += A(v)
		case 1:
			s1 += A(v)
		default:
			s2 += A(v)
		}
	}
	return acc + ((s0 + s1) + (s2 + s3))
}

func sumCols[T, A Numeric](acc []A, x []T) {
	for i, v := range x[:len(acc)] {
		acc[i] += A(v)
	}
}

func absRow[T, A Numeric](acc A, x []T) A {
	for _, v := range x {
		if v < 0 {
			v = -v
		}
		acc += A(v)
	}
	return acc
}

func absCols[T, A Numeric](acc []A, x []T) {
	for i, v := range x[:len(acc)] {
		if v < 0 {
			v = -v
		}
		acc[i] += A(v)
	}
}

func squareRow[T, A Numeric](acc A, x []T) A {
	var s0, s1, s2, s3 A
	for ; len(x) >= 4; x = x[4:] {
		a, b, c, d := A(x[0]), A(x[1]), A(x[2]), A(x[3])
		s0 += A(a * a)
		s1 += A(b * b)
		s2 += A(c * c)
		s3 += A(d * d)
	}
	for i, v := range x {
		w := A(v) * A(v)
		switch i {
		case 0:
			s0 += w
		case 1:
			s1 += w
		default:
			s2 += w
		}
	}
	return acc + ((s0 + s1) + (s2 + s3))
}

func squareCols[T, A Numeric](acc []A, x []T) {
	for i, v := range x[:len(acc)] {
		w := A(v)
		acc[i] += A(w * w)
	}
}

func prodRow[T, A Numeric](acc A, x []T) A {
	for _, v := range x {
		acc *= A(v)
	}
	return acc
}

func prodCols[T, A Numeric](acc []A, x []T) {
	for i, v := range x[:len(acc)] {
		acc[i] *= A(v)
	}
}

func maxRow[T, A Numeric](acc A, x []T) A {
	for _, v := range x {
		if w := A(v); w > acc || w != w { // NaN wins
			acc = w
		}
	}
	return acc
}

func maxCols[T, A Numeric](acc []A, x []T) {
	for i, v := range x[:len(acc)] {
		if w := A(v); w > acc[i] || w != w {
			acc[i] = w
		}
	}
}

func minRow[T, A Numeric](acc A, x []T) A {
	for _, v := range x {
		if w := A(v); w < acc || w != w {
			acc = w
		}
	}
	return acc
}

func minCols[T, A Numeric](acc []A, x []T) {
	for i, v := range x[:len(acc)] {
		if w := A(v); w < acc[i] || w != w {
			acc[i] = w
		}
	}
}

// LogSum stands for log Σ exp x without overflow, as Top + log(Sum), where Top is the largest x so far.
type LogSum struct{ Top, Sum float64 }

// LogSumExpOf is the reduction ReduceLogSumExp.
func LogSumExpOf[T Numeric](ReduceKind) Reduction[T, LogSum] {
	return Reduction[T, LogSum]{LogSum{Top: math.Inf(-1)}, logSumRow[T], logSumCols[T], nil, logSumOut[T]}
}

func (s LogSum) add(v float64) LogSum {
	switch {
	case v > s.Top:
		s.Sum = s.Sum*math.Exp(s.Top-v) + 1
		s.Top = v
	case v == s.Top: // also when both are infinite
		s.Sum++
	default:
		s.Sum += math.Exp(v - s.Top)
	}
	return s
}

func logSumRow[T Numeric](acc LogSum, x []T) LogSum {
	for _, v := range x {
		acc = acc.add(float64(v))
	}
	return acc
}

func logSumCols[T Numeric](acc []LogSum, x []T) {
	for i, v := range x[:len(acc)] {
		acc[i] = acc[i].add(float64(v))
	}
}

func logSumOut[T Numeric](s LogSum, _ int) T {
	return fromFloat[T](s.Top + math.Log(s.Sum))
}
