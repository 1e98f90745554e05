package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/onnx/internal/pb"
)

var roomy = Limits{Depth: 100, Nodes: 1e6, Bytes: 1 << 30}

// lengthDelimited is field num with the content.
func lengthDelimited(num uint64, content ...byte) []byte {
	b := binary.AppendUvarint(nil, num<<3|bytesType)
	b = binary.AppendUvarint(b, uint64(len(content)))
	return append(b, content...)
}

// nested is field num inside of itself.
func nested(depth int, path ...uint64) []byte {
	// Lengths are known from the inside out, so the headers are written backwards.
	buf := make([]byte, 8*depth)
	at := len(buf)
	for i := range depth {
		head := binary.AppendUvarint(nil, path[(depth-1-i)%len(path)]<<3|bytesType)
		head = binary.AppendUvarint(head, uint64(len(buf)-at))
		at -= len(head)
		copy(buf[at:], head)
	}
	return buf[at:]
}

func TestMalformed(t *testing.T) {
	for name, c := range map[string]struct {
		b      []byte
		offset int64
		field  string
	}{
		"tag cut off":           {[]byte{0x80}, 0, ""},
		"tag of eleven bytes":   {bytes.Repeat([]byte{0x80}, 11), 0, ""},
		"field number 0":        {[]byte{0x00, 0x01}, 0, ""},
		"field number 2^29":     {binary.AppendUvarint(nil, 1<<32), 0, ""},
		"wire type 6":           {[]byte{0x0e}, 0, ""},
		"wire type 7":           {[]byte{0x08, 0x01, 0x0f}, 2, ""},
		"no integer":            {[]byte{0x08}, 0, "ir_version"},
		"integer cut off":       {[]byte{0x08, 0xff}, 0, "ir_version"},
		"integer of 11 bytes":   {append([]byte{0x08}, bytes.Repeat([]byte{0xff}, 11)...), 0, "ir_version"},
		"double cut off":        {[]byte{0x08, 0x01, 0x99, 0x03, 1, 2, 3, 4, 5, 6, 7}, 2, "#51"},
		"float cut off":         {[]byte{0x9d, 0x03, 1, 2, 3}, 0, "#51"},
		"no length":             {[]byte{0x12}, 0, "producer_name"},
		"length cut off":        {[]byte{0x12, 0x80}, 0, "producer_name"},
		"length beyond the end": {[]byte{0x12, 0x03, 'a', 'b'}, 0, "producer_name"},
		"length 2^63":           {append([]byte{0x12}, binary.AppendUvarint(nil, 1<<63)...), 0, "producer_name"},
		"length 2^64-1":         {append([]byte{0x12}, binary.AppendUvarint(nil, math.MaxUint64)...), 0, "producer_name"},
		"beyond its parent":     {append([]byte{0x3a, 0x02, 0x12, 0x05}, "longer"...), 2, "graph.name"},
		"group without end":     {[]byte{0x9b, 0x03, 0x08, 0x01}, 4, "#51"},
		"end without group":     {[]byte{0x9c, 0x03}, 0, ""},
		"end of another group":  {[]byte{0x9b, 0x03, 0xa4, 0x03}, 2, "#51"},
		"end in a message":      {[]byte{0x9b, 0x03, 0x12, 0x02, 0x9c, 0x03, 0x99}, 6, "#51"},
		"second opset": {append(lengthDelimited(8, 0x10, 0x15), lengthDelimited(8, 0x10)...), 6,
			"opset_import[1].version"},
		"deep inside": {lengthDelimited(7, append(append(lengthDelimited(1), lengthDelimited(1, lengthDelimited(5,
			lengthDelimited(5, 0x4a, 0x01)...)...)...), 0)...), 10, "graph.node[1].attribute[0].t.raw_data"},
	} {
		t.Run(name, func(t *testing.T) {
			var e *graph.FormatError
			err := Scan(c.b, Model, roomy)
			if !errors.As(err, &e) || !errors.Is(err, graph.ErrInvalid) {
				t.Fatalf("%v; want an invalid format", err)
			}
			if e.Offset != c.offset || e.Field != c.field {
				t.Errorf("at byte %d of %q; want %d of %q: %v", e.Offset, e.Field, c.offset, c.field, err)
			}
		})
	}
}

