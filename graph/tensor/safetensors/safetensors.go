// Package safetensors reads and writes files of named tensors in the format of that name: the length of a JSON header in eight bytes, the header,
// then the elements of all tensors (https://github.com/huggingface/safetensors).
package safetensors

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/onnxrun/onnxrun/graph/tensor"
)

// File is what a file holds.
type File struct {
	Tensors  []Named
	Metadata map[string]string // free text
}

// Named is a tensor with its name.
type Named struct {
	Name  string
	Value *tensor.Tensor
}

// Get is the tensor of that name, nil when there is none.
func (f *File) Get(name string) *tensor.Tensor {
	for _, t := range f.Tensors {
		if t.Name == name {
			return t.Value
		}
	}
	return nil
}

const maxHeader = 100 << 20 // as the format's own library has it

const metadataKey = "__metadata__"

type entry struct {
	DType   string   `json:"dtype"`
	Shape   []int    `json:"shape"`
	Offsets [2]int64 `json:"data_offsets"`
}

// The types that both sides know.
var dtypes = map[string]tensor.DType{
	"F64": tensor.Float64, "F32": tensor.Float32, "F16": tensor.Float16, "BF16": tensor.BFloat16,
	"I64": tensor.Int64, "I32": tensor.Int32, "I16": tensor.Int16, "I8": tensor.Int8,
	"U64": tensor.Uint64, "U32": tensor.Uint32, "U16": tensor.Uint16, "U8": tensor.Uint8, "BOOL": tensor.Bool,
}

func dtypeName(d tensor.DType) (string, bool) {
	for n, k := range dtypes {
		if k == d {
			return n, true
		}
	}
	return "", false
}

// Read decodes a file of size bytes, in the order in which the tensors lie in it. Nothing is allocated that the file's size does not cover.
func Read(r io.ReaderAt, size int64) (*File, error) {
	var length [8]byte
	if _, err := r.ReadAt(length[:], 0); err != nil {
		return nil, fmt.Errorf("safetensors: %w", noEOF(err))
	}
	n := binary.LittleEndian.Uint64(length[:])
	if n > maxHeader || int64(n) > size-8 {
		return nil, fmt.Errorf("safetensors: a header of %d bytes in a file of %d", n, size)
	}
	head := make([]byte, n)
	if _, err := r.ReadAt(head, 8); err != nil {
		return nil, fmt.Errorf("safetensors: %w", noEOF(err))
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(head, &raw); err != nil {
		return nil, fmt.Errorf("safetensors header: %w", err)
	}
	f := &File{}
	if m, ok := raw[metadataKey]; ok {
		if err := json.Unmarshal(m, &f.Metadata); err != nil {
			return nil, fmt.Errorf("safetensors metadata: %w", err)
		}
		delete(raw, metadataKey)
	}
	type placed struct {
		name string
		entry
	}
	list := make([]placed, 0, len(raw))
	for name, b := range raw {
		p := placed{name: name}
		if err := json.Unmarshal(b, &p.entry); err != nil {
			return nil, fmt.Errorf("safetensors: %q: %w", name, err)
		}
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b placed) int {
		return cmp.Or(cmp.Compare(a.Offsets[0], b.Offsets[0]), cmp.Compare(a.Offsets[1], b.Offsets[1]), cmp.Compare(a.name, b.name))
	})
	base, at := int64(8+n), int64(0)
	for _, p := range list {
		if p.Offsets[0] != at || p.Offsets[1] < at || p.Offsets[1] > size-base {
			return nil, fmt.Errorf("safetensors: %q lies at %v in %d bytes, after what ends at %d", p.name, p.Offsets, size-base, at)
		}
		d, ok := dtypes[p.DType]
		if !ok {
			return nil, fmt.Errorf("safetensors: %q is %s, which is not supported", p.name, p.DType)
		}
		want := int64(d.Bits() / 8)
		for _, k := range p.Shape {
			if k < 0 || k > 0 && want > math.MaxInt64/int64(k) {
				return nil, fmt.Errorf("safetensors: %q has shape %v", p.name, p.Shape)
			}
			want *= int64(k)
		}
		if want != p.Offsets[1]-at {
			return nil, fmt.Errorf("safetensors: %q, %s%v, has %d bytes, want %d", p.name, p.DType, p.Shape, p.Offsets[1]-at, want)
		}
		t, err := tensor.New(d, p.Shape...)
		if err != nil {
			return nil, fmt.Errorf("safetensors: %q: %w", p.name, err)
		}
		if want > 0 {
			if _, err := r.ReadAt(t.Bytes(), base+at); err != nil {
				return nil, fmt.Errorf("safetensors: %q: %w", p.name, noEOF(err))
			}
		}
		f.Tensors = append(f.Tensors, Named{p.name, t})
		at = p.Offsets[1]
	}
	return f, nil
}

// noEOF makes the end of a file an error where more was promised.
func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Write encodes f. Names must differ.
func Write(w io.Writer, f *File) error {
	head := map[string]any{}
	if f.Metadata != nil {
		head[metadataKey] = f.Metadata
	}
	at := int64(0)
	for _, t := range f.Tensors {
		name, ok := dtypeName(t.Value.DType())
		if !ok {
			return fmt.Errorf("safetensors: %q is %s, which the format does not have", t.Name, t.Value)
		}
		if _, twice := head[t.Name]; twice {
			return fmt.Errorf("safetensors: %q is there twice", t.Name)
		}
		end := at + int64(len(t.Value.Bytes()))
		head[t.Name] = entry{name, append([]int{}, t.Value.Shape()...), [2]int64{at, end}}
		at = end
	}
	b, err := json.Marshal(head)
	if err != nil {
		return fmt.Errorf("safetensors: %w", err)
	}
	b = append(b, bytes.Repeat([]byte{' '}, (8-len(b)%8)%8)...) // elements are aligned
	if err := binary.Write(w, binary.LittleEndian, uint64(len(b))); err != nil {
		return err
	}
	if _, err := w.Write(b); err != nil {
		return err
	}
	for _, t := range f.Tensors {
		if _, err := w.Write(t.Value.Bytes()); err != nil {
			return err
		}
	}
	return nil
}
