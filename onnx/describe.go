package onnx

import "github.com/onnxrun/onnxrun/graph"

// Info is what a model says of itself.
type Info struct {
	IRVersion       int64             `json:"ir_version"`
	Opsets          map[string]int    `json:"opsets"`
	Producer        string            `json:"producer,omitempty"`
	ProducerVersion string            `json:"producer_version,omitempty"`
	Domain          string            `json:"domain,omitempty"`
	ModelVersion    int64             `json:"model_version,omitempty"`
	Doc             string            `json:"doc,omitempty"`
	Metadata        map[string]string `json:"metadata,omitempty"`
	Functions       int               `json:"functions,omitempty"`
}

// Describe tells what the file that g was loaded from says of itself. A graph that was built has opsets and functions only.
func Describe(g *graph.Graph) Info {
	info := Info{Opsets: g.Opsets, Functions: len(g.Functions)}
	o, _ := g.Origin.(*graphOrigin)
	if o == nil || o.model == nil {
		return info
	}
	m := o.model
	info.IRVersion, info.Producer, info.ProducerVersion = m.GetIrVersion(), m.GetProducerName(), m.GetProducerVersion()
	info.Domain, info.ModelVersion, info.Doc = m.GetDomain(), m.GetModelVersion(), m.GetDocString()
	for _, p := range m.MetadataProps {
		if info.Metadata == nil {
			info.Metadata = map[string]string{}
		}
		info.Metadata[p.GetKey()] = p.GetValue()
	}
	return info
}
