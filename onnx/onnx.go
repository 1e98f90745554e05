// Package onnx reads and writes models, and files of test data, in the ONNX format. It is the only package that knows protobuf.
//
// Import rewrites nothing: what [Load] reads and nobody changes, [Save] writes again, field for field.
// Nodes come with operators that have a name only; graph.Resolve gives them their definitions.
package onnx

import (
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sync"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/onnx/internal/extdata"
	"github.com/onnxrun/onnxrun/onnx/internal/pb"
	"github.com/onnxrun/onnxrun/onnx/internal/wire"
)

// Limits bound what a file may make the loader do. A zero field stands for the default.
type Limits struct {
	MaxModelBytes  int64 // size of the file without external data; 4 GiB
	MaxNodes       int64 // of all graphs and functions together; 1,000,000
	MaxDepth       int   // of messages inside messages, about four for each graph inside a node; 100
	MaxTensorBytes int64 // of an external tensor, and of all sparse tensors together when they are dense; 64 GiB and 1 GiB
}

func (l Limits) orDefaults() Limits {
	def := func(v *int64, d int64) {
		if *v <= 0 {
			*v = d
		}
	}
	def(&l.MaxModelBytes, 4<<30)
	def(&l.MaxNodes, 1e6)
	if l.MaxDepth <= 0 {
		l.MaxDepth = 100
	}
	return l
}

// Option changes what Load does.
type Option func(*config)

type config struct {
	limits Limits
	root   string
}

// WithLimits bounds what the file may make the loader do.
func WithLimits(l Limits) Option { return func(c *config) { c.limits = l } }

// Root is the folder of external data. Without it [Load] and [LoadFS] look in the folder of the model, and models
// loaded from bytes must not have any.
func Root(dir string) Option { return func(c *config) { c.root = dir } }

func configure(opts []Option) *config {
	c := &config{}
	for _, o := range opts {
		o(c)
	}
	c.limits = c.limits.orDefaults()
	return c
}

// files are the external data: those of the root when it is given, else def, which may be nil.
func (c *config) files(def extdata.Files) extdata.Files {
	if c.root != "" {
		return extdata.Dir(c.root)
	}
	return def
}

// Load reads a model from a file. Large files are mapped, and stay so: tensors alias them.
// Every error is a *graph.FormatError of kind graph.ErrInvalid or graph.ErrLimit, or of neither when the file is not there or may not be read.
func Load(name string, opts ...Option) (*graph.Graph, error) {
	c := configure(opts)
	f, err := os.Open(name)
	if err != nil {
		return nil, unreadable(name, err)
	}
	return c.file(name, f, extdata.Dir(filepath.Dir(name)))
}

// LoadFS reads a model from a file of fsys.
func LoadFS(fsys fs.FS, name string, opts ...Option) (*graph.Graph, error) {
	c := configure(opts)
	f, err := fsys.Open(name)
	if err != nil {
		return nil, unreadable(name, err)
	}
	return c.file(name, f, extdata.FS(fsys, path.Dir(name)))
}

func (c *config) file(name string, f fs.File, def extdata.Files) (*graph.Graph, error) {
	defer f.Close()
	b, err := extdata.Read(f, c.limits.MaxModelBytes, false)
	if err != nil {
		return nil, unreadable(name, err)
	}
	g, err := c.load(b, def)
	return g, unreadable(name, err)
}

// LoadReaderAt reads a model of size bytes.
func LoadReaderAt(r io.ReaderAt, size int64, opts ...Option) (*graph.Graph, error) {
	c := configure(opts)
	if size < 0 || size > c.limits.MaxModelBytes {
		return nil, unreadable("", graph.Limitf("a model of %d bytes, more than %d", size, c.limits.MaxModelBytes))
	}
	b, err := extdata.ReadAll(io.NewSectionReader(r, 0, size), size)
	if err != nil {
		return nil, unreadable("", err)
	}
	g, err := c.load(b, nil)
	return g, unreadable("", err)
}

// LoadBytes reads a model from memory, which its tensors alias: b must not be changed afterwards.
func LoadBytes(b []byte, opts ...Option) (*graph.Graph, error) {
	c := configure(opts)
	g, err := c.load(b, nil)
	return g, unreadable("", err)
}

func (c *config) load(b []byte, def extdata.Files) (*graph.Graph, error) {
	m := &pb.ModelProto{}
	if err := c.decode(b, wire.Model, m); err != nil {
		return nil, err
	}
	return newImporter(c.limits, c.files(def)).model(m)
}

// decodeCost is the memory that decoded messages may take: a fixed part, and a part for each byte of the file.
// Real models of more than a few kilobytes need up to 13 for each byte.
const decodeCostFixed, decodeCostPerByte, decodeCostMost = 48 << 20, 20, 2 << 30

func (c *config) decode(b []byte, kind wire.Kind, m interface{ Unmarshal([]byte) error }) error {
	if int64(len(b)) > c.limits.MaxModelBytes {
		return graph.Limitf("%d bytes, more than %d", len(b), c.limits.MaxModelBytes)
	}
	l := wire.Limits{Depth: c.limits.MaxDepth, Nodes: c.limits.MaxNodes, Bytes: min(decodeCostFixed+decodeCostPerByte*int64(len(b)), decodeCostMost)}
	if err := wire.Scan(b, kind, l); err != nil {
		return err
	}
	return invalid(m.Unmarshal(b))
}

func newImporter(l Limits, files extdata.Files) *importer {
	im := &importer{limits: l, src: &source{files: files}, ops: map[[2]string]*graph.Op{}}
	im.maxDense = l.MaxTensorBytes
	if l.MaxTensorBytes <= 0 {
		im.limits.MaxTensorBytes, im.maxDense = 64<<30, 1<<30
	}
	return im
}

// source is where a model's external data are, and what was read of them.
type source struct {
	mu    sync.Mutex    // a graph may be saved by several goroutines at once
	files extdata.Files // nil when the model must not have any
	parts map[*pb.TensorProto][]byte
}

// read gives the elements of p, which take size bytes.
func (s *source) read(p *pb.TensorProto, size int) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b, ok := s.parts[p]; ok {
		return b, nil
	}
	ref, err := extdata.Parse(p.ExternalData)
	if err != nil {
		return nil, err
	}
	if s.files == nil {
		return nil, graph.Invalidf("external data %q of a model without a folder", ref.Location)
	}
	b, err := extdata.Slice(s.files, ref, size)
	if err != nil {
		return nil, err
	}
	if s.parts == nil {
		s.parts = map[*pb.TensorProto][]byte{}
	}
	s.parts[p] = b
	return b, nil
}
