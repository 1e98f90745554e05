package graph

import (
	"errors"
	"fmt"
	"strings"

	"github.com/onnxrun/onnxrun/graph/tensor"
)

// Kinds of errors, to be tested with errors.Is.
var (
	ErrUnsupported = errors.New("unsupported")
	ErrShape       = tensor.ErrShape
	ErrType        = tensor.ErrType
	ErrLimit       = errors.New("limit exceeded")
	ErrInvalid     = errors.New("invalid model")
)

// OpError says at which node something failed.
type OpError struct {
	Node string // name of the node, or of its first output
	Op   string // "domain::Name-13"
	In   []Type // of its inputs
	Err  error
}

func (e *OpError) Error() string {
	in := make([]string, len(e.In))
	for i, t := range e.In {
		in[i] = t.String()
	}
	return fmt.Sprintf("node %q (%s) on %s: %v", e.Node, e.Op, strings.Join(in, ", "), e.Err)
}

func (e *OpError) Unwrap() error { return e.Err }

// FormatError says where in a file something is wrong.
type FormatError struct {
	Path   string // of the file, when known
	Field  string // path of the field: "graph.node[3].attribute[0]"
	Offset int64  // in bytes, -1 when unknown
	Err    error
}

func (e *FormatError) Error() string {
	var b strings.Builder
	if e.Path != "" {
		fmt.Fprintf(&b, "%s: ", e.Path)
	}
	if e.Field != "" {
		fmt.Fprintf(&b, "%s: ", e.Field)
	}
	if e.Offset >= 0 {
		fmt.Fprintf(&b, "at byte %d: ", e.Offset)
	}
	return b.String() + e.Err.Error()
}

func (e *FormatError) Unwrap() error { return e.Err }

// Label is what messages call the node: its name, or that of its first output.
func (n *Node) Label() string {
	if n.Name != "" {
		return n.Name
	}
	for _, v := range n.Out {
		if v != nil && v.Name != "" {
			return v.Name
		}
	}
	return "unnamed"
}

// Wrap says that err happened at n, unless err says where already.
func (n *Node) Wrap(err error, in []Type) error {
	var at *OpError
	if err == nil || errors.As(err, &at) {
		return err
	}
	return &OpError{Node: n.Label(), Op: n.Op.String(), In: in, Err: err}
}

// Shapef is an error of kind ErrShape.
func Shapef(format string, args ...any) error { return kindf(ErrShape, format, args) }

// Typef is an error of kind ErrType.
func Typef(format string, args ...any) error { return kindf(ErrType, format, args) }

// Unsupportedf is an error of kind ErrUnsupported.
func Unsupportedf(format string, args ...any) error { return kindf(ErrUnsupported, format, args) }

// Limitf is an error of kind ErrLimit.
func Limitf(format string, args ...any) error { return kindf(ErrLimit, format, args) }

// Invalidf is an error of kind ErrInvalid.
func Invalidf(format string, args ...any) error { return kindf(ErrInvalid, format, args) }

func kindf(kind error, format string, args []any) error {
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), kind)
}
