package onnx

import (
	"path"
	"path/filepath"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/onnx/internal/extdata"
	"github.com/onnxrun/onnxrun/onnx/internal/pb"
)

// SaveOption changes what Save writes.
type SaveOption func(*placement)

// Inline puts the elements of all tensors into the model itself.
func Inline() SaveOption { return func(p *placement) { *p = placement{inline: true} } }

// External puts the elements of every initializer of at least from bytes into one file beside the model, at offsets
// that are multiples of 4096, and those of all other tensors into the model.
func External(location string, from int) SaveOption {
	return func(p *placement) { *p = placement{location: location, from: from} }
}

// maxMessage is the size from which readers of protobuf refuse a file.
const maxMessage = 1<<31 - 1

// Marshal is the graph as the bytes of a model. Tensors that came from data files still refer to these;
// with [Inline] they are part of the model.
func Marshal(g *graph.Graph, opts ...SaveOption) ([]byte, error) {
	var p placement
	for _, o := range opts {
		o(&p)
	}
	if p.location != "" {
		return nil, located("", graph.Invalidf("external data %q beside bytes", p.location))
	}
	p.noFiles = true
	m, err := newExporter(p).model(g)
	if err != nil {
		return nil, located("", err)
	}
	b, err := encode(m)
	return b, located("", err)
}

func encode(m *pb.ModelProto) ([]byte, error) {
	if n := m.Size(); n > maxMessage {
		return nil, graph.Limitf("a model of %d bytes, more than %d; put tensors into external data", n, maxMessage)
	}
	return m.Marshal()
}

// Save writes the graph to a file, and the external data that its tensors have to files in the same folder, with the locations,
// offsets and lengths that they had. A file of that name is replaced when everything is written; a graph may be saved
// over the files that it was loaded from.
func Save(name string, g *graph.Graph, opts ...SaveOption) error {
	var p placement
	for _, o := range opts {
		o(&p)
	}
	return located(name, save(name, g, p))
}

func save(name string, g *graph.Graph, p placement) error {
	e := newExporter(p)
	m, err := e.model(g)
	if err != nil {
		return err
	}
	b, err := encode(m)
	if err != nil {
		return err
	}
	dir, base := filepath.Split(name)
	w, err := extdata.NewWriter(dir)
	if err != nil {
		return err
	}
	defer w.Close()
	for p, data := range e.external {
		ref, err := extdata.Parse(p.ExternalData)
		if err == nil && path.Clean(ref.Location) == base {
			err = graph.Invalidf("external data %q in the model's own file", ref.Location)
		}
		if err == nil {
			err = w.WriteAt(ref.Location, data, ref.Offset)
		}
		if err != nil {
			return in("external_data", err)
		}
	}
	if err := w.WriteAt(base, b, 0); err != nil {
		return err
	}
	return w.Commit(base)
}
