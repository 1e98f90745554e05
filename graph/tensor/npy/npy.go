// Package npy reads and writes numpy's array files: .npy (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html) and
// .npz, a zip archive of them.
package npy

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/onnxrun/onnxrun/graph/tensor"
)

const magic = "\x93NUMPY"

var descrs = map[string]tensor.DType{
	"f2": tensor.Float16, "f4": tensor.Float32, "f8": tensor.Float64,
	"i1": tensor.Int8, "i2": tensor.Int16, "i4": tensor.Int32, "i8": tensor.Int64,
	"u1": tensor.Uint8, "u2": tensor.Uint16, "u4": tensor.Uint32, "u8": tensor.Uint64,
	"b1": tensor.Bool, "c8": tensor.Complex64, "c16": tensor.Complex128,
}

// Read decodes an .npy file that may hold at most limit bytes of elements. Big-endian and Fortran-order arrays are turned into
// the order of tensors, unicode arrays into strings. Python objects are refused.
func Read(r io.Reader, limit int) (*tensor.Tensor, error) {
	head := make([]byte, 8)
	if _, err := io.ReadFull(r, head); err != nil || string(head[:6]) != magic {
		return nil, fmt.Errorf("not an npy file")
	}
	n := 2
	if head[6] >= 2 {
		n = 4
	}
	size := make([]byte, 4)
	if _, err := io.ReadFull(r, size[:n]); err != nil {
		return nil, fmt.Errorf("npy header: %w", err)
	}
	length := binary.LittleEndian.Uint32(size)
	if length > 1<<16 {
		return nil, fmt.Errorf("npy header of %d bytes", length)
	}
	header := make([]byte, length)
	if _, err := io.ReadFull(r, header); err != nil {
		return nil, fmt.Errorf("npy header: %w", err)
	}
	h, err := parseHeader(string(header))
	if err != nil {
		return nil, err
	}
	count, ok := h.shape.Size()
	if !ok || h.item <= 0 || count > limit/h.item {
		return nil, fmt.Errorf("npy array of shape %v with %d bytes an element: %w, the limit is %d bytes", h.shape, h.item, tensor.ErrShape, limit)
	}
	data, err := readAll(r, count*h.item)
	if err != nil {
		return nil, fmt.Errorf("npy array of shape %v: %w", h.shape, err)
	}
	if h.big {
		swap(data, h.word)
	}
	if h.fortran && len(h.shape) > 1 {
		data = fromFortran(data, h.shape, h.item)
	}
	if h.dtype == tensor.String {
		return tensor.OfStrings(decodeStrings(data, h, count), h.shape...)
	}
	return tensor.FromBytes(h.dtype, data, h.shape...)
}

// readAll reads n bytes without trusting n before the bytes are there.
func readAll(r io.Reader, n int) ([]byte, error) {
	if n <= 1<<20 {
		b := tensor.Align(n)
		_, err := io.ReadFull(r, b)
		return b, err
	}
	var buf bytes.Buffer
	if k, err := io.CopyN(&buf, r, int64(n)); err != nil {
		return nil, fmt.Errorf("%d of %d bytes: %w", k, n, err)
	}
	b := tensor.Align(n)
	copy(b, buf.Bytes())
	return b, nil
}

type header struct {
	dtype   tensor.DType
	item    int // bytes an element
	word    int // bytes that change places in big-endian files
	big     bool
	fortran bool
	unicode bool
	shape   tensor.Shape
}

var (
	reDescr   = regexp.MustCompile(`'descr'\s*:\s*'([<>=|]?)([a-zA-Z])(\d+)'`)
	reFortran = regexp.MustCompile(`'fortran_order'\s*:\s*(True|False)`)
	reShape   = regexp.MustCompile(`'shape'\s*:\s*\(([^)]*)\)`)
)

func parseHeader(s string) (*header, error) {
	d, f, sh := reDescr.FindStringSubmatch(s), reFortran.FindStringSubmatch(s), reShape.FindStringSubmatch(s)
	if d == nil || f == nil || sh == nil {
		return nil, fmt.Errorf("npy header %q: unsupported array; save a plain numeric, bool or unicode one: %w", strings.TrimSpace(s), tensor.ErrType)
	}
	n, err := strconv.Atoi(d[3])
	if err != nil || n > 1<<20 {
		return nil, fmt.Errorf("npy element of %s bytes: %w", d[3], tensor.ErrType)
	}
	h := &header{big: d[1] == ">", fortran: f[1] == "True", item: n, word: n}
	switch kind := d[2]; {
	case kind == "U":
		h.dtype, h.unicode, h.item, h.word = tensor.String, true, 4*max(n, 1), 4
	case kind == "S":
		h.dtype, h.item, h.word = tensor.String, max(n, 1), 1
	default:
		var ok bool
		if h.dtype, ok = descrs[kind+d[3]]; !ok {
			return nil, fmt.Errorf("npy elements of type %s%s: %w", kind, d[3], tensor.ErrType)
		}
		if kind == "c" {
			h.word = n / 2
		}
	}
	for _, w := range strings.Split(sh[1], ",") {
		if w = strings.TrimSpace(w); w == "" {
			continue
		}
		n, err := strconv.Atoi(strings.TrimSuffix(w, "L"))
		if err != nil || n < 0 || len(h.shape) > 64 {
			return nil, fmt.Errorf("npy shape (%s): %w", sh[1], tensor.ErrShape)
		}
		h.shape = append(h.shape, n)
	}
	if h.shape == nil {
		h.shape = tensor.Shape{}
	}
	return h, nil
}

