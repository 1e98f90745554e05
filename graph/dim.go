package graph

import "strconv"

// Dim is the extent of an axis: an integer, a symbol such as "batch", an expression of them, or unknown.
// The zero Dim is the integer 0. Dims are compared with [Dim.Equal]; there is no solver behind it: expressions are
// brought to a simple normal form, and those that still differ are taken to be different.
type Dim struct {
	n int64
	e *dimExpr // nil for integers
}

type dimExpr struct {
	op   byte // 's' symbol, '?' unknown, one of + - * / ^ (max) v (min)
	name string
	a, b Dim
}

var unknownDim = &dimExpr{op: '?'}

// Unknown is an extent of which nothing is known; it equals nothing, not even itself.
func Unknown() Dim { return Dim{e: unknownDim} }

// Size is the integer n.
func Size(n int) Dim { return Dim{n: int64(n)} }

// Sym is the symbol with that name; an empty name and "?", which some exporters write for all dimensions, give Unknown.
func Sym(name string) Dim {
	if name == "" || name == "?" {
		return Unknown()
	}
	return Dim{e: &dimExpr{op: 's', name: name}}
}

// Int is the value of an integer dimension.
func (d Dim) Int() (int, bool) { return int(d.n), d.e == nil }

// IsInt reports whether d is an integer.
func (d Dim) IsInt() bool { return d.e == nil }

// Known reports whether d is more than Unknown.
func (d Dim) Known() bool { return d.e == nil || d.e.op != '?' }

// Symbol is the name of d when it is a single symbol, else "".
func (d Dim) Symbol() string {
	if d.e != nil && d.e.op == 's' {
		return d.e.name
	}
	return ""
}

// Equal reports whether d and o surely have the same value.
func (d Dim) Equal(o Dim) bool {
	if d.e == nil || o.e == nil {
		return d.e == o.e && d.n == o.n
	}
	if d.e.op == '?' || d.e.op != o.e.op {
		return false
	}
	if d.e.op == 's' {
		return d.e.name == o.e.name
	}
	return d.e.a.Equal(o.e.a) && d.e.b.Equal(o.e.b)
}

// Is reports whether d is the integer n.
func (d Dim) Is(n int) bool { return d.e == nil && d.n == int64(n) }

// maxDimDepth bounds expressions, which otherwise double with every node of a hostile graph.
const maxDimDepth = 12

func (d Dim) depth() int {
	if d.e == nil || d.e.op == 's' || d.e.op == '?' {
		return 0
	}
	return 1 + max(d.e.a.depth(), d.e.b.depth())
}

func binaryDim(op byte, a, b Dim) Dim {
	if !a.Known() || !b.Known() || a.depth() >= maxDimDepth || b.depth() >= maxDimDepth {
		return Unknown()
	}
	return Dim{e: &dimExpr{op: op, a: a, b: b}}
}

// Add is d + o.
func (d Dim) Add(o Dim) Dim {
	switch {
	case d.e == nil && o.e == nil:
		s := d.n + o.n
		if o.n > 0 && s < d.n || o.n < 0 && s > d.n {
			return Unknown()
		}
		return Dim{n: s}
	case d.Is(0):
		return o
	case o.Is(0):
		return d
	case d.e == nil: // constants stand on the right
		return o.Add(d)
	case o.e == nil && d.e.op == '+' && d.e.b.e == nil: // (x + 1) + 2
		return d.e.a.Add(d.e.b.Add(o))
	case o.e == nil && d.e.op == '-' && d.e.a.e == nil: // (1 - x) + 2
		return d.e.a.Add(o).Sub(d.e.b)
	case d.e.op == '-' && d.e.b.Equal(o): // (x - y) + y
		return d.e.a
	case o.e != nil && o.e.op == '-' && o.e.b.Equal(d): // y + (x - y)
		return o.e.a
	}
	if o.e != nil {
		if s, ok := addLike(d, o); ok {
			return s
		}
	}
	return binaryDim('+', d, o)
}

// addLike adds multiples of the same expression, also to the last term of a sum: x*2 + x*3 is x*5.
func addLike(d, o Dim) (Dim, bool) {
	base, k := d.multiple()
	if other, n := o.multiple(); base.Equal(other) {
		return base.Mul(k.Add(n)), true
	}
	if d.e.op == '+' && d.e.b.e != nil {
		if s, ok := addLike(d.e.b, o); ok {
			return d.e.a.Add(s), true
		}
	}
	return Dim{}, false
}

// multiple is d as an expression times an integer.
func (d Dim) multiple() (base, factor Dim) {
	if d.e != nil && d.e.op == '*' && d.e.b.e == nil {
		return d.e.a, d.e.b
	}
	return d, Dim{n: 1}
}

// Sub is d - o.
func (d Dim) Sub(o Dim) Dim {
	switch {
	case o.e == nil:
		return d.Add(Dim{n: -o.n})
	case d.Equal(o):
		return Dim{}
	case d.e != nil && d.e.op == '+' && d.e.a.Equal(o): // (x + y) - x
		return d.e.b
	case d.e != nil && d.e.op == '+' && d.e.b.Equal(o): // (x + y) - y
		return d.e.a
	}
	return binaryDim('-', d, o)
}

