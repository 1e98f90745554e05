package pb

import (
	"bytes"
	"os"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"unsafe"
)

type message interface {
	Unmarshal([]byte) error
	Marshal() ([]byte, error)
	Size() int
}

// TestGolden reads messages that were written by the Python package onnx 1.23.2, with each field of each message
// filled somewhere, and wants the same bytes again.
func TestGolden(t *testing.T) {
	filled := map[string]bool{}
	seen := map[reflect.Type]bool{}
	for file, m := range map[string]message{"model": &ModelProto{}, "sequence": &SequenceProto{}} {
		want, err := os.ReadFile("testdata/" + file + ".pb")
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Unmarshal(want); err != nil {
			t.Fatal(err)
		}
		got, err := m.Marshal()
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %v\n%x\n%x", file, err, got, want)
		}
		visit(reflect.ValueOf(m), seen, filled)
	}
	for typ := range seen {
		for f := range typ.Fields() {
			tag := f.Tag.Get("protobuf")
			if name := typ.Name() + "." + f.Name; tag != "" && !filled[name] {
				t.Errorf("no message has %s", name)
			}
		}
		if o, ok := reflect.New(typ).Interface().(interface{ XXX_OneofWrappers() []any }); ok {
			for _, w := range o.XXX_OneofWrappers() {
				if !seen[reflect.TypeOf(w).Elem()] {
					t.Errorf("no message has %T", w)
				}
			}
		}
	}
	if len(seen) < 31 {
		t.Errorf("%d types of messages", len(seen))
	}
}

// visit notes the types of messages under v, and which fields are filled.
func visit(v reflect.Value, seen map[reflect.Type]bool, filled map[string]bool) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			visit(v.Elem(), seen, filled)
		}
	case reflect.Slice:
		for i := range v.Len() {
			visit(v.Index(i), seen, filled)
		}
	case reflect.Struct:
		seen[v.Type()] = true
		for i := range v.NumField() {
			if f := v.Field(i); !f.IsZero() && v.Type().Field(i).Name != "XXX_unrecognized" {
				filled[v.Type().Name()+"."+v.Type().Field(i).Name] = true
				visit(f, seen, filled)
			}
		}
	}
}

// within tells whether part is memory of whole.
func within(part, whole []byte) bool {
	p, w := uintptr(unsafe.Pointer(unsafe.SliceData(part))), uintptr(unsafe.Pointer(unsafe.SliceData(whole)))
	return p >= w && p+uintptr(len(part)) <= w+uintptr(len(whole))
}

