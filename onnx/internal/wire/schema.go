package wire

import (
	"reflect"
	"strconv"
	"strings"

	"github.com/onnxrun/onnxrun/onnx/internal/pb"
)

// Kind is a type of message.
type Kind uint8

// The messages that files consist of, and those that the scan counts. Those inside of them follow, by no name.
const (
	none Kind = iota
	Model
	Tensor
	Sequence
	Map
	Optional
	node
	named
)

var types = [named]reflect.Type{
	Model:    reflect.TypeFor[pb.ModelProto](),
	Tensor:   reflect.TypeFor[pb.TensorProto](),
	Sequence: reflect.TypeFor[pb.SequenceProto](),
	Map:      reflect.TypeFor[pb.MapProto](),
	Optional: reflect.TypeFor[pb.OptionalProto](),
	node:     reflect.TypeFor[pb.NodeProto](),
}

// field tells how a length-delimited field is decoded: as a message, or as bytes that grow in memory.
type field struct {
	kind     Kind
	grow     int64
	name     string
	repeated bool
}

type message struct {
	typ    reflect.Type
	size   int64 // in memory, with the pointer to it
	fields []field
}

func (m *message) field(num uint64) field {
	if num < uint64(len(m.fields)) {
		return m.fields[num]
	}
	return field{grow: 1} // kept as it is
}

// schema holds a message for each kind.
var schema = newSchema()

// newSchema reads the generated structs, so that the schema is always theirs.
func newSchema() []message {
	s := make([]message, named)
	kinds := map[reflect.Type]Kind{}
	for k, t := range types {
		s[k].typ = t
		kinds[t] = Kind(k)
	}
	kindOf := func(t reflect.Type) Kind {
		if t.Kind() != reflect.Pointer || t.Elem().Kind() != reflect.Struct {
			return none
		}
		if _, ok := kinds[t.Elem()]; !ok {
			kinds[t.Elem()] = Kind(len(s))
			s = append(s, message{typ: t.Elem()})
		}
		return kinds[t.Elem()]
	}
	for k := 1; k < len(s); k++ { // s grows meanwhile
		s[k].size = int64(s[k].typ.Size()) + perMessage
		for _, f := range protoFields(s[k].typ) {
			num, name := tagOf(f)
			for len(s[k].fields) <= num {
				s[k].fields = append(s[k].fields, field{grow: 1})
			}
			t, info := f.Type, field{grow: 1, name: name}
			if t.Kind() == reflect.Slice && t.Elem().Kind() != reflect.Uint8 {
				t, info.repeated = t.Elem(), true
			}
			switch t.Kind() {
			case reflect.Int32, reflect.Int64, reflect.Uint64:
				info.grow = int64(t.Size()) // packed: one byte becomes a number
			}
			if f.Type == reflect.TypeFor[*pb.Raw]() {
				info.grow = 0 // stays where it is
			}
			info.kind = kindOf(t)
			s[k].fields[num] = info
		}
	}
	return s
}

// protoFields are the fields of a message, also those inside of a oneof.
func protoFields(t reflect.Type) (out []reflect.StructField) {
	for f := range t.Fields() {
		if f.Tag.Get("protobuf") != "" {
			out = append(out, f)
		}
	}
	if o, ok := reflect.New(t).Interface().(interface{ XXX_OneofWrappers() []any }); ok {
		for _, w := range o.XXX_OneofWrappers() {
			out = append(out, reflect.TypeOf(w).Elem().Field(0))
		}
	}
	return out
}

// tagOf reads a tag like "bytes,7,opt,name=graph".
func tagOf(f reflect.StructField) (num int, name string) {
	for i, part := range strings.Split(f.Tag.Get("protobuf"), ",") {
		if i == 1 {
			num, _ = strconv.Atoi(part)
		}
		if s, ok := strings.CutPrefix(part, "name="); ok {
			name = s
		}
	}
	return num, name
}
