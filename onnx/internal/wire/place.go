package wire

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/onnxrun/onnxrun/graph"
)

// fail says where the scan stopped: at the byte, and in the field num, 0 when unknown, of the innermost of the messages.
func fail(b []byte, stack []frame, num uint64, pos int, err error) error {
	var path strings.Builder
	for i := range stack[1:] {
		if path.Len() > maxPath {
			path.WriteString("…")
			num = 0
			break
		}
		writeField(&path, b, &stack[i], stack[i+1].num, stack[i+1].start-1)
	}
	if num != 0 {
		writeField(&path, b, &stack[len(stack)-1], num, pos)
	}
	return &graph.FormatError{Field: path.String(), Offset: int64(pos), Err: err}
}

// maxPath keeps the path short when messages are nested to the limit.
const maxPath = 200

// writeField appends the name of field num of m whose tag is at or before pos, with its index when it is repeated. Unknown
// fields go by their number.
func writeField(path *strings.Builder, b []byte, m *frame, num uint64, pos int) {
	if path.Len() > 0 {
		path.WriteByte('.')
	}
	f := schema[m.kind].field(num)
	switch {
	case f.name == "":
		fmt.Fprintf(path, "#%d", num)
	case f.repeated:
		fmt.Fprintf(path, "%s[%d]", f.name, earlier(b, m.start, pos, num))
	default:
		path.WriteString(f.name)
	}
}

// earlier counts the fields num that end before pos, in what the scan has seen to be well formed. Counting only when something is
// wrong keeps the scan itself fast.
func earlier(b []byte, from, pos int, num uint64) (count int) {
	depth := 0
	for from < pos {
		tag, n := binary.Uvarint(b[from:])
		from += n
		switch tag & 7 {
		case varint:
			_, n = binary.Uvarint(b[from:])
			from += n
		case fixed64:
			from += 8
		case fixed32:
			from += 4
		case startGroup:
			depth++
		case endGroup:
			depth--
		case bytesType:
			size, n := binary.Uvarint(b[from:])
			from += n + int(size)
		}
		if depth == 0 && tag>>3 == num && from <= pos {
			count++
		}
	}
	return count
}
