package onnx

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/onnx/internal/pb"
)

// What the Origin fields of a graph hold: the messages that an entity was read from, and what was made of them where that is
// needed to see a change. Export writes the message of whatever still says the same, so that nothing is lost which
// the graph does not represent: documentation, metadata, unknown fields, the form in which elements are stored.
// An origin never changes after the import: copies of a graph share it.

// graphOrigin belongs to the graph of a model, to those inside its nodes, and to bodies of functions (proto is nil).
type graphOrigin struct {
	model *pb.ModelProto // of a model's main graph
	proto *pb.GraphProto
	src   *source                     // of a model's main graph
	nodes []*pb.NodeProto             // in the order in which they were imported
	stray map[*pb.ValueInfoProto]bool // in value_info, but about no value of the graph
}

type valueOrigin struct {
	infos []*pb.ValueInfoProto // as input, output and in between
	typ   graph.Type           // what infos say, or the type of the constant

	tensor *pb.TensorProto       // the initializer, dense
	sparse *pb.SparseTensorProto // or sparse
	value  *tensor.Tensor        // which it gave
	src    *source
}

// attrOrigin is the message of an attribute and the value that it gave.
type attrOrigin struct {
	proto *pb.AttributeProto
	value any
	src   *source
}

func originOf(v *graph.Value) *valueOrigin {
	o, _ := v.Origin.(*valueOrigin)
	return o
}

// describes reports whether p was read as information about v.
func (o *valueOrigin) describes(p *pb.ValueInfoProto) bool {
	if o != nil {
		for _, q := range o.infos {
			if p == q {
				return true
			}
		}
	}
	return false
}
