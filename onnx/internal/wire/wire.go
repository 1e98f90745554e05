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

// Wire types.
const (
	varint     = 0
	fixed64    = 1
	bytesType  = 2
	startGroup = 3
	endGroup   = 4
	fixed32    = 5
)

// frame is a message whose fields are being read.
type frame struct {
	kind  Kind
	end   int
	group uint64 // the field number that closes a group, 0 for messages
}

// Scan checks that b is an encoded message of the kind within the limits. It guarantees that the decoder will neither
// recurse deeper nor, but for a small factor, allocate more than the limits say. Errors are *graph.FormatError.
func Scan(b []byte, kind Kind, l Limits) error {
	var nodes, cost int64
	stack := make([]frame, 1, 16)
	stack[0] = frame{kind: kind, end: len(b)}
	pos := 0
	for {
		top := &stack[len(stack)-1]
		if pos >= top.end {
			if top.group != 0 {
				return fail(pos, graph.Invalidf("a group without an end"))
			}
			if stack = stack[:len(stack)-1]; len(stack) == 0 {
				return nil
			}
			continue
		}
		start := pos
		tag, n := binary.Uvarint(b[pos:top.end])
		if n <= 0 || tag>>3 == 0 || tag>>3 > 1<<29-1 {
			return fail(start, graph.Invalidf("broken field tag"))
		}
		pos += n
		num := tag >> 3
		switch tag & 7 {
		case varint:
			if _, n = binary.Uvarint(b[pos:top.end]); n <= 0 {
				return fail(start, graph.Invalidf("broken integer"))
			}
			pos += n
			cost += perNumber
		case fixed64, fixed32:
			n := 8
			if tag&7 == fixed32 {
				n = 4
			}
			if top.end-pos < n {
				return fail(start, graph.Invalidf("number cut off"))
			}
			pos += n
			cost += perNumber
		case startGroup:
			stack = append(stack, frame{kind: none, end: top.end, group: num})
		case endGroup:
			if top.group != num {
				return fail(start, graph.Invalidf("end of a group that was not begun"))
			}
			stack = stack[:len(stack)-1]
		case bytesType:
			size, n := binary.Uvarint(b[pos:top.end])
			if n <= 0 || size > uint64(top.end-pos-n) {
				return fail(start, graph.Invalidf("field %d longer than what holds it", num))
			}
			pos += n
			f := schema[top.kind].field(num)
			if f.kind == none {
				cost += perBytes + f.grow*int64(size)
				pos += int(size)
				break
			}
			cost += schema[f.kind].size
			if f.kind == Node {
				if nodes++; nodes > l.Nodes {
					return fail(start, graph.Limitf("more than %d nodes", l.Nodes))
				}
			}
			stack = append(stack, frame{kind: f.kind, end: pos + int(size)})
		default:
			return fail(start, graph.Invalidf("wire type %d", tag&7))
		}
		if len(stack) > l.Depth {
			return fail(start, graph.Limitf("messages nested deeper than %d", l.Depth))
		}
		if cost > l.Bytes {
			return fail(start, graph.Limitf("decoding takes more than %d bytes", l.Bytes))
		}
	}
}

func fail(pos int, err error) error { return &graph.FormatError{Offset: int64(pos), Err: err} }
