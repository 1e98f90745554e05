package job

import (
	"fmt"
	"os"
	"strings"

	"github.com/onnxrun/onnxrun/finetune/data"
	"github.com/onnxrun/onnxrun/finetune/loss"
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/internal/params"
)

// source is a data set as it was opened, with what the next one must be read like.
type source struct {
	data.Dataset
	classes []string
	columns map[string]data.Column
	length  int // of texts
}

// open reads the data of a path. like is what another path gave, whose classes and columns are taken over.
func (d *Data) open(path string, inputs []*graph.Value, like *source) (*source, error) {
	if images, labels, ok := strings.Cut(path, ","); ok {
		return d.openPair(images, labels)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	switch {
	case info.IsDir():
		return d.openPictures(path, inputs, like)
	case strings.HasSuffix(path, ".npz"):
		ds, err := data.ReadNPZ(path, 0)
		return &source{Dataset: ds}, err
	case strings.HasSuffix(path, ".csv"), strings.HasSuffix(path, ".csv.gz"), strings.HasSuffix(path, ".tsv"):
		return d.openTable(path, inputs, like)
	}
	return nil, fmt.Errorf("%s: not a folder of pictures, .csv, .tsv or .npz; two files, pictures and classes, are written with a comma between", path)
}

func (d *Data) openPair(images, labels string) (*source, error) {
	if !strings.Contains(images, ".npy") {
		ds, err := data.MNIST(images, labels, 0)
		return &source{Dataset: ds}, err
	}
	x, err := data.ReadNPY(images, 0)
	if err != nil {
		return nil, err
	}
	y, err := data.ReadNPY(labels, 0)
	if err != nil {
		return nil, err
	}
	ds, err := data.Arrays(data.Array{Name: "x", Tensor: x}, data.Array{Name: "y", Tensor: y})
	return &source{Dataset: ds}, err
}

func (d *Data) openPictures(path string, inputs []*graph.Value, like *source) (*source, error) {
	o := data.PictureOptions{Height: 224, Width: 224, Mean: d.Mean, Std: d.Std, Scale: d.Scale}
	shape := inputs[0].Type.Shape
	if len(inputs) != 1 || len(shape) != 4 {
		return nil, fmt.Errorf("%s: pictures are for a model with one input [batch, channels, height, width], this one has %s", path, inputs[0].Type)
	}
	if c, ok := shape[1].Int(); ok && c != 3 {
		if c != 1 {
			return nil, fmt.Errorf("%s: the model wants %d channels: pictures have 3, or 1", path, c)
		}
		o.Gray = true
	}
	if h, ok := shape[2].Int(); ok {
		o.Height = h
	}
	if w, ok := shape[3].Int(); ok {
		o.Width = w
	}
	if like != nil {
		o.Classes = like.classes
	}
	ds, err := data.Pictures(path, o)
	if err != nil {
		return nil, err
	}
	return &source{Dataset: ds, classes: ds.Classes}, nil
}

func (d *Data) openTable(path string, inputs []*graph.Value, like *source) (*source, error) {
	if d.Target == "" {
		return nil, fmt.Errorf("%s: which column is the target?", path)
	}
	o := data.CSVOptions{Targets: strings.Split(d.Target, ","), Missing: data.Missing(d.Missing), Columns: map[string]data.Column{}}
	if strings.HasSuffix(path, ".tsv") {
		o.Comma = '\t'
	}
	for name, c := range d.Columns {
		o.Columns[name] = data.Column{Kind: data.Kind(c.Kind), Missing: data.Missing(c.Missing), Fill: c.Fill, Categories: c.Categories}
	}
	if like != nil {
		o.Columns = like.columns
	}
	if d.Text != "" {
		if d.Vocab == "" {
			return nil, fmt.Errorf("%s: texts want the vocab.txt of the model", path)
		}
		w, err := data.ReadVocabulary(d.Vocab)
		if err != nil {
			return nil, err
		}
		w.Cased = d.Cased
		o.Text = data.TextColumn{Name: d.Text, Tokenizer: w, Length: d.Length}
		if like != nil {
			o.Text.Length = like.length
		} else if shape := inputs[0].Type.Shape; d.Length == 0 && len(shape) == 2 {
			o.Text.Length, _ = shape[1].Int()
		}
	}
	t, err := data.CSV(path, o)
	if err != nil {
		return nil, err
	}
	s := &source{Dataset: t, columns: t.Columns, length: t.Length}
	if c, ok := t.Columns[d.Target]; ok {
		s.classes = c.Categories
	}
	return s, nil
}

// fit gives the fields of ds the names, types and shapes of the model's inputs and of the targets.
func (d *Data) fit(ds data.Dataset, inputs []*graph.Value, targets []loss.Target) (data.Dataset, error) {
	names := map[string]string{}
	has := map[string]bool{}
	for _, f := range ds.Fields() {
		has[f.Name] = true
	}
	for from, to := range d.Inputs {
		names[from] = to
	}
	target := d.Target
	if !has[target] {
		target = "y"
	}
	if len(targets) == 1 && has[target] && target != targets[0].Name {
		names[target] = targets[0].Name
	}
	if len(inputs) == 1 && len(d.Inputs) == 0 && !has[inputs[0].Name] {
		var free []string
		for _, f := range ds.Fields() {
			if f.Name != target {
				free = append(free, f.Name)
			}
		}
		if len(free) == 1 {
			names[free[0]] = inputs[0].Name
		}
	}
	ds, err := data.Rename(ds, names)
	if err != nil {
		return nil, err
	}
	for _, v := range inputs {
		if ds, err = d.fitField(ds, v.Name, v.Type, true); err != nil {
			return nil, fmt.Errorf("input %q: %w", v.Name, err)
		}
	}
	for _, t := range targets {
		if ds, err = d.fitField(ds, t.Name, t.Type, false); err != nil {
			return nil, fmt.Errorf("target %q: %w", t.Name, err)
		}
	}
	return ds, nil
}

func (d *Data) fitField(ds data.Dataset, name string, want graph.Type, input bool) (data.Dataset, error) {
	var field *data.Field
	var all []string
	for _, f := range ds.Fields() {
		if f.Name == name {
			field = &f
		}
		all = append(all, f.String())
	}
	if field == nil {
		return nil, fmt.Errorf("the data has %s; say which is meant under inputs or target", strings.Join(all, ", "))
	}
	var steps []data.Step
	if want.DType != tensor.Invalid && field.DType != want.DType {
		if field.DType == tensor.Uint8 && input && want.DType == tensor.Float32 {
			steps = append(steps, data.Normalize{Scale: d.Scale, Mean: d.Mean, Std: d.Std})
		} else {
			steps = append(steps, data.Cast{To: want.DType})
		}
	}
	if input && d.Resize && len(want.Shape) == 4 && len(field.Shape) >= 2 {
		h, knowH := want.Shape[2].Int()
		w, knowW := want.Shape[3].Int()
		if !knowH || !knowW {
			return nil, fmt.Errorf("pictures cannot be resized to %s, a size that is not known", want)
		}
		steps = append(steps, data.Resize{Height: h, Width: w})
		f := *field
		f.Shape = append(f.Shape[:len(f.Shape)-2:len(f.Shape)-2], h, w)
		field = &f
	}
	if want.Ranked && len(want.Shape) > 0 && len(want.Shape)-1 != len(field.Shape) || want.Ranked && differs(want.Shape, field.Shape) {
		if shape, ok := reshaped(want.Shape, field.Shape); ok {
			steps = append(steps, data.Reshape{Shape: shape})
		} else {
			return nil, fmt.Errorf("a sample is %s, the model wants %s", field, want)
		}
	}
	if input {
		augment, err := d.augment()
		if err != nil {
			return nil, err
		}
		if want.DType == tensor.Float32 && len(want.Shape) >= 3 {
			steps = append(steps, augment...)
		}
	}
	if steps == nil {
		return ds, nil
	}
	return data.Transform(ds, name, steps...)
}

// differs reports whether a known extent after the first is another one.
func differs(want []graph.Dim, have tensor.Shape) bool {
	for i, d := range want[1:] {
		if n, ok := d.Int(); ok && n != have[i] {
			return true
		}
	}
	return false
}

// reshaped is the shape of a sample when want, without its first extent, has as many elements as have; one extent may be open.
func reshaped(want []graph.Dim, have tensor.Shape) ([]int, bool) {
	total := 1
	for _, n := range have {
		total *= n
	}
	shape, open, known := make([]int, len(want)-1), -1, 1
	for i, d := range want[1:] {
		n, ok := d.Int()
		switch {
		case ok:
			shape[i] = n
			known *= n
		case open >= 0:
			return nil, false
		default:
			open = i
		}
	}
	if open >= 0 && known > 0 && total%known == 0 {
		shape[open] = total / known
		return shape, true
	}
	return shape, open < 0 && known == total
}

// augmentations are the steps that change samples by chance.
var augmentations = map[string]func() data.Step{
	"crop":   func() data.Step { return &data.RandomCrop{} },
	"shift":  func() data.Step { return &data.RandomShift{} },
	"flip":   func() data.Step { return &data.RandomFlip{} },
	"affine": func() data.Step { return &data.RandomAffine{} },
	"cutout": func() data.Step { return &data.Cutout{} },
}

func (d *Data) augment() ([]data.Step, error) {
	var steps []data.Step
	for _, s := range d.Augment {
		f := augmentations[s.Name]
		if f == nil {
			return nil, fmt.Errorf("no augmentation %q; there are crop, shift, flip, affine and cutout", s.Name)
		}
		step := f()
		if err := params.Set(s.Params, step); err != nil {
			return nil, fmt.Errorf("augmentation %s: %w", s.Name, err)
		}
		steps = append(steps, step)
	}
	return steps, nil
}
