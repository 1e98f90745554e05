package wire

import (
	"unsafe"

	"github.com/onnxrun/onnxrun/onnx/internal/pb"
)

// Kind is a type of message.
type Kind uint8

// The messages that hold messages, or lists of integers.
const (
	none Kind = iota
	Model
	Graph
	Function
	Node
	Attribute
	Tensor
	SparseTensor
	Type
	Sequence
	Map
	Optional
	training
	valueInfo
	annotation
	typeOfTensor
	typeOfElem
	typeOfMap
	shape
	dimension
	segment
	entry
	opset
	device
	nodeDevice
	sharding
	shardedDim
	simpleSharding
	intList
	kinds
)

// Bytes that decoding allocates for a number and for the header of a string or slice, with the copies of lists that grow.
const (
	perNumber = 16
	perBytes  = 56
)

// field tells how a length-delimited field is decoded: as a message, or as bytes that grow in memory.
type field struct {
	kind Kind
	grow int64
}

type messageInfo struct {
	size   int64 // in memory, with the pointer to it
	fields []field
}

func (m *messageInfo) field(num uint64) field {
	if num < uint64(len(m.fields)) {
		return m.fields[num]
	}
	return field{grow: 1} // strings, and what is not known
}

var schema = newSchema()

func define[T any](s *[kinds]messageInfo, k Kind, fields map[int]field) {
	var z T
	m := &s[k]
	m.size = int64(unsafe.Sizeof(z)) + 32
	for n, f := range fields {
		for len(m.fields) <= n {
			m.fields = append(m.fields, field{grow: 1})
		}
		m.fields[n] = f
	}
}

func is(k Kind) field { return field{kind: k} }

func newSchema() *[kinds]messageInfo {
	s := &[kinds]messageInfo{}
	ints := field{grow: 8}   // packed integers: a byte becomes an int64
	floats := field{grow: 1} // packed numbers of fixed size
	define[pb.ModelProto](s, Model, map[int]field{7: is(Graph), 8: is(opset), 14: is(entry), 20: is(training), 25: is(Function), 26: is(device)})
	define[pb.GraphProto](s, Graph, map[int]field{1: is(Node), 5: is(Tensor), 11: is(valueInfo), 12: is(valueInfo), 13: is(valueInfo),
		14: is(annotation), 15: is(SparseTensor), 16: is(entry)})
	define[pb.FunctionProto](s, Function, map[int]field{7: is(Node), 9: is(opset), 11: is(Attribute), 12: is(valueInfo), 14: is(entry)})
	define[pb.NodeProto](s, Node, map[int]field{5: is(Attribute), 9: is(entry), 10: is(nodeDevice)})
	define[pb.AttributeProto](s, Attribute, map[int]field{5: is(Tensor), 6: is(Graph), 7: floats, 8: ints, 10: is(Tensor), 11: is(Graph),
		14: is(Type), 15: is(Type), 22: is(SparseTensor), 23: is(SparseTensor)})
	// raw_data, field 9, stays where it is.
	define[pb.TensorProto](s, Tensor, map[int]field{1: ints, 3: is(segment), 4: floats, 5: ints, 7: ints, 9: {grow: 0, kind: none}, 10: floats, 11: ints,
		13: is(entry), 16: is(entry)})
	define[pb.SparseTensorProto](s, SparseTensor, map[int]field{1: is(Tensor), 2: is(Tensor), 3: ints})
	define[pb.TypeProto](s, Type, map[int]field{1: is(typeOfTensor), 4: is(typeOfElem), 5: is(typeOfMap), 7: is(entry), 8: is(typeOfTensor), 9: is(typeOfElem)})
	define[pb.TypeProto_Tensor](s, typeOfTensor, map[int]field{2: is(shape)})
	define[pb.TypeProto_Sequence](s, typeOfElem, map[int]field{1: is(Type)})
	define[pb.TypeProto_Map](s, typeOfMap, map[int]field{2: is(Type)})
	define[pb.TensorShapeProto](s, shape, map[int]field{1: is(dimension)})
	define[pb.TensorShapeProto_Dimension](s, dimension, nil)
	define[pb.TensorProto_Segment](s, segment, nil)
	define[pb.StringStringEntryProto](s, entry, nil)
	define[pb.OperatorSetIdProto](s, opset, nil)
	define[pb.ValueInfoProto](s, valueInfo, map[int]field{2: is(Type), 4: is(entry)})
	define[pb.TensorAnnotation](s, annotation, map[int]field{2: is(entry)})
	define[pb.TrainingInfoProto](s, training, map[int]field{1: is(Graph), 2: is(Graph), 3: is(entry), 4: is(entry)})
	define[pb.DeviceConfigurationProto](s, device, nil)
	define[pb.NodeDeviceConfigurationProto](s, nodeDevice, map[int]field{2: is(sharding)})
	define[pb.ShardingSpecProto](s, sharding, map[int]field{2: ints, 3: is(intList), 4: is(shardedDim)})
	define[pb.ShardedDimProto](s, shardedDim, map[int]field{2: is(simpleSharding)})
	define[pb.SimpleShardedDimProto](s, simpleSharding, nil)
	define[pb.IntIntListEntryProto](s, intList, map[int]field{2: ints})
	define[pb.SequenceProto](s, Sequence, map[int]field{3: is(Tensor), 4: is(SparseTensor), 5: is(Sequence), 6: is(Map), 7: is(Optional)})
	define[pb.MapProto](s, Map, map[int]field{3: ints, 5: is(Sequence)})
	define[pb.OptionalProto](s, Optional, map[int]field{3: is(Tensor), 4: is(SparseTensor), 5: is(Sequence), 6: is(Map), 7: is(Optional)})
	return s
}