func TestWellFormed(t *testing.T) {
	for name, c := range map[string]struct {
		kind Kind
		b    []byte
	}{
		"empty":                           {Model, nil},
		"unknown group in a group":        {Model, []byte{0x9b, 0x03, 0x9b, 0x03, 0x08, 0x01, 0x9c, 0x03, 0x9c, 0x03}},
		"ten-byte integer":                {Model, append([]byte{0x08}, binary.AppendUvarint(nil, math.MaxUint64)...)},
		"what looks like a broken graph":  {Model, lengthDelimited(2, 0x3a, 0xff, 0xff)}, // producer_name
		"what looks like a broken tensor": {Tensor, lengthDelimited(9, 0x0f, 0x80)},      // raw_data
		"unknown field":                   {Model, lengthDelimited(maxFieldNumber, 0xff)},
		"99 deep":                         {Optional, nested(99, 7)},
	} {
		if err := Scan(c.b, c.kind, roomy); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestBombs wants small files that would take gigabytes, or all of the stack, refused at once.
func TestBombs(t *testing.T) {
	const MB = 1 << 20
	// Half a gigabyte, or what small models need.
	limits := func(b []byte) Limits {
		return Limits{Depth: 100, Nodes: 1e6, Bytes: min(48*MB+20*int64(len(b)), 512*MB)}
	}
	repeat := func(n int, b ...byte) []byte { return bytes.Repeat(b, n/len(b)) }
	for name, c := range map[string]struct {
		kind Kind
		b    []byte
		want string
	}{
		"1 M graphs in attributes":  {Model, lengthDelimited(7, nested(1e6, 1, 5, 6)...), "deeper"},
		"1 M optionals":             {Optional, nested(1e6, 7), "deeper"},
		"1 M types":                 {Model, lengthDelimited(7, lengthDelimited(11, lengthDelimited(2, nested(1e6, 4, 1)...)...)...), "deeper"},
		"1 M groups":                {Model, repeat(MB, 0x9b, 0x03), "deeper"},
		"10 MB of empty nodes":      {Model, lengthDelimited(7, repeat(10*MB, 0x0a, 0)...), "nodes"},
		"2 M empty nodes, apart":    {Model, repeat(4*MB, lengthDelimited(7, 0x0a, 0, 0x0a, 0)...), "nodes"},
		"10 MB of empty tensors":    {Model, lengthDelimited(7, repeat(10*MB, 0x2a, 0)...), "bytes"},
		"10 MB of empty graphs":     {Model, lengthDelimited(7, lengthDelimited(1, lengthDelimited(5, repeat(10*MB, 0x5a, 0)...)...)...), "bytes"},
		"40 MB of empty strings":    {Tensor, repeat(40*MB, 0x32, 0), "bytes"},
		"40 MB of empty dimensions": {Model, lengthDelimited(7, lengthDelimited(11, lengthDelimited(2, lengthDelimited(1, lengthDelimited(2, repeat(40*MB, 0x0a, 0)...)...)...)...)...), "bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			l := limits(c.b)
			if strings.HasSuffix(c.want, "nodes") {
				l.Bytes = 4 << 30
			}
			start := time.Now()
			err := Scan(c.b, c.kind, l)
			if !errors.Is(err, graph.ErrLimit) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v; want a limit of %s", err, c.want)
			} else if len(err.Error()) > 500 {
				t.Errorf("%d bytes of error", len(err.Error()))
			}
			if d := time.Since(start); d > time.Second {
				t.Errorf("took %v", d)
			}
		})
	}
}

