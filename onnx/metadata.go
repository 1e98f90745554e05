package onnx

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/onnx/internal/pb"
)

// NodeMetadata is what an exporter wrote about a node beside the computation: PyTorch's, for instance, the modules that the node stands in. It is nil for nodes
// that were built.
func NodeMetadata(n *graph.Node) map[string]string {
	p, _ := n.Origin.(*pb.NodeProto)
	if p == nil || len(p.MetadataProps) == 0 {
		return nil
	}
	m := make(map[string]string, len(p.MetadataProps))
	for _, e := range p.MetadataProps {
		m[e.GetKey()] = e.GetValue()
	}
	return m
}
