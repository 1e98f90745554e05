package pass

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// A pattern is a term over operators, written as the formula that it stands for:
//
//	Mul(Mul(x, 0.5), Add(Erf(Div(x, #root)), 1))
//
//	Relu(a, b, ...)  a node of the operator; inputs that are not listed must be absent, but for those that ... stands for
//	Split#1(x)       its output 1; without a number, output 0
//	Cast?(x)         the operator around x, or x itself
//	Pow(x, 2) | y    either
//	x                any value; the same name is the same value everywhere
//	d=Sub(x, y)      a name for the value of a term
//	#c               a constant of one element
//	@w               a constant
//	0.5              a constant of one element that is 0.5 as far as its type can tell
//	_                any value, or none
//	&s=Add(x, y)     a term whose value others may read too
//
// The inputs of Add, Mul and the other commutative operators match in either order. What the terms inside of a pattern compute must not be
// read outside of it nor be an output of the graph, unless & allows it. Operators of other domains are written com.microsoft::Gelu.
type pattern struct {
	kind  byte   // one of the constants below
	name  string // what the value is bound to, or ""
	op    string
	out   int
	num   float64
	args  []*pattern
	rest  bool // more inputs may follow
	share bool // others may read the value
}

const (
	opTerm     = 'o'
	anyTerm    = 'v'
	scalarTerm = '#'
	constTerm  = '@'
	numberTerm = '0'
	freeTerm   = '_'
	eitherTerm = '|'
	maybeTerm  = '?'
)

var commutes = []string{"Add", "Mul", "Max", "Min", "And", "Or", "Xor", "Equal"}

// parse reads a pattern. Patterns are constants of the program: a fault in one is a panic at the start of it.
func parse(text string) *pattern {
	p := &patternParser{text}
	t := p.term()
	if p.space(); p.rest != "" {
		p.fail()
	}
	return t
}

type patternParser struct{ rest string }

func (p *patternParser) fail()  { panic("pattern: unexpected " + strconv.Quote(p.rest)) }
func (p *patternParser) space() { p.rest = strings.TrimLeft(p.rest, " \t\n") }

func (p *patternParser) take(s string) bool {
	p.space()
	rest, ok := strings.CutPrefix(p.rest, s)
	p.rest = rest
	return ok
}

// word takes the longest start of the text that has no letter of stop.
func (p *patternParser) word(stop string) string {
	p.space()
	n := strings.IndexAny(p.rest, stop)
	if n < 0 {
		n = len(p.rest)
	}
	w := p.rest[:n]
	p.rest = p.rest[n:]
	return w
}

const patternMarks = "(), \t\n=#@|?&"

func (p *patternParser) term() *pattern {
	t := p.single()
	for p.take("|") {
		t = &pattern{kind: eitherTerm, args: []*pattern{t, p.single()}}
	}
	return t
}

func (p *patternParser) single() *pattern {
	share := p.take("&")
	if p.take("#") {
		return &pattern{kind: scalarTerm, name: p.word(patternMarks)}
	}
	if p.take("@") {
		return &pattern{kind: constTerm, name: p.word(patternMarks)}
	}
	w := p.word(patternMarks)
	if w == "" {
		p.fail()
	}
	if w == "_" {
		return &pattern{kind: freeTerm}
	}
	if x, err := strconv.ParseFloat(w, 64); err == nil {
		return &pattern{kind: numberTerm, num: x}
	}
	if p.take("=") {
		t := p.single()
		t.name, t.share = w, share
		return t
	}
	t := &pattern{kind: anyTerm, name: w}
	if p.take("#") {
		t.out, _ = strconv.Atoi(p.word(patternMarks))
	}
	kind := byte(opTerm)
	if p.take("?") {
		kind = maybeTerm
	}
	if p.take("(") {
		t.kind, t.op, t.name, t.share = kind, w, "", share
		for !p.take(")") {
			if t.rest = p.take("..."); !t.rest {
				t.args = append(t.args, p.term())
			}
			p.take(",")
		}
	}
	return t
}

