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

// Inner is the length of the innermost loop and the steps of operand k in it.
func (a *Axes) Inner(k int) (n, step int) {
	last := len(a.N) - 1
	return a.N[last], a.Step[k][last]
}
