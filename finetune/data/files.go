package data

import (
	"bufio"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/graph/tensor/npy"
)

// open reads a file, or what is packed in one whose name ends in .gz. most is how many bytes there can be; for a packed file it is not known and limit.
func open(path string, limit int) (r io.Reader, closer io.Closer, most int, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, 0, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file", path)
	}
	if err != nil {
		f.Close()
		return nil, nil, 0, err
	}
	if !strings.HasSuffix(path, ".gz") {
		return bufio.NewReaderSize(f, 1<<16), f, int(min(info.Size(), int64(limit))), nil
	}
	z, err := gzip.NewReader(bufio.NewReaderSize(f, 1<<16))
	if err != nil {
		f.Close()
		return nil, nil, 0, fmt.Errorf("%s: %w", path, err)
	}
	return z, f, limit, nil
}

// ReadNPY reads an array of NumPy (.npy, or .npy.gz) of at most limit bytes (0: [DefaultLimit]).
func ReadNPY(path string, limit int) (*tensor.Tensor, error) {
	r, c, most, err := open(path, limitOr(limit))
	if err != nil {
		return nil, err
	}
	defer c.Close()
	t, err := npy.Read(r, most)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}

// ReadNPZ reads an archive of NumPy arrays, which together have at most limit bytes (0: [DefaultLimit]), as the fields of a data set. Without names it takes
// all arrays.
func ReadNPZ(path string, limit int, names ...string) (Dataset, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	list, err := npy.ReadZip(f, info.Size(), limitOr(limit))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var arrays []Array
	for _, x := range list {
		if len(names) == 0 || slices.Contains(names, x.Name) {
			arrays = append(arrays, Array{x.Name, x.Tensor})
		}
	}
	if len(names) > 0 && len(arrays) != len(names) {
		var have []string
		for _, x := range list {
			have = append(have, x.Name)
		}
		return nil, fmt.Errorf("%s has arrays %v, want %v", path, have, names)
	}
	ds, err := Arrays(arrays...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return ds, nil
}

var idxTypes = map[byte]tensor.DType{
	0x08: tensor.Uint8, 0x09: tensor.Int8, 0x0b: tensor.Int16, 0x0c: tensor.Int32, 0x0d: tensor.Float32, 0x0e: tensor.Float64,
}

// ReadIDX reads a file in the format of MNIST (http://yann.lecun.com/exdb/mnist), packed when its name ends in .gz, of at most limit bytes (0: [DefaultLimit]).
func ReadIDX(path string, limit int) (*tensor.Tensor, error) {
	r, c, most, err := open(path, limitOr(limit))
	if err != nil {
		return nil, err
	}
	defer c.Close()
	t, err := DecodeIDX(r, most)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}

// DecodeIDX is [ReadIDX] of a stream: two zero bytes, the type, the number of axes, their extents and the elements, all big endian.
func DecodeIDX(r io.Reader, limit int) (*tensor.Tensor, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil || head[0] != 0 || head[1] != 0 {
		return nil, fmt.Errorf("not an idx file")
	}
	d, ok := idxTypes[head[2]]
	if !ok {
		return nil, fmt.Errorf("idx elements of type %#x: %w", head[2], tensor.ErrType)
	}
	if head[3] > 64 {
		return nil, fmt.Errorf("idx array of %d axes: %w", head[3], tensor.ErrShape)
	}
	shape := make(tensor.Shape, head[3])
	for i := range shape {
		var b [4]byte
		if _, err := io.ReadFull(r, b[:]); err != nil {
			return nil, fmt.Errorf("idx header: %w", io.ErrUnexpectedEOF)
		}
		x := binary.BigEndian.Uint32(b[:])
		if x > math.MaxInt32 {
			return nil, fmt.Errorf("idx axis of %d elements: %w", x, tensor.ErrShape)
		}
		shape[i] = int(x)
	}
	n, ok := shape.Size()
	size, fits := d.Bytes(n)
	if !ok || !fits || size > limit {
		return nil, fmt.Errorf("idx array %s%v: %w, there can be %d bytes", d.Short(), shape, ErrLimit, limit)
	}
	// A packed file may promise more than it has: memory grows with what is there.
	data := tensor.Align(min(size, 1<<20))
	for have := 0; have < size; {
		if have == len(data) {
			more := tensor.Align(min(size, 2*have))
			copy(more, data)
			data = more
		}
		k, err := io.ReadFull(r, data[have:])
		if have += k; err != nil {
			return nil, fmt.Errorf("idx array %s%v has %d bytes, want %d: %w", d.Short(), shape, have, size, io.ErrUnexpectedEOF)
		}
	}
	if k, _ := io.ReadFull(r, head[:1]); k != 0 {
		return nil, fmt.Errorf("idx array %s%v: there are more than its %d bytes: %w", d.Short(), shape, size, tensor.ErrShape)
	}
	for w, i := d.Size(), 0; w > 1 && i < len(data); i += w {
		slices.Reverse(data[i : i+w])
	}
	return tensor.FromBytes(d, data, shape...)
}

// MNIST is a data set of two IDX files: pictures as field "x" of bytes with one channel, [1,H,W], and their classes as field "y", int64.
func MNIST(images, labels string, limit int) (Dataset, error) {
	x, err := ReadIDX(images, limit)
	if err != nil {
		return nil, err
	}
	y, err := ReadIDX(labels, limit)
	if err != nil {
		return nil, err
	}
	if x.Rank() != 3 || y.Rank() != 1 || !y.DType().IsInt() {
		return nil, fmt.Errorf("%s and %s have %v and %v: want pictures [N,H,W] and classes [N]: %w", images, labels, x, y, tensor.ErrShape)
	}
	if x, err = x.Reshape(x.Dim(0), 1, x.Dim(1), x.Dim(2)); err != nil {
		return nil, err
	}
	classes := make([]int64, y.Len())
	for i := range classes {
		classes[i] = int64(y.Float(i))
	}
	t, err := tensor.Of(classes, len(classes))
	if err != nil {
		return nil, err
	}
	return Arrays(Array{"x", x}, Array{"y", t})
}
