package graph

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
)

// Op is the definition of an operator from one opset version on: a name and a function for each thing that is done
// with it. Every Op has Run or Expand, but for those that stand for operators nobody knows.
type Op struct {
	Domain, Name string
	Since        int    // the version of the domain that introduced this definition
	Sig          string // inputs, outputs, types and attributes, see [Signature]
	Base         *Op    // the definition of which Sig says only what is different; nil when Sig says all

	// Infer sets the types of the outputs. Without it they are found through Expand.
	Infer func(*Infer) error
	// Run computes the outputs; see [Ctx].
	Run func(*Ctx) error
	// Expand builds the same computation from other operators, of their newest versions, and returns the outputs
	// (nil for those that nobody wants). Errors go to the builder.
	Expand func(*Builder, *Node) []*Value
	// Grad builds the gradients with respect to the inputs from those of the outputs; nil where there is none.
	// Without it the operator is differentiated through Expand.
	Grad func(b *Builder, n *Node, out []*Value) []*Value

	// SameAs is the next newer definition when this one computes as it does, in its types and with its attributes.
	SameAs *Op
	// View says that output 0 holds the elements of input 0 under another shape or name.
	View bool
	// InPlace says that output 0 may use the memory of any input that has its type and shape:
	// Run reads element i of each such input before it writes element i, and never again.
	InPlace bool
	// InPlaceFrom is the first input whose memory may be used so.
	InPlaceFrom int
	// InPlaceAll says that InPlace holds for all outputs: each may use the memory of an input of its own.
	InPlaceAll bool
	// IsFunction says that a model defines the operator; Expand is its body.
	IsFunction bool
	// HugePages says whether constants that n computes are worth huge pages: those that are read at the speed of memory. Nil is never.
	HugePages func(n *Node) bool
	// Random says that two runs differ, so that it is never folded or merged.
	Random bool

	once sync.Once
	sig  *Signature
}

// String is "Softmax-13", with the domain in front when it is not the default: "ai.onnx.ml::Scaler-1".
func (o *Op) String() string {
	s := o.Name
	if o.Domain != "" {
		s = o.Domain + "::" + s
	}
	if o.Since > 0 {
		s = fmt.Sprintf("%s-%d", s, o.Since)
	}
	return s
}

// Known reports whether the operator has a definition, as Run or Expand.
func (o *Op) Known() bool { return o.Run != nil || o.Expand != nil }

// Signature is the parsed Sig.
func (o *Op) Signature() *Signature {
	o.once.Do(func() {
		base := &Signature{}
		if o.Base != nil {
			base = o.Base.Signature()
		}
		sig, err := ParseSig(base, o.Sig)
		if err != nil {
			panic("operator " + o.String() + ": " + err.Error()) // a test parses every definition
		}
		o.sig = sig
	})
	return o.sig
}

// Default is the value that the definition gives an attribute that a node does not have.
func (o *Op) Default(name string) any {
	sig := o.Signature()
	for i := range sig.Attrs {
		if sig.Attrs[i].Name == name {
			return sig.Attrs[i].Default
		}
	}
	return nil
}

// Registry is a set of operators, each with all its versions.
type Registry struct {
	ops map[[2]string][]*Op // by domain and name, newest first
}

// NewRegistry holds the given operators. It fails when two have the same domain, name and version.
func NewRegistry(families ...[]*Op) (*Registry, error) {
	r := &Registry{ops: map[[2]string][]*Op{}}
	for _, f := range families {
		for _, o := range f {
			k := [2]string{o.Domain, o.Name}
			r.ops[k] = append(r.ops[k], o)
		}
	}
	for _, v := range r.ops {
		slices.SortFunc(v, func(a, b *Op) int { return cmp.Compare(b.Since, a.Since) })
		for i := 1; i < len(v); i++ {
			if v[i].Since == v[i-1].Since {
				return nil, fmt.Errorf("operator %s is defined twice", v[i])
			}
		}
	}
	return r, nil
}

// Lookup is the definition in force at a version of the domain: the newest that is not younger. Version 0 means the newest.
func (r *Registry) Lookup(domain, name string, version int) *Op {
	for _, o := range r.ops[[2]string{CanonicalDomain(domain), name}] {
		if version == 0 || o.Since <= version {
			return o
		}
	}
	return nil
}

// Oldest is the first definition of an operator, or nil.
func (r *Registry) Oldest(domain, name string) *Op {
	v := r.ops[[2]string{CanonicalDomain(domain), name}]
	if len(v) == 0 {
		return nil
	}
	return v[len(v)-1]
}

// All are the operators, sorted by domain, name and version.
func (r *Registry) All() []*Op {
	var out []*Op
	for _, v := range r.ops {
		out = append(out, v...)
	}
	slices.SortFunc(out, func(a, b *Op) int {
		return cmp.Or(cmp.Compare(a.Domain, b.Domain), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Since, b.Since))
	})
	return out
}

// CanonicalDomain writes the default domain as "".
func CanonicalDomain(d string) string {
	if d == "ai.onnx" {
		return ""
	}
	return d
}

// Has reports whether the definition has the attribute.
func (o *Op) Has(attr string) bool {
	for _, a := range o.Signature().Attrs {
		if a.Name == attr {
			return true
		}
	}
	return false
}
