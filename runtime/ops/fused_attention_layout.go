package ops

import "github.com/onnxrun/onnxrun/graph/tensor"

// headLayout is where the elements of an operand lie: element d of position s of head h of batch b is data[off + b·b + h·h + s·s + d·d].
type headLayout struct {
	data            []float32
	off, b, h, s, d int
}

// headsIn reads the axes of an operand of the given shape, and its extents along b, h, s and d. Batches that are one for all have stride 0.
func headsIn(letters string, shape tensor.Shape) (l headLayout, extent [4]int, err error) {
	axes, err := attnAxes(letters, len(shape))
	if err != nil {
		return l, extent, err
	}
	strides := make([]int, len(shape))
	step := 1
	for a := len(shape) - 1; a >= 0; a-- {
		strides[a] = step
		if c := letters[a]; c <= '9' {
			l.off += int(c-'0') * step
		}
		step *= shape[a]
	}
	for k, to := range []*int{&l.b, &l.h, &l.s, &l.d} {
		if extent[k] = 1; axes[k] >= 0 {
			extent[k], *to = shape[axes[k]], strides[axes[k]]
		}
	}
	if axes[3] < 0 {
		l.d = 1
	}
	if extent[0] == 1 {
		l.b = 0
	}
	return l, extent, nil
}

// at is the elements from position s of head h of batch b on.
func (l *headLayout) at(b, h, s int) []float32 { return l.data[l.off+b*l.b+h*l.h+s*l.s:] }

// matrix is a head as a matrix, of which either positions or elements lie side by side, and the elements from one of its rows to the next.
func (l *headLayout) matrix(b, h int) ([]float32, int) {
	if l.d == 1 {
		return l.at(b, h, 0), l.s
	}
	return l.at(b, h, 0), l.d
}

// scoreMask is numbers that are added to the scores: strides along batch, head, row and key; the batch repeats after batches.
type scoreMask struct {
	data       []float32
	batches    int
	b, h, q, k int
}

func maskOf(shape tensor.Shape) scoreMask {
	m := scoreMask{batches: 1}
	step := 1
	for a, to := len(shape)-1, 0; a >= 0; a, to = a-1, to+1 {
		if n := shape[a]; n != 1 {
			*[]*int{&m.k, &m.q, &m.h, &m.b}[to] = step
			if to == 3 {
				m.batches = n
			}
		}
		step *= shape[a]
	}
	return m
}

// shared reports whether the keys share a number.
func (m *scoreMask) shared(keys int) bool { return m.data != nil && m.k == 0 && keys > 1 }

// row is what is added to the scores of row q of a head and to those of the rows after it, m.q elements apart; nil for nothing. Where the keys
// share a number, it is that of row q alone, in buf.
func (m *scoreMask) row(b, h, q, keys int, buf []float32) []float32 {
	if m.data == nil {
		return nil
	}
	row := m.data[b%m.batches*m.b+h*m.h+q*m.q:]
	if !m.shared(keys) {
		return row
	}
	for i := range buf[:keys] {
		buf[i] = row[0]
	}
	return buf[:keys]
}