// match is what a pattern found.
type match struct {
	root  *graph.Node // the node that computes the value of the whole pattern
	bound map[string]*graph.Value
	nodes []*graph.Node                 // of all terms, those that read before those that are read
	terms []*pattern                    // their terms
	also  map[*graph.Value]*graph.Value // what replaces values beside the root's
	local func(*graph.Node) bool        // whether a node belongs to the graph that is rewritten
}

// val is the value of a name; nil for one in an alternative that was not taken.
func (m *match) val(name string) *graph.Value { return m.bound[name] }

// node is the node behind a name, nil for an input or a constant.
func (m *match) node(name string) *graph.Node {
	if v := m.bound[name]; v != nil {
		return v.Def
	}
	return nil
}

// float is the number that a #constant holds.
func (m *match) float(name string) float64 { return m.bound[name].Const.Float(0) }

// replace makes all readers of a value that the pattern shares read v, beside those of the root.
func (m *match) replace(name string, v *graph.Value) { m.also[m.bound[name]] = v }

// find matches p against v. When it can and next agrees, it is true and m keeps what was found; otherwise it tries the other ways to
// match, and at last leaves m as it was.
func (m *match) find(p *pattern, v *graph.Value, next func() bool) bool {
	if p.kind == freeTerm {
		return next()
	}
	if v == nil {
		return false
	}
	old := m.bound[p.name]
	if old != nil && old != v {
		return false
	}
	if p.name != "" {
		m.bound[p.name] = v
	}
	if m.inside(p, v, next) {
		return true
	}
	if old == nil {
		delete(m.bound, p.name)
	}
	return false
}

func (m *match) inside(p *pattern, v *graph.Value, next func() bool) bool {
	switch p.kind {
	case eitherTerm:
		return m.find(p.args[0], v, next) || m.find(p.args[1], v, next)
	case scalarTerm:
		return isScalar(v) && next()
	case constTerm:
		return v.Const != nil && next()
	case numberTerm:
		return isNumber(v, p.num) && next()
	case opTerm, maybeTerm:
		return m.operator(p, v, next) || p.kind == maybeTerm && m.find(p.args[0], v, next)
	}
	return next()
}

func (m *match) operator(p *pattern, v *graph.Value, next func() bool) bool {
	n := v.Def
	if n == nil || !p.names(n.Op) || !m.local(n) || slices.Index(n.Out, v) != p.out {
		return false
	}
	mark := len(m.nodes)
	m.nodes, m.terms = append(m.nodes, n), append(m.terms, p)
	if m.inputs(p, n.In, 0, next) || len(n.In) == 2 && slices.Contains(commutes, p.op) && m.inputs(p, []*graph.Value{n.In[1], n.In[0]}, 0, next) {
		return true
	}
	m.nodes, m.terms = m.nodes[:mark], m.terms[:mark]
	return false
}

// names reports whether o is the operator of the term.
func (p *pattern) names(o *graph.Op) bool {
	if o.Domain == "" {
		return o.Name == p.op
	}
	domain, name, ok := strings.Cut(p.op, "::")
	return ok && o.Domain == domain && o.Name == name
}

// inputs matches the terms of p from the i-th on against the inputs of a node.
func (m *match) inputs(p *pattern, in []*graph.Value, i int, next func() bool) bool {
	if i == len(p.args) {
		return (p.rest || !slices.ContainsFunc(in[min(i, len(in)):], func(v *graph.Value) bool { return v != nil })) && next()
	}
	var v *graph.Value
	if i < len(in) {
		v = in[i]
	}
	return m.find(p.args[i], v, func() bool { return m.inputs(p, in, i+1, next) })
}

func isScalar(v *graph.Value) bool {
	return v.Const != nil && v.Const.Len() == 1 && (v.Const.DType().IsFloat() || v.Const.DType().IsInt())
}

// isNumber allows for the rounding of x to v's type and for exporters that write 5 digits.
func isNumber(v *graph.Value, x float64) bool {
	if !isScalar(v) {
		return false
	}
	tol := 1e-5
	switch v.Const.DType() {
	case tensor.Float16:
		tol = 1e-3
	case tensor.BFloat16:
		tol = 8e-3
	}
	return math.Abs(v.Const.Float(0)-x) <= tol*math.Abs(x)
}
