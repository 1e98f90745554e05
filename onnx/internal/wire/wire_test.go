package wire

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/onnx/internal/pb"
)

var wide = Limits{Depth: 100, Nodes: 1000, Bytes: 1 << 20}

func TestScan(t *testing.T) {
	for _, c := range []struct {
		in   string
		l    Limits
		kind error // nil when the bytes are sound
		at   int64
	}{
		{"", wide, nil, 0},
		{"\x08\x07", wide, nil, 0},
		{"\x3a\x02\x0a\x00", wide, nil, 0},                                              // a graph with an empty node
		{"\x9b\x06\x08\x01\x9c\x06", wide, nil, 0},                                      // an unknown group
		{"\x9b\x06\x08\x01", wide, graph.ErrInvalid, 4},                                 // without its end
		{"\x9c\x06", wide, graph.ErrInvalid, 0},                                         // without its beginning
		{"\x9b\x06\xa4\x06", wide, graph.ErrInvalid, 2},                                 // with the end of another
		{"\x3a\x02\x9b\x06\x9c\x06", wide, graph.ErrInvalid, 4},                         // beyond its message
		{"\x00\x01", wide, graph.ErrInvalid, 0},                                         // field 0
		{"\x0f", wide, graph.ErrInvalid, 0},                                             // wire type 7
		{"\x08", wide, graph.ErrInvalid, 0},                                             // no value
		{"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", wide, graph.ErrInvalid, 0}, // more than 64 bits
		{"\x0d\x00\x00\x00", wide, graph.ErrInvalid, 0},                                 // three of four bytes
		{"\x3a\x03\x0a\x00", wide, graph.ErrInvalid, 0},                                 // longer than the file
		{"\x3a\x02\x0a\x01\x00", wide, graph.ErrInvalid, 2},                             // a node longer than its graph
		{"\x3a\x04\x0a\x00\x0a\x00", Limits{100, 1, 1 << 20}, graph.ErrLimit, 4},
		{"\x3a\x02\x0a\x00", Limits{2, 9, 1 << 20}, graph.ErrLimit, 2},
		{"\x3a\x02\x0a\x00", Limits{3, 9, 1 << 20}, nil, 0},
		{"\x12\x02ab", Limits{9, 9, 57}, graph.ErrLimit, 0},
	} {
		err := Scan([]byte(c.in), Model, c.l)
		var e *graph.FormatError
		switch {
		case c.kind == nil && err != nil:
			t.Errorf("%q: %v", c.in, err)
		case c.kind != nil && (!errors.Is(err, c.kind) || !errors.As(err, &e) || e.Offset != c.at):
			t.Errorf("%q: %v, want %v at %d", c.in, err, c.kind, c.at)
		}
		if m := new(pb.ModelProto); c.kind == nil && m.Unmarshal([]byte(c.in)) != nil {
			t.Errorf("%q passes and does not decode", c.in)
		}
	}
}

// TestSchema compares the table with the structs: each field that holds a message must be in it.
func TestSchema(t *testing.T) {
	kinds := map[reflect.Type]Kind{
		reflect.TypeFor[pb.ModelProto](): Model, reflect.TypeFor[pb.SequenceProto](): Sequence, reflect.TypeFor[pb.MapProto](): Map,
		reflect.TypeFor[pb.OptionalProto](): Optional,
	}
	queue := []reflect.Type{}
	for typ := range kinds {
		queue = append(queue, typ)
	}
	number := func(tag string) (n uint64) {
		for _, r := range strings.Split(tag, ",")[1] {
			n = 10*n + uint64(r-'0')
		}
		return n
	}
	checked := 0
	for len(queue) > 0 {
		typ := queue[0]
		queue = queue[1:]
		fields := reflect.VisibleFields(typ)
		if m, ok := reflect.New(typ).Interface().(interface{ XXX_OneofWrappers() []interface{} }); ok {
			for _, w := range m.XXX_OneofWrappers() {
				fields = append(fields, reflect.TypeOf(w).Elem().Field(0))
			}
		}
		for _, f := range fields {
			tag := f.Tag.Get("protobuf")
			elem := f.Type
			for elem.Kind() == reflect.Pointer || elem.Kind() == reflect.Slice {
				elem = elem.Elem()
			}
			if tag == "" || elem.Kind() != reflect.Struct {
				continue
			}
			k := schema[kinds[typ]].field(number(tag)).kind
			if k == none {
				t.Errorf("%s.%s is not in the table", typ, f.Name)
				continue
			}
			checked++
			if int64(elem.Size()) > schema[k].size {
				t.Errorf("%s.%s takes %d bytes, the table says %d", typ, f.Name, elem.Size(), schema[k].size)
			}
			if was, ok := kinds[elem]; !ok {
				kinds[elem] = k
				queue = append(queue, elem)
			} else if len(schema[was].fields) > len(schema[k].fields) {
				t.Errorf("%s.%s is of kind %d in the table, elsewhere %d", typ, f.Name, k, was)
			}
		}
	}
	if checked < 60 {
		t.Errorf("only %d fields found", checked)
	}
}

func FuzzScan(f *testing.F) {
	f.Add([]byte("\x08\x07\x3a\x02\x0a\x00"))
	f.Add([]byte("\x9b\x06\x08\x01\x9c\x06"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if Scan(b, Model, wide) == nil {
			new(pb.ModelProto).Unmarshal(b) // must not panic, whatever it says
		}
	})
}
