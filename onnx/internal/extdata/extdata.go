// Package extdata reads and writes the files beside a model that hold the elements of large tensors. Whatever a model says,
// nothing outside of one folder is touched.
package extdata

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/onnx/internal/pb"
)

// Ref is where the elements of a tensor are.
type Ref struct {
	Location string // relative to the folder of the model, with slashes
	Offset   int64
	Length   int64  // -1 when not said
	Checksum string // SHA-1 of the whole file in hexadecimal digits, "" when not said
}

// Parse reads the entries of external_data. Keys of other tools are ignored.
func Parse(entries []*pb.StringStringEntryProto) (Ref, error) {
	r := Ref{Length: -1}
	var seen [4]bool
	for _, e := range entries {
		key, v := e.GetKey(), e.GetValue()
		i := slices.Index([]string{"location", "offset", "length", "checksum"}, key)
		if i < 0 {
			continue
		}
		if seen[i] {
			return r, graph.Invalidf("%s is given twice", key) // readers do not agree on which of them holds
		}
		seen[i] = true
		var err error
		switch key {
		case "location":
			r.Location = v
		case "offset":
			r.Offset, err = parseSize(key, v)
		case "length":
			r.Length, err = parseSize(key, v)
		case "checksum":
			r.Checksum = v
		}
		if err != nil {
			return r, err
		}
	}
	return r, checkLocation(r.Location)
}

// parseSize reads a number of bytes: digits and nothing else.
func parseSize(key, v string) (int64, error) {
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || v[0] < '0' || v[0] > '9' {
		return 0, graph.Invalidf("%s %q", key, v)
	}
	return n, nil
}

// checkLocation accepts names inside of a folder, by the same rules on all systems, so that a model that loads on one of them
// does on the others.
func checkLocation(loc string) error {
	clean := path.Clean(loc)
	drive := len(loc) > 1 && loc[1] == ':'
	if loc == "" || clean == "." || drive || strings.ContainsAny(loc, "\\\x00") || slices.Contains(strings.Split(loc, "/"), "..") ||
		!filepath.IsLocal(filepath.FromSlash(clean)) || path.IsAbs(loc) {
		return graph.Invalidf("external data location %q is not inside the model's folder", loc)
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

// Verify compares the checksum, if there is one, with the contents of the file. Loading leaves that out: it would read all of
// a file of which only some pages may be needed.
func (r Ref) Verify(file []byte) error {
	if sum := sha1.Sum(file); r.Checksum != "" && !strings.EqualFold(r.Checksum, hex.EncodeToString(sum[:])) {
		return graph.Invalidf("%q has checksum %x, not %q", r.Location, sum, r.Checksum)
	}
	return nil
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

// FS are the files of fsys in a folder of it. Whether links can lead out of it is up to fsys: those of os.DirFS do,
// those of [os.Root.FS] do not.
func FS(fsys fs.FS, dir string) Files {
	return &folder{open: func(loc string) (fs.File, error) {
		name := path.Join(dir, loc)
		// Opening a named pipe could wait for ever.
		if info, err := fs.Stat(fsys, name); err == nil && !info.Mode().IsRegular() {
			return nil, fmt.Errorf("%q is not a regular file", info.Name())
		}
		return fsys.Open(name)
	}}
}

// folder keeps what was read, because many tensors share a file.
type folder struct {
	open func(loc string) (fs.File, error)
	seen map[string][]byte
}

func (d *folder) Contents(loc string) ([]byte, error) {
	if err := checkLocation(loc); err != nil {
		return nil, err
	}
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
			tensor.Mapped(b)
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
