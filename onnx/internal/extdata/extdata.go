// Package extdata reads and writes the files beside a model that hold the elements of large tensors. Whatever a model says,
// nothing outside of one folder is touched.
package extdata

import (
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/onnx/internal/pb"
)

// Ref is where the elements of a tensor are.
type Ref struct {
	Location string // relative to the folder of the model, with slashes
	Offset   int64
	Length   int64 // -1 when not said
}

// Parse reads the entries of external_data.
func Parse(entries []*pb.StringStringEntryProto) (Ref, error) {
	r := Ref{Length: -1}
	for _, e := range entries {
		switch v := e.GetValue(); e.GetKey() {
		case "location":
			r.Location = v
		case "offset", "length":
			n, err := strconv.ParseInt(v, 10, 64)
			if err != nil || n < 0 {
				return r, graph.Invalidf("%s %q", e.GetKey(), v)
			}
			if e.GetKey() == "offset" {
				r.Offset = n
			} else {
				r.Length = n
			}
		}
	}
	return r, checkLocation(r.Location)
}

func checkLocation(loc string) error {
	if loc == "" || path.Clean(loc) == "." || !filepath.IsLocal(filepath.FromSlash(loc)) {
		return graph.Invalidf("location %q is not inside the model's folder", loc)
	}
	return nil
}

// Files are the data files that a model may read. Contents returns the whole file, which must not be written.
type Files interface {
	Contents(location string) ([]byte, error)
}

// Slice is the part of a file that r names, which must have the given size.
func Slice(f Files, r Ref, size int) ([]byte, error) {
	if r.Length >= 0 && r.Length != int64(size) {
		return nil, graph.Invalidf("length %d for %d bytes of elements", r.Length, size)
	}
	b, err := f.Contents(r.Location)
	if err != nil {
		return nil, err
	}
	if r.Offset > int64(len(b)) || int64(size) > int64(len(b))-r.Offset {
		return nil, graph.Invalidf("%d bytes at %d of %q, which has %d", size, r.Offset, r.Location, len(b))
	}
	return b[r.Offset:][:size:size], nil
}

// Dir are the files in a folder. Links that lead out of it are refused.
func Dir(dir string) Files {
	return &folder{open: func(loc string) (fs.File, error) { return openIn(dir, loc) }}
}

func openIn(dir, loc string) (fs.File, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	// Without blocking, so that a named pipe cannot hold up the load before it is seen to be one.
	return root.OpenFile(filepath.FromSlash(loc), os.O_RDONLY|nonBlocking, 0)
}

// FS are the files of fsys in a folder of it.
func FS(fsys fs.FS, dir string) Files {
	return &folder{open: func(loc string) (fs.File, error) { return fsys.Open(path.Join(dir, loc)) }}
}

// folder keeps what was read, because many tensors share a file.
type folder struct {
	open func(loc string) (fs.File, error)
	seen map[string][]byte
}

func (d *folder) Contents(loc string) ([]byte, error) {
	loc = path.Clean(loc)
	if b, ok := d.seen[loc]; ok {
		return b, nil
	}
	f, err := d.open(loc)
	if err != nil {
		return nil, graph.Invalidf("external data: %v", err)
	}
	defer f.Close()
	b, err := Read(f, -1, true)
	if err != nil {
		return nil, err
	}
	if d.seen == nil {
		d.seen = map[string][]byte{}
	}
	d.seen[loc] = b
	return b, nil
}

// mapFrom is the size from which files are mapped: small ones are safer and as fast as copies.
const mapFrom = 1 << 20

// Read is the contents of a regular file, mapped where the system can. It refuses files of more than most bytes, unless
// most is negative, and, when alone is set, those that have several names: the others may be outside of the folder.
func Read(f fs.File, most int64, alone bool) ([]byte, error) {
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, graph.Invalidf("%v", err)
	case !info.Mode().IsRegular():
		return nil, graph.Invalidf("%q is not a regular file", info.Name())
	case alone && links(info) > 1:
		return nil, graph.Invalidf("%q is a hard link", info.Name())
	}
	size := info.Size()
	if most >= 0 && size > most || int64(int(size)) != size {
		return nil, graph.Limitf("%q has %d bytes, more than %d", info.Name(), size, most)
	}
	if o, ok := f.(*os.File); ok && size >= mapFrom {
		if b, err := mmap(o, int(size)); err == nil {
			return b, nil
		}
	}
	return ReadAll(f, size)
}

// ReadAll reads size bytes into memory that is aligned for any element type.
func ReadAll(r io.Reader, size int64) ([]byte, error) {
	b := tensor.Align(int(size))
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, graph.Invalidf("reading %d bytes: %v", size, err)
	}
	return b, nil
}