func TestPathOfLimits(t *testing.T) {
	b := lengthDelimited(7, append(lengthDelimited(1), lengthDelimited(1, nested(8, 5, 6, 1)...)...)...)
	var e *graph.FormatError
	if err := Scan(b, Model, Limits{Depth: 6, Nodes: 10, Bytes: 1e6}); !errors.As(err, &e) || e.Field != "graph.node[1].attribute[0].g.node[0].attribute[0]" {
		t.Error(err)
	}
	if err := Scan(b, Model, Limits{Depth: 100, Nodes: 2, Bytes: 1e6}); !errors.As(err, &e) || e.Field != "graph.node[1].attribute[0].g.node[0]" {
		t.Error(err)
	}
	ok := Scan(b, Model, Limits{Depth: 100, Nodes: 4, Bytes: 1e6})
	if ok != nil {
		t.Error(ok)
	}
}

// TestSchemaNumbers compares what was read off the structs with numbers of the standard.
func TestSchemaNumbers(t *testing.T) {
	s := schema
	if len(s)-1 != 31 {
		t.Errorf("%d kinds of messages", len(s)-1)
	}
	at := Model
	for _, num := range []uint64{7, 1, 5, 22, 1} { // graph, node, attribute, sparse_tensor, values
		at = s[at].field(num).kind
	}
	if at != Tensor {
		t.Errorf("tensor of a sparse tensor of an attribute is %v", s[at].typ)
	}
	for _, c := range []struct {
		num  uint64
		want field
	}{
		{1, field{grow: 8, name: "dims", repeated: true}}, {4, field{grow: 1, name: "float_data", repeated: true}},
		{5, field{grow: 4, name: "int32_data", repeated: true}}, {6, field{grow: 1, name: "string_data", repeated: true}},
		{9, field{grow: 0, name: "raw_data"}}, {11, field{grow: 8, name: "uint64_data", repeated: true}}, {99, field{grow: 1}},
	} {
		if got := s[Tensor].field(c.num); got != c.want {
			t.Errorf("field %d of a tensor is %+v; want %+v", c.num, got, c.want)
		}
	}
	for k := range s[1:] {
		if s[k+1].fields == nil || s[k+1].typ.Kind() != reflect.Struct {
			t.Errorf("%v has no fields", s[k+1].typ)
		}
	}
	if num, name := tagOf(protoFields(reflect.TypeFor[pb.TypeProto]())[1]); num != 1 || name != "tensor_type" {
		t.Errorf("first of the oneof is %d, %q", num, name)
	}
}

// TestScanIsFast scans a model whose bytes are nearly all raw_data, and one of many small nodes.
func TestScanIsFast(t *testing.T) {
	big := lengthDelimited(7, lengthDelimited(5, lengthDelimited(9, make([]byte, 64<<20)...)...)...)
	if n := testing.AllocsPerRun(10, func() {
		if Scan(big, Model, roomy) != nil {
			t.Fatal("refused")
		}
	}); n > 1 {
		t.Errorf("%v allocations", n)
	}
	start := time.Now()
	for range 1000 {
		_ = Scan(big, Model, roomy)
	}
	if d := time.Since(start); d > 2*time.Second { // 64 GB
		t.Errorf("%v for 1000 scans", d)
	}
}

func BenchmarkScan(b *testing.B) {
	n := lengthDelimited(1, append(append(lengthDelimited(1, []byte("input_1")...), lengthDelimited(2, []byte("output_1")...)...),
		append(lengthDelimited(4, []byte("Relu")...), lengthDelimited(5, 0x0a, 1, 'a', 0x18, 0x01)...)...)...)
	m := lengthDelimited(7, bytes.Repeat(n, 1e5)...)
	b.SetBytes(int64(len(m)))
	for b.Loop() {
		if err := Scan(m, Model, roomy); err != nil {
			b.Fatal(err)
		}
	}
}