func swap(b []byte, word int) {
	for i := 0; i+word <= len(b); i += word {
		for lo, hi := i, i+word-1; lo < hi; lo, hi = lo+1, hi-1 {
			b[lo], b[hi] = b[hi], b[lo]
		}
	}
}

func fromFortran(src []byte, shape tensor.Shape, item int) []byte {
	dst := tensor.Align(len(src))
	idx := make([]int, len(shape))
	st := make([]int, len(shape))
	n := 1
	for i, d := range shape {
		st[i] = n
		n *= d
	}
	for k := 0; k < n; k++ {
		off := 0
		for i, x := range idx {
			off += x * st[i]
		}
		copy(dst[k*item:(k+1)*item], src[off*item:])
		for i := len(idx) - 1; i >= 0; i-- {
			if idx[i]++; idx[i] < shape[i] {
				break
			}
			idx[i] = 0
		}
	}
	return dst
}

func decodeStrings(data []byte, h *header, n int) []string {
	out := make([]string, n)
	for i := range out {
		e := data[i*h.item : (i+1)*h.item]
		if !h.unicode {
			out[i] = string(bytes.TrimRight(e, "\x00"))
			continue
		}
		var b strings.Builder
		for k := 0; k < len(e); k += 4 {
			c := rune(binary.LittleEndian.Uint32(e[k:]))
			if c == 0 {
				break
			}
			b.WriteRune(c)
		}
		out[i] = b.String()
	}
	return out
}

// Write encodes t. Types that numpy does not have are widened: bfloat16, byte floats and float4 to float32, int4 and int2 to int8, uint4 and
// uint2 to uint8. Strings become unicode arrays. Containers are refused.
func Write(w io.Writer, t *tensor.Tensor) error {
	descr, data, err := encode(t)
	if err != nil {
		return err
	}
	dims := make([]string, t.Rank())
	for i, d := range t.Shape() {
		dims[i] = strconv.Itoa(d)
	}
	shape := strings.Join(dims, ", ")
	if len(dims) == 1 {
		shape += ","
	}
	h := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", descr, shape)
	h += strings.Repeat(" ", 63-(len(magic)+4+len(h))%64) + "\n"
	if len(h) > math.MaxUint16 {
		return fmt.Errorf("npy header of %d bytes: %w", len(h), tensor.ErrShape)
	}
	pre := append([]byte(magic), 1, 0, byte(len(h)), byte(len(h)>>8))
	for _, b := range [][]byte{pre, []byte(h), data} {
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	return nil
}

func encode(t *tensor.Tensor) (descr string, data []byte, err error) {
	d := t.DType()
	switch {
	case d.IsContainer():
		return "", nil, fmt.Errorf("%s as an array: %w", t, tensor.ErrType)
	case d == tensor.String:
		return encodeStrings(t.Strings())
	case d == tensor.BFloat16 || d.IsFloat() && d.Bits() <= 8:
		out := make([]byte, 4*t.Len())
		for i := range t.Len() {
			binary.LittleEndian.PutUint32(out[4*i:], math.Float32bits(float32(t.Float(i))))
		}
		return "<f4", out, nil
	case d.Packed():
		out := make([]byte, t.Len())
		for i := range out {
			out[i] = byte(int8(t.Float(i)))
		}
		if d.IsSigned() {
			return "|i1", out, nil
		}
		return "|u1", out, nil
	}
	for name, e := range descrs {
		if e == d {
			order := "<"
			if d.Size() == 1 {
				order = "|"
			}
			return order + name, t.Bytes(), nil
		}
	}
	return "", nil, fmt.Errorf("%s as an array: %w", t, tensor.ErrType)
}

func encodeStrings(s []string) (string, []byte, error) {
	most := 1
	for _, x := range s {
		most = max(most, utf8.RuneCountInString(x))
	}
	if len(s) > 0 && most > math.MaxInt32/4/len(s) {
		return "", nil, fmt.Errorf("%d strings of up to %d characters: %w", len(s), most, tensor.ErrShape)
	}
	out := make([]byte, 4*most*len(s))
	for i, x := range s {
		k := 4 * most * i
		for _, c := range x {
			binary.LittleEndian.PutUint32(out[k:], uint32(c))
			k += 4
		}
	}
	return fmt.Sprintf("<U%d", most), out, nil
}