func TestRawDataIsNotCopied(t *testing.T) {
	in := &ModelProto{Graph: &GraphProto{Initializer: []*TensorProto{{}}}}
	in.Graph.Initializer[0].SetRawBytes(bytes.Repeat([]byte("raw!"), 1<<20))
	b, err := in.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	out := &ModelProto{}
	err = out.Unmarshal(b)
	runtime.ReadMemStats(&after)
	if err != nil {
		t.Fatal(err)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 16<<10 {
		t.Errorf("%d bytes allocated", n)
	}
	raw := out.Graph.Initializer[0].RawBytes()
	if !within(raw, b) || !bytes.Equal(raw, in.Graph.Initializer[0].RawBytes()) {
		t.Error("raw_data is not a part of the input")
	}
	if cap(raw) != len(raw) {
		t.Error("an append to raw_data would overwrite what follows")
	}
	if again, err := out.Marshal(); err != nil || !bytes.Equal(again, b) {
		t.Errorf("not the same bytes again: %v", err)
	}
}

// TestOtherBytesAreCopied: what is small must not keep the mapped file.
func TestOtherBytesAreCopied(t *testing.T) {
	b := []byte("\x0a\x01k\x22\x02sv\x4a\x03one")
	a := &AttributeProto{}
	if err := a.Unmarshal(b); err != nil {
		t.Fatal(err)
	}
	clear(b)
	if a.GetName() != "k" || string(a.S) != "sv" || string(a.Strings[0]) != "one" {
		t.Errorf("%v", a)
	}
}

func TestRawPresence(t *testing.T) {
	var none *TensorProto
	absent, empty := &TensorProto{}, &TensorProto{}
	if err := empty.Unmarshal([]byte{9<<3 | 2, 0}); err != nil {
		t.Fatal(err)
	}
	if none.RawBytes() != nil || absent.RawBytes() != nil || empty.RawBytes() == nil || len(empty.RawBytes()) != 0 {
		t.Error("an absent and an empty raw_data are the same")
	}
	if b, err := empty.Marshal(); err != nil || !bytes.Equal(b, []byte{9<<3 | 2, 0}) {
		t.Errorf("%x, %v", b, err)
	}
}

// TestBytesStay has messages that must be written as they were read.
func TestBytesStay(t *testing.T) {
	for name, c := range map[string]struct {
		m message
		b string
	}{
		"empty string":          {&NodeProto{}, "\x0a\x00\x1a\x00"},
		"zero":                  {&ModelProto{}, "\x08\x00\x28\x00"},
		"unpacked ints":         {&AttributeProto{}, "\x40\x01\x40\x02"},
		"packed float_data":     {&TensorProto{}, "\x22\x04\x00\x00\x80\x3f"},
		"unknown in model":      {&ModelProto{}, "\x08\x0a\xba\x3e\x02hi"},
		"unknown in graph":      {&ModelProto{}, "\x3a\x06\x12\x01g\xb8\x3e\x07"},
		"unknown in tensor":     {&TensorProto{}, "\x08\x02\xbd\x3e\x01\x02\x03\x04"},
		"unknown in type":       {&TypeProto{}, "\x0a\x06\x08\x01\xba\x3e\x01x\xb8\x3e\x05"},
		"unknown fixed64":       {&NodeProto{}, "\xb9\x3e\x01\x02\x03\x04\x05\x06\x07\x08"},
		"unknown group":         {&NodeProto{}, "\xbb\x3e\x08\x01\x12\x01a\xbc\x3e"},
		"unknown value of enum": {&AttributeProto{}, "\xa0\x01\x63"},
		"string not in UTF-8":   {&NodeProto{}, "\x1a\x02\xff\xfe"},
		"negative int32":        {&TensorProto{}, "\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"},
	} {
		if err := c.m.Unmarshal([]byte(c.b)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got, err := c.m.Marshal(); err != nil || string(got) != c.b || c.m.Size() != len(c.b) {
			t.Errorf("%s: %x becomes %x: %v", name, c.b, got, err)
		}
	}
}

func TestPackedOrNot(t *testing.T) {
	float := "\x00\x00\x80\x3f"
	double := "\x00\x00\x00\x00\x00\x00\xf0\x3f"
	for name, c := range map[string]struct {
		m                message
		packed, unpacked string
	}{
		"dims":        {&TensorProto{}, "\x0a\x02\x02\x03", "\x08\x02\x08\x03"},
		"float_data":  {&TensorProto{}, "\x22\x08" + float + float, "\x25" + float + "\x25" + float},
		"int32_data":  {&TensorProto{}, "\x2a\x03\x02\xac\x02", "\x28\x02\x28\xac\x02"},
		"int64_data":  {&TensorProto{}, "\x3a\x03\x02\xac\x02", "\x38\x02\x38\xac\x02"},
		"double_data": {&TensorProto{}, "\x52\x10" + double + double, "\x51" + double + "\x51" + double},
		"uint64_data": {&TensorProto{}, "\x5a\x03\x02\xac\x02", "\x58\x02\x58\xac\x02"},
		"floats":      {&AttributeProto{}, "\x3a\x08" + float + float, "\x3d" + float + "\x3d" + float},
		"ints":        {&AttributeProto{}, "\x42\x03\x02\xac\x02", "\x40\x02\x40\xac\x02"},
		"keys":        {&MapProto{}, "\x1a\x02\x02\x03", "\x18\x02\x18\x03"},
	} {
		other := reflect.New(reflect.TypeOf(c.m).Elem()).Interface().(message)
		if err := c.m.Unmarshal([]byte(c.packed)); err != nil {
			t.Errorf("%s, packed: %v", name, err)
		}
		if err := other.Unmarshal([]byte(c.unpacked)); err != nil {
			t.Errorf("%s, unpacked: %v", name, err)
		}
		if !reflect.DeepEqual(c.m, other) || reflect.ValueOf(c.m).Elem().IsZero() {
			t.Errorf("%s: packed %v, unpacked %v", name, c.m, other)
		}
		want := c.unpacked // what the standard's schema asks for, but for the typed data of tensors
		if strings.HasSuffix(name, "_data") {
			want = c.packed
		}
		if got, err := c.m.Marshal(); err != nil || string(got) != want {
			t.Errorf("%s is written as %x; want %x", name, got, want)
		}
	}
}
