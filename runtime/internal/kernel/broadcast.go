package kernel

// Axes are the loops of a broadcast: for each axis, outermost first, the extent of the result and how far each operand moves.
type Axes struct {
	N    []int   // extents, at least one
	Step [][]int // per operand, per axis; 0 where it is repeated
}

// Plan merges the axes of a broadcast of operands with the given shapes to out: neighbours along which all operands move alike become one, so that most broadcasts are a
// loop or two.
func Plan(out []int, shapes ...[]int) Axes {
	var a Axes
	a.Step = make([][]int, len(shapes))
	strides := make([][]int, len(shapes))
	for k, s := range shapes {
		st := make([]int, len(out))
		n := 1
		for i := len(s) - 1; i >= 0; i-- {
			if s[i] != 1 {
				st[len(out)-len(s)+i] = n
			}
			n *= s[i]
		}
		strides[k] = st
	}
	for i, n := range out {
		if n == 1 && len(out) > 1 {
			continue
		}
		last := len(a.N) - 1
		merge := last >= 0
		for k := range shapes {
			merge = merge && a.Step[k][last] == strides[k][i]*n
		}
		if merge {
			a.N[last] *= n
			for k := range shapes {
				a.Step[k][last] = strides[k][i]
			}
			continue
		}
		a.N = append(a.N, n)
		for k := range shapes {
			a.Step[k] = append(a.Step[k], strides[k][i])
		}
	}
	if len(a.N) == 0 {
		a.N = []int{1}
		for k := range shapes {
			a.Step[k] = []int{0}
		}
	}
	return a
}

// Last is how far operand k moves along the innermost axis, 0 or 1.
func (a *Axes) Last(k int) int { return a.Step[k][len(a.N)-1] }

// Rows is the number of innermost loops.
func (a *Axes) Rows() int {
	n := 1
	for _, d := range a.N[:len(a.N)-1] {
		n *= d
	}
	return n
}

// Row finds where operand k starts in innermost loop r.
func (a *Axes) Row(k, r int) int {
	off := 0
	for i := len(a.N) - 2; i >= 0; i-- {
		off += r % a.N[i] * a.Step[k][i]
		r /= a.N[i]
	}
	return off
}

// pieceLen is the longest piece of an innermost loop that is done at once.
const pieceLen = 1 << 13

// Pieces is the number of pieces that the innermost loops are cut into.
func (a *Axes) Pieces() int {
	return a.Rows() * ((a.N[len(a.N)-1] + pieceLen - 1) / pieceLen)
}

// Grain is the number of pieces with about the given number of elements. The result must not be empty.
func (a *Axes) Grain(elems int) int { return 1 + elems/min(a.N[len(a.N)-1], pieceLen) }

// Cursor is at one piece of a broadcast: elements At to At+N-1 of the result and, for up to three operands, the elements from Off on in steps of Step.
type Cursor struct {
	At, N     int
	Off, Step [3]int

	axes               *Axes
	first, piece, left int
}

// Seek is the cursor at a piece. Its operand 0 is the broadcast's operand first.
func (a *Axes) Seek(first, piece int) Cursor {
	last := len(a.N) - 1
	c := Cursor{N: a.N[last], axes: a, first: first, piece: piece, left: 1}
	row, from := piece, 0
	if c.N > pieceLen {
		cuts := (c.N + pieceLen - 1) / pieceLen
		row, from = piece/cuts, piece%cuts*pieceLen
		c.N = min(pieceLen, c.N-from)
	} else if last > 0 {
		c.left = a.N[last-1] - row%a.N[last-1]
	}
	c.At = row*a.N[last] + from
	for k := range min(len(c.Off), len(a.Step)-first) {
		c.Step[k] = a.Step[first+k][last]
		c.Off[k] = a.Row(first+k, row) + from*c.Step[k]
	}
	return c
}

// Next moves to the next piece; most often by additions, since loops may be a few elements long.
func (c *Cursor) Next() { c.Skip(1) }

// Rows is how many pieces from the cursor's on lie along one axis, at most limit, so that they are rows of a matrix.
func (c *Cursor) Rows(limit int) int { return min(limit, c.left) }

// RowStep is how far operand k moves from one of them to the next.
func (c *Cursor) RowStep(k int) int {
	if step := c.axes.Step[c.first+k]; len(step) > 1 {
		return step[len(step)-2]
	}
	return 0
}

// Skip moves on by a number of pieces that Rows allows.
func (c *Cursor) Skip(rows int) {
	if rows == c.left {
		*c = c.axes.Seek(c.first, c.piece+rows)
		return
	}
	c.left -= rows
	c.piece += rows
	c.At += rows * c.N
	for k := range min(len(c.Off), len(c.axes.Step)-c.first) {
		c.Off[k] += rows * c.RowStep(k)
	}
}