// Mul is d * o.
func (d Dim) Mul(o Dim) Dim {
	switch {
	case d.e == nil && o.e == nil:
		if d.n == 0 || o.n == 0 {
			return Dim{}
		}
		p := d.n * o.n
		if p/o.n != d.n || (d.n == -1 && o.n == p) {
			return Unknown()
		}
		return Dim{n: p}
	case d.Is(0) || o.Is(0):
		return Dim{}
	case d.Is(1):
		return o
	case o.Is(1):
		return d
	case o.e == nil && d.e.op == '*' && d.e.b.e == nil: // (x * 2) * 3
		return d.e.a.Mul(d.e.b.Mul(o))
	case d.e == nil: // constants stand on the right
		return o.Mul(d)
	case d.e.op == '*' && d.e.b.e == nil && o.e != nil: // (x * 2) * y
		return d.e.a.Mul(o).Mul(d.e.b)
	}
	return binaryDim('*', d, o)
}

// Div is d / o rounded toward minus infinity. Division by zero is Unknown.
func (d Dim) Div(o Dim) Dim {
	switch {
	case o.Is(0):
		return Unknown()
	case d.e == nil && o.e == nil:
		q := d.n / o.n
		if d.n%o.n != 0 && (d.n < 0) != (o.n < 0) {
			q--
		}
		return Dim{n: q}
	case o.Is(1):
		return d
	case d.Equal(o):
		return Dim{n: 1}
	case d.e != nil && d.e.op == '*' && d.e.b.Equal(o): // (x * y) / y
		return d.e.a
	case d.e != nil && d.e.op == '*' && d.e.a.Equal(o):
		return d.e.b
	case d.e != nil && d.e.op == '*' && d.e.b.e == nil && o.e == nil && o.n > 0 && d.e.b.n%o.n == 0: // (x * 6) / 2
		return d.e.a.Mul(Dim{n: d.e.b.n / o.n})
	case d.e != nil && d.e.op == '*' && d.e.b.e == nil && o.e != nil: // (x * y * 6) / x
		if q := d.e.a.Div(o); q.e == nil || q.e.op != '/' {
			return q.Mul(d.e.b)
		}
	}
	return binaryDim('/', d, o)
}

// Max is the larger of d and o.
func (d Dim) Max(o Dim) Dim {
	switch {
	case d.e == nil && o.e == nil:
		return Dim{n: max(d.n, o.n)}
	case d.Equal(o):
		return d
	}
	return binaryDim('^', d, o)
}

// Min is the smaller of d and o.
func (d Dim) Min(o Dim) Dim {
	switch {
	case d.e == nil && o.e == nil:
		return Dim{n: min(d.n, o.n)}
	case d.Equal(o):
		return d
	}
	return binaryDim('v', d, o)
}

// caps reports whether d is the smaller of o and an integer above 0. Of tensors with these extents that broadcast, the result has extent o:
// they are equal, or d is 1.
func (d Dim) caps(o Dim) bool {
	if d.e == nil || d.e.op != 'v' {
		return false
	}
	a, b := d.e.a, d.e.b
	return a.Equal(o) && b.e == nil && b.n > 0 || b.Equal(o) && a.e == nil && a.n > 0
}

// Symbols calls f with the name of every symbol in d.
func (d Dim) Symbols(f func(name string)) {
	if d.e == nil {
		return
	}
	if d.e.op == 's' {
		f(d.e.name)
		return
	}
	if d.e.op != '?' {
		d.e.a.Symbols(f)
		d.e.b.Symbols(f)
	}
}

// Bind puts the values of symbols into d; symbols without a value stay.
func (d Dim) Bind(value func(name string) (int, bool)) Dim {
	if d.e == nil || d.e.op == '?' {
		return d
	}
	if d.e.op == 's' {
		if n, ok := value(d.e.name); ok {
			return Size(n)
		}
		return d
	}
	a, b := d.e.a.Bind(value), d.e.b.Bind(value)
	switch d.e.op {
	case '+':
		return a.Add(b)
	case '-':
		return a.Sub(b)
	case '*':
		return a.Mul(b)
	case '/':
		return a.Div(b)
	case 'v':
		return a.Min(b)
	default:
		return a.Max(b)
	}
}

// String writes integers in digits, symbols by name, unknown as "?", and expressions in infix form: "seq+1", "max(a,b)", "min(a,b)".
func (d Dim) String() string {
	if d.e == nil {
		return strconv.FormatInt(d.n, 10)
	}
	switch d.e.op {
	case 's':
		return d.e.name
	case '?':
		return "?"
	case 'v':
		return "min(" + d.e.a.String() + "," + d.e.b.String() + ")"
	case '^':
		return "max(" + d.e.a.String() + "," + d.e.b.String() + ")"
	}
	a, b := d.e.a.String(), d.e.b.String()
	if d.e.op == '*' || d.e.op == '/' {
		a, b = paren(d.e.a, a), paren(d.e.b, b)
	} else if d.e.op == '-' {
		b = paren(d.e.b, b)
	}
	if d.e.op == '+' && d.e.b.e == nil && d.e.b.n < 0 {
		return a + b
	}
	return a + string(d.e.op) + b
}

func paren(d Dim, s string) string {
	if d.e != nil && d.e.op != 's' && d.e.op != '?' && d.e.op != '^' && d.e.op != 'v' {
		return "(" + s + ")"
	}
	return s
}
