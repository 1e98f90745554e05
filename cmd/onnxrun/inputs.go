package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/graph/tensor/audio"
	"github.com/onnxrun/onnxrun/graph/tensor/imaging"
	"github.com/onnxrun/onnxrun/graph/tensor/npy"
	"github.com/onnxrun/onnxrun/onnx"
)

type imageFlags struct {
	mean, std []float64
	scale     float64
	filter    string
}

func (f *imageFlags) add(fl *pflag.FlagSet) {
	fl.Float64SliceVar(&f.mean, "mean", nil, "mean of each channel of a picture, subtracted after scaling")
	fl.Float64SliceVar(&f.std, "std", nil, "deviation of each channel of a picture, divided by after the mean")
	fl.StringVar(&f.filter, "filter", "bilinear", "how pictures of another size are scaled, as Pillow does: nearest, box, bilinear, hamming, bicubic or lanczos")
	fl.Float64Var(&f.scale, "scale", 0, "factor of a picture's values 0 … 255 (default: 1/255 for floating-point inputs)")
}

// maxFile bounds the elements of an input file.
const maxFile = 1 << 32

// feeds are the values of a model's inputs, and what was done to find them.
type feeds struct {
	values map[string]*tensor.Tensor
	random []string // inputs that were drawn
}

// load finds a value for every input: from files, from a folder, else random ones.
func (f *runFlags) load(inputs []*graph.Value, files []string) (*feeds, error) {
	in := &feeds{values: map[string]*tensor.Tensor{}}
	set, err := f.symbols(inputs)
	if err != nil {
		return nil, err
	}
	if f.data != "" {
		if len(files) > 0 {
			return nil, usagef("inputs come from --data or from files, not both")
		}
		return in, in.folder(f.data, inputs)
	}
	for _, arg := range files {
		if err := in.file(arg, inputs, f.image); err != nil {
			return nil, err
		}
	}
	if len(files) > 0 {
		for _, v := range inputs {
			if in.values[v.Name] == nil {
				return nil, usagef("no value for input %q, %s: give %s=FILE", v.Name, v.Type, v.Name)
			}
		}
		return in, nil
	}
	rng := rand.New(rand.NewPCG(f.seed, 0))
	for _, v := range inputs {
		t, err := randomTensor(rng, v.Type, set)
		if err != nil {
			return nil, fmt.Errorf("input %q, %s: %w", v.Name, v.Type, err)
		}
		in.values[v.Name] = t
		in.random = append(in.random, v.Name+" "+t.String())
	}
	return in, nil
}

// symbols reads --set.
func (f *runFlags) symbols(inputs []*graph.Value) (map[string]int, error) {
	var names []string
	for _, v := range inputs {
		for _, d := range v.Type.Shape {
			d.Symbols(func(s string) { names = append(names, s) })
		}
	}
	set := map[string]int{}
	for _, s := range f.set {
		name, val, _ := strings.Cut(s, "=")
		n, err := strconv.Atoi(val)
		if err != nil || n < 0 {
			return nil, usagef("--set %s: want a symbol and a size, as batch=8", s)
		}
		known := false
		for _, k := range names {
			known = known || k == name
		}
		if !known {
			return nil, usagef("--set %s: no input has a dimension %q%s", s, name, nearest(name, names))
		}
		set[name] = n
	}
	return set, nil
}

func (in *feeds) folder(dir string, inputs []*graph.Value) error {
	for i, v := range inputs {
		t, err := readPB(filepath.Join(dir, fmt.Sprintf("input_%d.pb", i)), v.Type)
		if err != nil {
			return fmt.Errorf("input %q: %w", v.Name, err)
		}
		in.values[v.Name] = t
	}
	return nil
}

// readPB reads a serialized tensor, sequence, optional or map. An empty file is an optional without a value.
func readPB(path string, want graph.Type) (*tensor.Tensor, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if len(b) == 0 {
		return tensor.OfElems(tensor.Optional)
	}
	_, t, err := onnx.ReadTensor(b, want)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}

func (in *feeds) file(arg string, inputs []*graph.Value, img imageFlags) error {
	name, path, named := strings.Cut(arg, "=")
	if !named {
		path = arg
		if strings.EqualFold(filepath.Ext(path), ".npz") {
			return in.archive(path, inputs)
		}
		if len(inputs) != 1 {
			return usagef("%s: the model has %d inputs; say which, as %s=%s", path, len(inputs), inputs[0].Name, path)
		}
		name = inputs[0].Name
	}
	v := find(inputs, name)
	if v == nil {
		return usagef("the model has no input %q%s", name, nearest(name, valueNames(inputs)))
	}
	t, err := readInput(path, v.Type, img)
	if err != nil {
		return fmt.Errorf("input %q from %s: %w", name, path, err)
	}
	in.values[name] = t
	return nil
}

func (in *feeds) archive(path string, inputs []*graph.Value) error {
	arrays, err := readNPZ(path)
	if err != nil {
		return err
	}
	for _, a := range arrays {
		if find(inputs, a.Name) == nil {
			return usagef("%s: the model has no input %q%s", path, a.Name, nearest(a.Name, valueNames(inputs)))
		}
		in.values[a.Name] = a.Tensor
	}
	return nil
}

func readNPZ(path string) ([]npy.Named, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return npy.ReadZip(f, st.Size(), maxFile)
}

