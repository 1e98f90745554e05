package kernel

// Indexed is a block of elements, each of which has a partner in another array: element (i, j, …) of extents Dims has the partner at
// i·Strides[0] + j·Strides[1] + … + index·Step, where index is given for every element. The stride of the axis that the index replaces is 0.
type Indexed struct {
	Dims, Strides []int
	Step          int
}

// Start is where the partners of the row with element lo of the last axis start, lo being a multiple of that axis.
func (s *Indexed) Start(lo int) int {
	at := 0
	for k := len(s.Dims) - 1; k >= 0; k-- {
		at += lo % s.Dims[k] * s.Strides[k]
		lo /= s.Dims[k]
	}
	return at
}

// GatherElements copies the partners of the elements of to in the rows lo to hi-1, a row being the last axis.
func GatherElements[T Cell](to, from []T, index []int64, s *Indexed, lo, hi int) {
	last := len(s.Dims) - 1
	n, stride := s.Dims[last], s.Strides[last]
	for r := lo; r < hi; r++ {
		f := s.Start(r * n)
		d, ix := to[r*n:(r+1)*n], index[r*n:(r+1)*n]
		for i, k := range ix {
			d[i] = from[f+int(k)*s.Step]
			f += stride
		}
	}
}

// ScatterElements copies the elements of from in the rows lo to hi-1 to their partners, in their order.
func ScatterElements[T Cell](to, from []T, index []int64, s *Indexed, lo, hi int) {
	last := len(s.Dims) - 1
	n, stride := s.Dims[last], s.Strides[last]
	for r := lo; r < hi; r++ {
		t := s.Start(r * n)
		d, ix := from[r*n:(r+1)*n], index[r*n:(r+1)*n]
		for i, k := range ix {
			to[t+int(k)*s.Step] = d[i]
			t += stride
		}
	}
}

// Combine is an operation on an element and an update.
type Combine uint8

const (
	CombineNone Combine = iota // the update replaces the element
	CombineAdd
	CombineMul
	CombineMax
	CombineMin
)

// ScatterCombine is ScatterElements with an operation other than CombineNone; the larger and the smaller of NaN and anything are NaN.
func ScatterCombine[T Arith](to, from []T, index []int64, s *Indexed, op Combine, lo, hi int) {
	last := len(s.Dims) - 1
	n, stride := s.Dims[last], s.Strides[last]
	for r := lo; r < hi; r++ {
		t := s.Start(r * n)
		d, ix := from[r*n:(r+1)*n], index[r*n:(r+1)*n]
		for i, k := range ix {
			p := t + int(k)*s.Step
			to[p] = combine(to[p], d[i], op)
			t += stride
		}
	}
}

// ScatterComplex is ScatterCombine for CombineAdd and CombineMul.
func ScatterComplex[T complex64 | complex128](to, from []T, index []int64, s *Indexed, op Combine, lo, hi int) {
	last := len(s.Dims) - 1
	n, stride := s.Dims[last], s.Strides[last]
	for r := lo; r < hi; r++ {
		t := s.Start(r * n)
		d, ix := from[r*n:(r+1)*n], index[r*n:(r+1)*n]
		for i, k := range ix {
			p := t + int(k)*s.Step
			if op == CombineAdd {
				to[p] += d[i]
			} else {
				to[p] *= d[i]
			}
			t += stride
		}
	}
}

func combine[T Arith](a, b T, op Combine) T {
	switch op {
	case CombineAdd:
		return a + b
	case CombineMul:
		return a * b
	case CombineMax:
		return max(a, b)
	default:
		return min(a, b)
	}
}

// ScatterRows copies row t of from to row rows[t] of to, in their order; of each row, inner elements long, only the elements lo to hi-1.
func ScatterRows[T Cell](to, from []T, rows []int64, inner, lo, hi int) {
	for t, r := range rows {
		copy(to[int(r)*inner+lo:int(r)*inner+hi], from[t*inner+lo:t*inner+hi])
	}
}

// CombineRows is ScatterRows with an operation other than CombineNone.
func CombineRows[T Arith](to, from []T, rows []int64, inner int, op Combine, lo, hi int) {
	for t, r := range rows {
		d, s := to[int(r)*inner+lo:int(r)*inner+hi], from[t*inner+lo:t*inner+hi]
		for i, v := range s {
			d[i] = combine(d[i], v, op)
		}
	}
}

// CombineComplexRows is CombineRows for CombineAdd and CombineMul.
func CombineComplexRows[T complex64 | complex128](to, from []T, rows []int64, inner int, op Combine, lo, hi int) {
	for t, r := range rows {
		d, s := to[int(r)*inner+lo:int(r)*inner+hi], from[t*inner+lo:t*inner+hi]
		for i, v := range s {
			if op == CombineAdd {
				d[i] += v
			} else {
				d[i] *= v
			}
		}
	}
}
