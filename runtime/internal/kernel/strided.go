package kernel

// Cell is any element to be moved, seen as its bits: complex128 stands for all types of 16 bytes.
type Cell interface {
	uint8 | uint16 | uint32 | uint64 | complex128 | string
}

// Strided is a rectangular set of elements seen in two arrays: element (i, j, …) stands at ToOff + i·To[0] + j·To[1] … of one and at
// FromOff + i·From[0] + j·From[1] … of the other. Transpositions, slices, repetitions (a From stride of 0) and concatenations
// are such copies. Axes are added outermost first; those that lie behind one another in both arrays become one.
type Strided struct {
	Dims, To, From []int
	ToOff, FromOff int
	size           int
	tileA, tileB   int // extents of a tile over the last two axes; 0 for copies by rows
}

// Reset empties s and keeps its memory.
func (s *Strided) Reset(toOff, fromOff int) {
	s.Dims, s.To, s.From = s.Dims[:0], s.To[:0], s.From[:0]
	s.ToOff, s.FromOff, s.size = toOff, fromOff, 1
	s.tileA, s.tileB = 0, 0
}

// Axis adds an axis of n elements with the given distances between neighbours.
func (s *Strided) Axis(n, to, from int) {
	s.size *= n
	if n == 1 {
		return
	}
	if k := len(s.Dims) - 1; k >= 0 && s.To[k] == n*to && s.From[k] == n*from {
		s.Dims[k], s.To[k], s.From[k] = s.Dims[k]*n, to, from
		return
	}
	s.Dims, s.To, s.From = append(s.Dims, n), append(s.To, to), append(s.From, from)
}

// Tiles have at most tileArea elements, in tileSide rows: both sides of one stay in the caches of a core, and touch few pages.
const (
	tileArea = 4096
	tileSide = 64
)

// Plan ends the axes and chooses how to walk. It returns the number of items for Copy and how many make a piece of work,
// and reports false when an element would lie outside of arrays of the given lengths.
func (s *Strided) Plan(toLen, fromLen int) (items, grain int, ok bool) {
	if s.size == 0 {
		return 0, 1, true
	}
	if !inside(s.Dims, s.To, s.ToOff, toLen) || !inside(s.Dims, s.From, s.FromOff, fromLen) {
		return 0, 0, false
	}
	if len(s.Dims) == 0 {
		s.Dims, s.To, s.From = append(s.Dims, 1), append(s.To, 1), append(s.From, 1)
	}
	last := len(s.Dims) - 1
	if a := s.contiguousFrom(); a >= 0 && s.To[last] == 1 && s.From[last] != 1 && s.From[last] != 0 && s.Dims[last] >= 2 {
		// the axis along which From is dense goes beside the one along which To is
		n, to := s.Dims[a], s.To[a]
		copy(s.Dims[a:last-1], s.Dims[a+1:last])
		copy(s.To[a:last-1], s.To[a+1:last])
		copy(s.From[a:last-1], s.From[a+1:last])
		s.Dims[last-1], s.To[last-1], s.From[last-1] = n, to, 1
		s.tileA = min(n, tileSide)
		s.tileB = min(s.Dims[last], tileArea/s.tileA)
		items = ceilDiv(n, s.tileA) * ceilDiv(s.Dims[last], s.tileB)
		for _, d := range s.Dims[:last-1] {
			items *= d
		}
		return items, max(1, 32768/(s.tileA*s.tileB)), true
	}
	return s.size, 32768, true
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }

// contiguousFrom is an axis other than the last with a From stride of 1, or -1.
func (s *Strided) contiguousFrom() int {
	for k := 0; k < len(s.Dims)-1; k++ {
		if s.From[k] == 1 && s.Dims[k] >= 2 {
			return k
		}
	}
	return -1
}

func inside(dims, strides []int, off, n int) bool {
	lo, hi := off, off
	for k, d := range dims {
		if strides[k] < 0 {
			lo += (d - 1) * strides[k]
		} else {
			hi += (d - 1) * strides[k]
		}
	}
	return lo >= 0 && hi < n
}

// maxAxes is more than the axes longer than 1 that an array can have in an address space of 64 bits.
const maxAxes = 64

