package data

import (
	"fmt"
	"math"
	"slices"

	"github.com/onnxrun/onnxrun/graph/tensor"
)

type subset struct {
	Dataset
	indices []int
}

// Subset has the samples of ds with those indices, in that order; an index may come twice.
func Subset(ds Dataset, indices []int) (Dataset, error) {
	for _, i := range indices {
		if i < 0 || i >= ds.Len() {
			return nil, fmt.Errorf("sample %d of %d: %w", i, ds.Len(), tensor.ErrShape)
		}
	}
	return &subset{ds, slices.Clone(indices)}, nil
}

func (s *subset) Len() int { return len(s.indices) }

func (s *subset) Read(i int, draw uint64, dst []*tensor.Tensor) error {
	return s.Dataset.Read(s.indices[i], draw, dst)
}

// Split divides the samples by chance in two: the first part has the given fraction of them, rounded to a whole number. The same seed gives the same parts.
func Split(ds Dataset, fraction float64, seed uint64) (first, second Dataset, err error) {
	return split(ds, [][]int{upTo(ds.Len())}, fraction, seed)
}

// SplitStratified is [Split] within each class, so that both parts have every class as often as ds has it. The field tells the class by one number. A class
// of two samples or more is in both parts, unless the fraction is 0 or 1.
func SplitStratified(ds Dataset, field string, fraction float64, seed uint64) (first, second Dataset, err error) {
	labels, err := Labels(ds, field)
	if err != nil {
		return nil, nil, err
	}
	classes := map[float64][]int{}
	var order []float64
	for i, x := range labels {
		if x != x {
			return nil, nil, fmt.Errorf("sample %d: the class is NaN", i)
		}
		if classes[x] == nil {
			order = append(order, x)
		}
		classes[x] = append(classes[x], i)
	}
	slices.Sort(order)
	groups := make([][]int, len(order))
	for k, x := range order {
		groups[k] = classes[x]
	}
	return split(ds, groups, fraction, seed)
}

func split(ds Dataset, groups [][]int, fraction float64, seed uint64) (first, second Dataset, err error) {
	if !(fraction >= 0 && fraction <= 1) {
		return nil, nil, fmt.Errorf("a part of %v of the data: want 0 to 1", fraction)
	}
	var parts [2][]int
	for g, group := range groups {
		r := NewRand(mix(seed, uint64(g)))
		r.Shuffle(group)
		k := int(math.Round(fraction * float64(len(group))))
		if len(groups) > 1 && len(group) > 1 && fraction > 0 && fraction < 1 {
			k = min(max(k, 1), len(group)-1)
		}
		parts[0] = append(parts[0], group[:k]...)
		parts[1] = append(parts[1], group[k:]...)
	}
	for _, p := range parts {
		slices.Sort(p) // neighbours on disk stay neighbours; the loader shuffles
	}
	return &subset{ds, parts[0]}, &subset{ds, parts[1]}, nil
}

func upTo(n int) []int {
	x := make([]int, n)
	for i := range x {
		x[i] = i
	}
	return x
}

// Labels are the numbers that a field of one number has, for each sample. Other fields are not read.
func Labels(ds Dataset, field string) ([]float64, error) {
	k, err := fieldAt(ds, field)
	if err != nil {
		return nil, err
	}
	f := ds.Fields()[k]
	if f.Shape.Elems() != 1 || f.DType.IsComplex() {
		return nil, fmt.Errorf("field %s is not one number: %w", f, tensor.ErrShape)
	}
	t, err := tensor.New(f.DType, f.Shape...)
	if err != nil {
		return nil, err
	}
	dst := make([]*tensor.Tensor, len(ds.Fields()))
	dst[k] = t
	labels := make([]float64, ds.Len())
	for i := range labels {
		if err := ds.Read(i, 0, dst); err != nil {
			return nil, fmt.Errorf("sample %d: %w", i, err)
		}
		labels[i] = t.Float(0)
	}
	return labels, nil
}

type concat struct {
	list   []Dataset
	starts []int // of each but the first, then the end
}

// Concat has the samples of all sets, one set after the other. Their fields must be the same.
func Concat(list ...Dataset) (Dataset, error) {
	if len(list) == 0 {
		return nil, fmt.Errorf("no data to put together")
	}
	c := &concat{list: list}
	n := 0
	for _, ds := range list {
		if !slices.EqualFunc(ds.Fields(), list[0].Fields(), sameField) {
			return nil, fmt.Errorf("data with %v after data with %v: %w", ds.Fields(), list[0].Fields(), tensor.ErrShape)
		}
		n += ds.Len()
		c.starts = append(c.starts, n)
	}
	return c, nil
}

func sameField(a, b Field) bool {
	return a.Name == b.Name && a.DType == b.DType && a.Shape.Equal(b.Shape)
}

func (c *concat) Len() int        { return c.starts[len(c.starts)-1] }
func (c *concat) Fields() []Field { return c.list[0].Fields() }

func (c *concat) Read(i int, draw uint64, dst []*tensor.Tensor) error {
	k, found := slices.BinarySearch(c.starts, i)
	if found {
		k++
	}
	for k < len(c.list)-1 && i >= c.starts[k] { // past sets without samples
		k++
	}
	if k > 0 {
		i -= c.starts[k-1]
	}
	return c.list[k].Read(i, draw, dst)
}

type renamed struct {
	Dataset
	fields []Field
}

func (r *renamed) Fields() []Field { return r.fields }

// Rename gives fields other names, such as those of a model's inputs: from old ones to new ones.
func Rename(ds Dataset, names map[string]string) (Dataset, error) {
	fields := slices.Clone(ds.Fields())
	for old := range names {
		if _, err := fieldAt(ds, old); err != nil {
			return nil, err
		}
	}
	seen := map[string]bool{}
	for i, f := range fields {
		if name, ok := names[f.Name]; ok {
			fields[i].Name = name
		}
		if seen[fields[i].Name] {
			return nil, fmt.Errorf("two fields would be called %q", fields[i].Name)
		}
		seen[fields[i].Name] = true
	}
	return &renamed{ds, fields}, nil
}

type mapped struct {
	Dataset
	fields []Field
	f      func(dst, src []*tensor.Tensor, r *Rand) error
	in     scratch
	out    scratch
}

// Map makes other samples of those of ds: f reads src, a sample with the fields of ds, and writes all of dst, one with the given fields. It is called by several
// goroutines at once, and draws from r alone.
func Map(ds Dataset, fields []Field, f func(dst, src []*tensor.Tensor, r *Rand) error) Dataset {
	return &mapped{Dataset: ds, fields: fields, f: f, in: scratch{fields: ds.Fields()}, out: scratch{fields: fields}}
}

func (m *mapped) Fields() []Field { return m.fields }

func (m *mapped) Read(i int, draw uint64, dst []*tensor.Tensor) error {
	src, err := m.in.get()
	if err != nil {
		return err
	}
	defer m.in.put(src)
	if err := m.Dataset.Read(i, mix(draw, 1), src); err != nil {
		return err
	}
	r := NewRand(mix(draw, 2))
	if !slices.Contains(dst, nil) {
		return m.f(dst, src, &r)
	}
	all, err := m.out.get()
	if err != nil {
		return err
	}
	defer m.out.put(all)
	if err := m.f(all, src, &r); err != nil {
		return err
	}
	for k, t := range dst {
		if t != nil {
			copy(t.Bytes(), all[k].Bytes())
		}
	}
	return nil
}
