package job

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/onnxrun/onnxrun/finetune/data"
	"github.com/onnxrun/onnxrun/finetune/loss"
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/internal/params"
)

// open reads the data of a path, and settles in d what the next one must be read like: classes, columns, the length of texts.
func (d *Data) open(path string, inputs []*graph.Value) (data.Dataset, error) {
	if images, labels, ok := strings.Cut(path, ","); ok {
		return openPair(images, labels)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	switch {
	case info.IsDir():
		return d.openPictures(path, inputs)
	case strings.HasSuffix(path, ".npz"):
		return data.ReadNPZ(path, 0)
	case strings.HasSuffix(path, ".csv"), strings.HasSuffix(path, ".csv.gz"), strings.HasSuffix(path, ".tsv"), strings.HasSuffix(path, ".tsv.gz"):
		return d.openTable(path, inputs)
	}
	return nil, fmt.Errorf("%s: not a folder of pictures, .csv, .tsv or .npz; two files, pictures and classes, are written with a comma between", path)
}

func openPair(images, labels string) (data.Dataset, error) {
	if !strings.Contains(images, ".npy") {
		return data.MNIST(images, labels, 0)
	}
	x, err := data.ReadNPY(images, 0)
	if err != nil {
		return nil, err
	}
	y, err := data.ReadNPY(labels, 0)
	if err != nil {
		return nil, err
	}
	return data.Arrays(data.Array{Name: "x", Tensor: x}, data.Array{Name: "y", Tensor: y})
}

func (d *Data) openPictures(path string, inputs []*graph.Value) (data.Dataset, error) {
	o := data.PictureOptions{Height: 224, Width: 224, Mean: d.Mean, Std: d.Std, Scale: d.Scale, Classes: d.Classes}
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
	ds, err := data.Pictures(path, o)
	if err != nil {
		return nil, err
	}
	d.Classes = ds.Classes
	return ds, nil
}

func (d *Data) openTable(path string, inputs []*graph.Value) (data.Dataset, error) {
	if d.Target == "" {
		return nil, fmt.Errorf("%s: which column is the target?", path)
	}
	o := data.CSVOptions{Targets: strings.Split(d.Target, ","), Missing: data.Missing(d.Missing), Columns: d.Columns}
	if strings.Contains(path, ".tsv") {
		o.Comma = '\t'
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
		if shape := inputs[0].Type.Shape; d.Length == 0 && len(shape) == 2 {
			o.Text.Length, _ = shape[1].Int()
		}
	}
	t, err := data.CSV(path, o)
	if err != nil {
		return nil, err
	}
	d.Columns, d.Length = t.Columns, t.Length
	return t, nil
}

// labels are the names of the classes, nil where they are numbers.
func (d *Data) labels() []string {
	if d.Classes != nil {
		return d.Classes
	}
	return d.Columns[d.Target].Categories
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
	for _, t := range targets {
		if ds, err = d.fitTarget(ds, t); err != nil {
			return nil, fmt.Errorf("target %q: %w", t.Name, err)
		}
	}
	for _, v := range inputs {
		if ds, err = d.fitInput(ds, v.Name, v.Type); err != nil {
			return nil, fmt.Errorf("input %q: %w%s", v.Name, err, d.widths())
		}
	}
	return ds, nil
}

// widths tells, for an error about the numbers of a sample, which columns of a table give how many.
func (d *Data) widths() string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(d.Columns)) {
		c := d.Columns[name]
		n := 1
		if c.Kind == data.OneHot {
			n = len(c.Categories)
		}
		if c.Missing == data.Indicator {
			n++
		}
		if c.Kind != data.Skip && !slices.Contains(strings.Split(d.Target, ","), name) {
			list = append(list, fmt.Sprintf("%s %d", name, n))
		}
	}
	if list == nil {
		return ""
	}
	if len(list) > 20 {
		list = append(list[:20], "…")
	}
	return "; numbers by column: " + strings.Join(list, ", ")
}