func readInput(path string, want graph.Type, img imageFlags) (*tensor.Tensor, error) {
	ext := strings.ToLower(filepath.Ext(path))
	if ext == ".pb" {
		return readPB(path, want)
	}
	if ext == ".npz" {
		arrays, err := readNPZ(path)
		if err != nil {
			return nil, err
		}
		if len(arrays) != 1 {
			return nil, usagef("the archive holds %d arrays, not one", len(arrays))
		}
		return arrays[0].Tensor, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	switch ext {
	case ".npy":
		return npy.Read(f, maxFile)
	case ".png", ".jpg", ".jpeg":
		m, err := imaging.Decode(f)
		if err != nil {
			return nil, err
		}
		filter, ok := imaging.FilterByName(img.filter)
		if !ok {
			return nil, usagef("filter %q; want nearest, box, bilinear, hamming, bicubic or lanczos", img.filter)
		}
		return imaging.ToTensor(m, want.DType, sizes(want), imaging.Options{Scale: img.scale, Mean: img.mean, Std: img.std, Filter: filter})
	case ".wav":
		s, err := audio.ReadWAV(f)
		if err != nil {
			return nil, err
		}
		return fitSound(s.Samples, want)
	case ".json":
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		return fromJSON(b, want)
	}
	return nil, usagef("files of type %q are not read; want .npy, .npz, .pb, .json, .png, .jpg or .wav", ext)
}

// sizes are the extents of a type, -1 where any will do.
func sizes(t graph.Type) []int {
	out := make([]int, len(t.Shape))
	for i, d := range t.Shape {
		out[i] = -1
		if n, ok := d.Int(); ok {
			out[i] = n
		}
	}
	return out
}

// fitSound puts the samples along the last axis, or the first one of open size, of the input.
func fitSound(samples []float64, want graph.Type) (*tensor.Tensor, error) {
	shape := sizes(want)
	open := len(shape) - 1
	for i, n := range shape {
		if n < 0 {
			open = i
		}
	}
	for i := range shape {
		if i == open {
			n := shape[i]
			if n < 0 {
				n = len(samples)
			}
			for len(samples) < n { // silence at the end
				samples = append(samples, 0)
			}
			samples, shape[i] = samples[:n], n
		} else if shape[i] < 0 {
			shape[i] = 1
		}
	}
	return tensor.FromFloats(want.DType, samples, shape...)
}

// fromJSON reads nested lists of numbers, booleans or strings.
func fromJSON(b []byte, want graph.Type) (*tensor.Tensor, error) {
	var v any
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	var shape []int
	for x := v; ; {
		l, ok := x.([]any)
		if !ok {
			break
		}
		shape = append(shape, len(l))
		if len(l) == 0 {
			break
		}
		x = l[0]
	}
	if shape == nil {
		shape = []int{}
	}
	var nums []float64
	var ints []int64
	var strs []string
	var walk func(x any, axis int) error
	walk = func(x any, axis int) error {
		if l, ok := x.([]any); ok {
			if axis >= len(shape) || len(l) != shape[axis] {
				return graph.Shapef("the lists are of unequal length")
			}
			for _, e := range l {
				if err := walk(e, axis+1); err != nil {
					return err
				}
			}
			return nil
		}
		if axis != len(shape) {
			return graph.Shapef("the lists are of unequal depth")
		}
		switch e := x.(type) {
		case json.Number:
			f, err := e.Float64()
			if err != nil {
				return err
			}
			i, err := e.Int64()
			if err != nil {
				i = int64(f)
			}
			nums, ints = append(nums, f), append(ints, i)
		case bool:
			k := map[bool]float64{true: 1}[e]
			nums, ints = append(nums, k), append(ints, int64(k))
		case string:
			strs = append(strs, e)
		default:
			return graph.Typef("%v is no number, boolean or string", e)
		}
		return nil
	}
	if err := walk(v, 0); err != nil {
		return nil, err
	}
	if want.DType == tensor.String {
		return tensor.OfStrings(strs, shape...)
	}
	if want.DType == tensor.Int64 && len(ints) > 0 {
		return tensor.Of(ints, shape...)
	}
	return tensor.FromFloats(want.DType, nums, shape...)
}

// randomTensor draws a standard normal distribution for numbers with a fraction, and 0 or 1 for integers, which are valid as indices, lengths and masks.
func randomTensor(rng *rand.Rand, t graph.Type, set map[string]int) (*tensor.Tensor, error) {
	if t.DType.IsContainer() || t.DType == tensor.String || !t.Ranked {
		return nil, usagef("cannot be drawn; give a file")
	}
	shape := make([]int, len(t.Shape))
	for i, d := range t.Shape {
		n, ok := d.Bind(func(s string) (int, bool) { n, ok := set[s]; return n, ok }).Int()
		if !ok || n < 0 {
			n = 1
		}
		shape[i] = n
	}
	n, ok := tensor.Shape(shape).Size()
	if !ok || n > maxFile/8 {
		return nil, graph.Limitf("input of shape %v", tensor.Shape(shape))
	}
	v := make([]float64, n)
	for i := range v {
		if t.DType.IsFloat() {
			v[i] = rng.NormFloat64()
		} else {
			v[i] = float64(rng.IntN(2))
		}
	}
	return tensor.FromFloats(t.DType, v, shape...)
}

func find(vs []*graph.Value, name string) *graph.Value {
	for _, v := range vs {
		if v.Name == name {
			return v
		}
	}
	return nil
}

func valueNames(vs []*graph.Value) []string {
	out := make([]string, len(vs))
	for i, v := range vs {
		out[i] = v.Name
	}
	return out
}