// Copy copies the items lo to hi-1 that Plan counted.
func Copy[T Cell](to, from []T, s *Strided, lo, hi int) {
	if s.tileA > 0 {
		copyTiles(to, from, s, lo, hi)
		return
	}
	var at [maxAxes]int // the position on each axis but the last
	last := len(s.Dims) - 1
	n, ts, fs := s.Dims[last], s.To[last], s.From[last]
	row, first := lo/n, lo%n
	t, f := s.ToOff, s.FromOff
	for k := last - 1; k >= 0; k-- {
		at[k] = row % s.Dims[k]
		row /= s.Dims[k]
		t += at[k] * s.To[k]
		f += at[k] * s.From[k]
	}
	for lo < hi {
		rows, m := 1, min(n-first, hi-lo)
		if last > 0 && m == n {
			rows = copyRows(to, from, t, f, min(s.Dims[last-1]-at[last-1], (hi-lo)/n), s)
		} else {
			copyRow(to, from, t+first*ts, f+first*fs, m, ts, fs)
		}
		lo, first = lo+rows*m, 0
		for k := last - 1; k >= 0; k-- {
			at[k] += rows
			t += rows * s.To[k]
			f += rows * s.From[k]
			rows = 1
			if at[k] < s.Dims[k] {
				break
			}
			t -= at[k] * s.To[k]
			f -= at[k] * s.From[k]
			at[k] = 0
		}
	}
}

// copyRows copies up to rows rows along the last axis but one and returns how many: all short ones at once, else one.
func copyRows[T Cell](to, from []T, t, f, rows int, s *Strided) int {
	last := len(s.Dims) - 1
	n, ts, fs := s.Dims[last], s.To[last], s.From[last]
	if ts == 1 && fs == 1 && n <= shortRow && rows > 1 {
		if to, ok := any(to).([]uint32); ok && copyShortRows(to[t:], any(from).([]uint32)[f:], rows, n, s.To[last-1], s.From[last-1]) {
			return rows
		}
	}
	copyRow(to, from, t, f, n, ts, fs)
	return 1
}

// shortRow is the length from which calling copy for each row costs nothing.
const shortRow = 512

// copyRow copies n elements, from position f on in steps of fs, to position t on in steps of ts.
func copyRow[T Cell](to, from []T, t, f, n, ts, fs int) {
	switch {
	case ts == 1 && fs == 1 && n < 8:
		d, s := to[t:t+n], from[f:f+n]
		for i := range d {
			d[i] = s[i]
		}
	case ts == 1 && fs == 1:
		copy(to[t:t+n], from[f:f+n])
	case ts == 1 && fs == 0:
		Fill(to[t:t+n], from[f])
	case ts == 1:
		d := to[t : t+n]
		for i := range d {
			d[i] = from[f]
			f += fs
		}
	default:
		for range n {
			to[t] = from[f]
			t += ts
			f += fs
		}
	}
}

func copyTiles[T Cell](to, from []T, s *Strided, lo, hi int) {
	last := len(s.Dims) - 1
	na, nb, ta, fb := s.Dims[last-1], s.Dims[last], s.To[last-1], s.From[last]
	across := ceilDiv(nb, s.tileB)
	down := ceilDiv(na, s.tileA)
	for item := lo; item < hi; item++ {
		b := item % across * s.tileB
		rest := item / across
		a := rest % down * s.tileA
		rest /= down
		t, f := s.ToOff, s.FromOff
		for k := last - 2; k >= 0; k-- {
			i := rest % s.Dims[k]
			rest /= s.Dims[k]
			t += i * s.To[k]
			f += i * s.From[k]
		}
		m := min(s.tileB, nb-b)
		t += a*ta + b
		f += a + b*fb
		if to, ok := any(to).([]uint32); ok && transposeTile(to[t:], any(from).([]uint32)[f:], min(s.tileA, na-a), m, ta, fb) {
			continue
		}
		for range min(s.tileA, na-a) {
			d := to[t : t+m]
			k := f
			for j := range d {
				d[j] = from[k]
				k += fb
			}
			t += ta
			f++
		}
	}
}

// Fill sets every element of to.
func Fill[T Cell](to []T, v T) {
	const block = 512
	for i := range min(len(to), block) {
		to[i] = v
	}
	for i := block; i < len(to); i += block {
		copy(to[i:], to[:block])
	}
}
