package onnx

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/onnx/internal/pb"
)

// importType reads a type. Sparse tensors count as the dense ones that they are loaded as; of opaque types nothing is known.
func importType(p *pb.TypeProto) (graph.Type, error) {
	switch v := p.GetValue().(type) {
	case *pb.TypeProto_TensorType:
		t, err := importTensorType(v.TensorType.GetElemType(), v.TensorType.GetShape())
		return t, in("tensor_type", err)
	case *pb.TypeProto_SparseTensorType:
		t, err := importTensorType(v.SparseTensorType.GetElemType(), v.SparseTensorType.GetShape())
		return t, in("sparse_tensor_type", err)
	case *pb.TypeProto_SequenceType:
		t, err := importType(v.SequenceType.GetElemType())
		return graph.SeqOf(t), in("sequence_type", err)
	case *pb.TypeProto_OptionalType:
		t, err := importType(v.OptionalType.GetElemType())
		return graph.OptOf(t), in("optional_type", err)
	case *pb.TypeProto_MapType:
		key, err := elemTypeOrUnknown(v.MapType.GetKeyType())
		if err != nil {
			return graph.Type{}, in("map_type.key_type", err)
		}
		t, err := importType(v.MapType.GetValueType())
		return graph.Type{DType: tensor.Map, Key: key, Elem: &t}, in("map_type", err)
	}
	return graph.Type{}, nil
}

func elemTypeOrUnknown(n int32) (tensor.DType, error) {
	if n == 0 {
		return tensor.Invalid, nil
	}
	return elemType(n)
}

func importTensorType(elem int32, shape *pb.TensorShapeProto) (graph.Type, error) {
	d, err := elemTypeOrUnknown(elem)
	if err != nil {
		return graph.Type{}, in("elem_type", err)
	}
	if shape == nil {
		return graph.Unranked(d), nil
	}
	if len(shape.Dim) > maxRank {
		return graph.Type{}, in("shape", graph.Limitf("%d axes, more than %d", len(shape.Dim), maxRank))
	}
	t := graph.Type{DType: d, Ranked: true, Shape: make([]graph.Dim, len(shape.Dim))}
	for i, p := range shape.Dim {
		t.Shape[i] = graph.Unknown()
		switch v := p.GetValue().(type) {
		case *pb.TensorShapeProto_Dimension_DimValue:
			if v.DimValue >= 0 && int64(int(v.DimValue)) == v.DimValue {
				t.Shape[i] = graph.Size(int(v.DimValue))
			}
		case *pb.TensorShapeProto_Dimension_DimParam:
			t.Shape[i] = graph.Sym(v.DimParam)
		}
	}
	return t, nil
}

// exportType is a new message for t, nil when nothing is known.
func exportType(t graph.Type) *pb.TypeProto {
	elem := func() *pb.TypeProto {
		if t.Elem == nil {
			return nil
		}
		return exportType(*t.Elem)
	}
	switch t.DType {
	case tensor.Sequence:
		return &pb.TypeProto{Value: &pb.TypeProto_SequenceType{SequenceType: &pb.TypeProto_Sequence{ElemType: elem()}}}
	case tensor.Optional:
		return &pb.TypeProto{Value: &pb.TypeProto_OptionalType{OptionalType: &pb.TypeProto_Optional{ElemType: elem()}}}
	case tensor.Map:
		key := int32(t.Key)
		return &pb.TypeProto{Value: &pb.TypeProto_MapType{MapType: &pb.TypeProto_Map{KeyType: &key, ValueType: elem()}}}
	}
	if t.IsZero() {
		return nil
	}
	d := int32(t.DType)
	p := &pb.TypeProto_Tensor{ElemType: &d}
	if t.Ranked {
		p.Shape = &pb.TensorShapeProto{}
		for _, d := range t.Shape {
			dim := &pb.TensorShapeProto_Dimension{}
			if n, ok := d.Int(); ok {
				dim.Value = &pb.TensorShapeProto_Dimension_DimValue{DimValue: int64(n)}
			} else if d.Known() {
				dim.Value = &pb.TensorShapeProto_Dimension_DimParam{DimParam: d.String()}
			}
			p.Shape.Dim = append(p.Shape.Dim, dim)
		}
	}
	return &pb.TypeProto{Value: &pb.TypeProto_TensorType{TensorType: p}}
}

// typeMessage is exportType where there must be a message.
func typeMessage(t graph.Type) *pb.TypeProto {
	if p := exportType(t); p != nil {
		return p
	}
	return &pb.TypeProto{}
}

// sameType reports whether a and b say the same. Unlike [graph.Type.Equal] it takes unknown dimensions for the same.
func sameType(a, b graph.Type) bool {
	if a.DType != b.DType || a.Ranked != b.Ranked || len(a.Shape) != len(b.Shape) || a.Key != b.Key || (a.Elem == nil) != (b.Elem == nil) {
		return false
	}
	for i, d := range a.Shape {
		if !d.Equal(b.Shape[i]) && (d.Known() || b.Shape[i].Known()) {
			return false
		}
	}
	return a.Elem == nil || sameType(*a.Elem, *b.Elem)
}