// field is the one of that name.
func field(ds data.Dataset, name, key string) (data.Field, error) {
	var all []string
	for _, f := range ds.Fields() {
		if f.Name == name {
			return f, nil
		}
		all = append(all, f.String())
	}
	return data.Field{}, fmt.Errorf("the data has %s; say which of these it is (%s)", strings.Join(all, ", "), key)
}

func (d *Data) fitTarget(ds data.Dataset, t loss.Target) (data.Dataset, error) {
	f, err := field(ds, t.Name, "target")
	if err != nil {
		return nil, err
	}
	if n := len(d.Columns[d.Target].Categories); n > 2 && t.Type.DType.IsFloat() {
		return nil, fmt.Errorf("column %q has %d classes, of which the loss wants numbers: choose a loss of classes, as cross_entropy", d.Target, n)
	}
	var steps []data.Step
	if t.Type.DType != tensor.Invalid && f.DType != t.Type.DType {
		steps = append(steps, data.Cast{To: t.Type.DType})
	}
	return shaped(ds, f, "the loss", t.Type, steps)
}

func (d *Data) fitInput(ds data.Dataset, name string, want graph.Type) (data.Dataset, error) {
	f, err := field(ds, name, "inputs")
	if err != nil {
		return nil, err
	}
	var steps []data.Step
	if want.DType != tensor.Invalid && f.DType != want.DType {
		if f.DType == tensor.Uint8 && want.DType == tensor.Float32 {
			steps = append(steps, data.Normalize{Scale: d.Scale, Mean: d.Mean, Std: d.Std})
		} else {
			steps = append(steps, data.Cast{To: want.DType})
		}
	}
	if d.Resize && len(want.Shape) == 4 && len(f.Shape) >= 2 {
		h, knowH := want.Shape[2].Int()
		w, knowW := want.Shape[3].Int()
		if !knowH || !knowW {
			return nil, fmt.Errorf("pictures cannot be resized to %s, a size that is not known", want)
		}
		steps = append(steps, data.Resize{Height: h, Width: w})
		f.Shape = append(f.Shape[:len(f.Shape)-2:len(f.Shape)-2], h, w)
	}
	augment, err := d.augment()
	if err != nil {
		return nil, err
	}
	if want.DType != tensor.Float32 || len(want.Shape) < 3 {
		augment = nil
	}
	return shaped(ds, f, "the model", want, steps, augment...)
}

// shaped applies steps to field f, which they make have that shape, then the shape that is wanted, then more steps.
func shaped(ds data.Dataset, f data.Field, who string, want graph.Type, steps []data.Step, more ...data.Step) (data.Dataset, error) {
	if want.Ranked && len(want.Shape) > 0 && differs(want.Shape, f.Shape) {
		shape, ok := reshaped(want.Shape, f.Shape)
		if !ok {
			return nil, fmt.Errorf("a sample is %s, %s wants %s", f, who, want)
		}
		steps = append(steps, data.Reshape{Shape: shape})
	}
	if steps = append(steps, more...); len(steps) == 0 {
		return ds, nil
	}
	return data.Transform(ds, f.Name, steps...)
}

// differs reports whether samples of the shape have cannot be those of batches of the shape want.
func differs(want []graph.Dim, have tensor.Shape) bool {
	if len(want) != len(have)+1 {
		return true
	}
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

// labels checks numbers of classes, so that one that cannot be is told with its sample before it reaches the loss.
type labels struct {
	classes int
	ignored int64 // the label that does not count
}

func (l labels) Out(in data.Field) (data.Field, error) { return in, nil }

func (l labels) Apply(dst, src *tensor.Tensor, _ *data.Rand) error {
	for _, k := range tensor.Data[int64](src) {
		if (k < 0 || k >= int64(l.classes)) && k != l.ignored {
			return fmt.Errorf("class %d for a model of %d classes, which are counted from 0", k, l.classes)
		}
	}
	copy(dst.Bytes(), src.Bytes())
	return nil
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
