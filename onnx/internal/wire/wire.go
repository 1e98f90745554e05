// Package wire looks over encoded messages before they are decoded. The generated decoder recurses without bound and
// allocates a struct for every two bytes of a hostile file; both end a Go process for good. Scan finds that out first,
// in one pass without recursion or allocation for the content.
package wire

import (
	"encoding/binary"

	"github.com/onnxrun/onnxrun/graph"
)

// Limits bound what decoding may take.
type Limits struct {
	Depth int   // of messages inside messages
	Nodes int64 // of all graphs and functions together
	Bytes int64 // of memory for the decoded messages, about
}

// Bytes that decoding allocates for a number, for the header of a string or slice, and for a message beside its fields, with
// the copies of lists that grow.
const (
	perNumber  = 16
	perBytes   = 56
	perMessage = 32
)

// Wire types.
const (
	varint     = 0
	fixed64    = 1
	bytesType  = 2
	startGroup = 3
	endGroup   = 4
	fixed32    = 5
)

const maxFieldNumber = 1<<29 - 1

// frame is a message whose fields are being read.
type frame struct {
	kind       Kind
	start, end int
	num        uint64 // of the field that it is in the message around it
	group      bool   // closed by a tag rather than by its length
}

// Scan checks that b is an encoded message of the kind within the limits. It guarantees that the decoder will neither
// recurse deeper nor, but for a small factor, allocate more than the limits say. Errors are *graph.FormatError, with
// the field and the offset, of kind graph.ErrInvalid or graph.ErrLimit.
func Scan(b []byte, kind Kind, l Limits) error {
	_, err := scan(b, kind, l)
	return err
}

func scan(b []byte, kind Kind, l Limits) (cost int64, err error) {
	stack := make([]frame, 1, 16)
	stack[0] = frame{kind: kind, end: len(b)}
	nodes, pos := int64(0), 0
	for {
		top := &stack[len(stack)-1]
		if pos >= top.end {
			if top.group {
				return cost, fail(b, stack, 0, pos, graph.Invalidf("a group without an end"))
			}
			if stack = stack[:len(stack)-1]; len(stack) == 0 {
				return cost, nil
			}
			continue
		}
		start := pos
		tag, n := binary.Uvarint(b[pos:top.end])
		num := tag >> 3
		if n <= 0 || num == 0 || num > maxFieldNumber {
			return cost, fail(b, stack, 0, start, graph.Invalidf("broken field tag"))
		}
		pos += n
		switch tag & 7 {
		case varint:
			if _, n = binary.Uvarint(b[pos:top.end]); n <= 0 {
				return cost, fail(b, stack, num, start, graph.Invalidf("broken integer"))
			}
			pos += n
			cost += perNumber
		case fixed64, fixed32:
			n := 8
			if tag&7 == fixed32 {
				n = 4
			}
			if top.end-pos < n {
				return cost, fail(b, stack, num, start, graph.Invalidf("number cut off"))
			}
			pos += n
			cost += perNumber
		case startGroup:
			stack = append(stack, frame{kind: none, start: pos, end: top.end, num: num, group: true})
			cost += perNumber
		case endGroup:
			if !top.group || top.num != num {
				return cost, fail(b, stack, 0, start, graph.Invalidf("end of a group that was not begun"))
			}
			stack = stack[:len(stack)-1]
		case bytesType:
			size, n := binary.Uvarint(b[pos:top.end])
			if n <= 0 || size > uint64(top.end-pos-n) {
				return cost, fail(b, stack, num, start, graph.Invalidf("longer than what holds it"))
			}
			pos += n
			f := schema[top.kind].field(num)
			if f.kind == none {
				cost += perBytes + f.grow*int64(size)
				pos += int(size)
				break
			}
			cost += schema[f.kind].size
			if f.kind == node {
				nodes++
			}
			stack = append(stack, frame{kind: f.kind, start: pos, end: pos + int(size), num: num})
		default:
			return cost, fail(b, stack, 0, start, graph.Invalidf("wire type %d", tag&7))
		}
		switch {
		case nodes > l.Nodes:
			err = graph.Limitf("more than %d nodes", l.Nodes)
		case len(stack) > l.Depth:
			err = graph.Limitf("messages nested deeper than %d", l.Depth)
		case cost > l.Bytes:
			err = graph.Limitf("decoding takes more than %d bytes", l.Bytes)
		default:
			continue
		}
		return cost, fail(b, stack, 0, start, err)
	}
}
