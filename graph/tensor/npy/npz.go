package npy

import (
	"archive/zip"
	"fmt"
	"io"
	"strings"

	"github.com/onnxrun/onnxrun/graph/tensor"
)

// Named is one array of an archive.
type Named struct {
	Name   string
	Tensor *tensor.Tensor
}

// ReadZip decodes an .npz archive whose arrays may together hold at most limit bytes.
func ReadZip(r io.ReaderAt, size int64, limit int) ([]Named, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fmt.Errorf("npz archive: %w", err)
	}
	var out []Named
	for _, f := range z.File {
		name := strings.TrimSuffix(f.Name, ".npy")
		if name == f.Name {
			return nil, fmt.Errorf("npz archive holds %q, which is no npy file", f.Name)
		}
		rc, err := f.Open()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		t, err := Read(rc, limit)
		if cerr := rc.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		limit -= t.MemBytes()
		out = append(out, Named{name, t})
	}
	return out, nil
}

// WriteZip encodes arrays as an .npz archive. Sequences are written as name.0, name.1 and so on, what an optional holds under its name, and
// maps as name.keys and name.values.
func WriteZip(w io.Writer, arrays []Named) error {
	z := zip.NewWriter(w)
	for _, a := range arrays {
		if err := writeNamed(z, a.Name, a.Tensor); err != nil {
			return fmt.Errorf("%s: %w", a.Name, err)
		}
	}
	return z.Close()
}

func writeNamed(z *zip.Writer, name string, t *tensor.Tensor) error {
	if t.DType().IsContainer() {
		for i, e := range t.Elems() {
			sub := fmt.Sprintf("%s.%d", name, i)
			switch t.DType() {
			case tensor.Optional:
				sub = name
			case tensor.Map:
				sub = name + []string{".keys", ".values"}[i]
			}
			if err := writeNamed(z, sub, e); err != nil {
				return err
			}
		}
		return nil
	}
	f, err := z.CreateHeader(&zip.FileHeader{Name: name + ".npy", Method: zip.Store})
	if err != nil {
		return err
	}
	return Write(f, t)
}
