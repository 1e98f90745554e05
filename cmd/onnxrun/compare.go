package main

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/onnxrun/onnxrun/graph/pass"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime"
)

// difference is how one value differs between two sides.
type difference struct {
	Name   string  `json:"name"`
	Type   string  `json:"type"`
	MaxAbs float64 `json:"max_abs"`
	MaxRel float64 `json:"max_rel"`
	Bad    int     `json:"out_of_tolerance"`
	Text   string  `json:"error,omitempty"`
}

func compareCmd() *cobra.Command {
	var f runFlags
	var rtol, atol float64
	var nodes bool
	c := &cobra.Command{
		Use:   "compare MODEL [OTHER]",
		Short: "Compare results with recorded ones, another model, or the unoptimised graph",
		Long: `Compare results with those recorded in --data DIR (output_0.pb …), with those of another model, or, without either, with the
same model run without any rewriting of its graph. Exits with 1 when a value is out of tolerance: |a - b| > atol + rtol |b|.`,
		Example: `  onnxrun compare model.onnx --data test_data_set_0
  onnxrun compare model.onnx other.onnx --data test_data_set_0 --rtol 1e-3
  onnxrun compare model.onnx --nodes`,
		Args: args(cobra.RangeArgs(1, 2)),
		RunE: func(c *cobra.Command, a []string) error {
			ctx, cancel := f.context(c.Context())
			defer cancel()
			s, err := f.compile(a[0])
			if err != nil {
				return err
			}
			in, err := f.load(s.Inputs(), nil)
			if err != nil {
				return err
			}
			got, err := s.Run(ctx, in.values)
			if err != nil {
				return err
			}
			want, err := f.other(ctx, a, s, in, nodes)
			if err != nil {
				return err
			}
			var rows []difference
			bad := false
			for _, v := range s.Outputs() {
				if w, ok := want[v.Name]; ok {
					d := diff(v.Name, got[v.Name], w, rtol, atol)
					rows, bad = append(rows, d), bad || d.Bad > 0 || d.Text != ""
				}
			}
			if len(rows) == 0 {
				return usagef("both sides have no output in common")
			}
			res := map[string]any{"outputs": rows}
			first := ""
			if nodes {
				if first, err = f.firstNode(ctx, a, in, rtol, atol); err != nil {
					return err
				}
				res["first_difference"] = first
			}
			done, err := asJSON(c, res)
			if err != nil {
				return err
			}
			if !done {
				w := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
				fmt.Fprintln(w, "output\ttype\tmax abs\tmax rel\tout of tolerance")
				for _, d := range rows {
					fmt.Fprintf(w, "%s\t%s\t%.3g\t%.3g\t%d %s\n", d.Name, d.Type, d.MaxAbs, d.MaxRel, d.Bad, d.Text)
				}
				if nodes {
					fmt.Fprintf(w, "first value that differs:\t%s\n", first)
				}
				if err := w.Flush(); err != nil {
					return err
				}
			}
			if bad {
				return errMismatch
			}
			return nil
		},
	}
	f.add(c)
	c.Flags().Float64Var(&rtol, "rtol", 1e-3, "relative tolerance")
	c.Flags().Float64Var(&atol, "atol", 1e-5, "absolute tolerance")
	c.Flags().BoolVar(&nodes, "nodes", false, "name the first value inside the graph that differs from the other side")
	return c
}

// plain are the passes of a graph that is run as it stands: only what has no kernel is expanded.
var plain = runtime.WithPasses(pass.Pass{Name: "expand", Run: pass.Expand})

// other are the results of the other side.
func (f *runFlags) other(ctx context.Context, a []string, s *runtime.Session, in *feeds, nodes bool) (map[string]*tensor.Tensor, error) {
	if len(a) == 1 && f.data != "" && !nodes {
		want := map[string]*tensor.Tensor{}
		for i, v := range s.Outputs() {
			t, err := readPB(filepath.Join(f.data, fmt.Sprintf("output_%d.pb", i)), v.Type)
			if err != nil {
				return nil, fmt.Errorf("recorded output %q: %w", v.Name, err)
			}
			want[v.Name] = t
		}
		return want, nil
	}
	var more []runtime.Option
	if len(a) == 1 {
		more = append(more, plain)
	}
	o, err := f.compile(a[len(a)-1], more...)
	if err != nil {
		return nil, err
	}
	return o.Run(ctx, in.values)
}

// firstNode runs both sides with every value of known name as an output and names the first that differs.
func (f *runFlags) firstNode(ctx context.Context, a []string, in *feeds, rtol, atol float64) (string, error) {
	record := func(path string, more ...runtime.Option) (map[string]*tensor.Tensor, []string, error) {
		vals := map[string]*tensor.Tensor{}
		var order []string
		s, err := f.compile(path, append(more, runtime.WithProfile(func(e runtime.Event) {
			for i, v := range e.Node.Out {
				if v != nil && e.Out[i] != nil && vals[v.Name] == nil {
					vals[v.Name] = e.Out[i].Clone()
					order = append(order, v.Name)
				}
			}
		}))...)
		if err != nil {
			return nil, nil, err
		}
		_, err = s.Run(ctx, in.values)
		return vals, order, err
	}
	got, order, err := record(a[0])
	if err != nil {
		return "", err
	}
	var more []runtime.Option
	if len(a) == 1 {
		more = append(more, plain)
	}
	want, _, err := record(a[len(a)-1], more...)
	if err != nil {
		return "", err
	}
	for _, name := range order {
		if w := want[name]; w != nil {
			if d := diff(name, got[name], w, rtol, atol); d.Bad > 0 || d.Text != "" {
				return fmt.Sprintf("%s %s, by %.3g %s", name, d.Type, d.MaxAbs, d.Text), nil
			}
		}
	}
	return "none", nil
}

func diff(name string, got, want *tensor.Tensor, rtol, atol float64) difference {
	d := difference{Name: name, Type: want.String()}
	if got.DType() != want.DType() || !got.Shape().Equal(want.Shape()) || got.Len() != want.Len() {
		d.Text = fmt.Sprintf("is %s, want %s", got, want)
		return d
	}
	if want.DType().IsContainer() {
		for i, w := range want.Elems() {
			e := diff(name, got.Elems()[i], w, rtol, atol)
			d.MaxAbs, d.MaxRel, d.Bad = max(d.MaxAbs, e.MaxAbs), max(d.MaxRel, e.MaxRel), d.Bad+e.Bad
			if e.Text != "" {
				d.Text = e.Text
			}
		}
		return d
	}
	if want.DType() == tensor.String {
		for i, w := range want.Strings() {
			if got.Strings()[i] != w {
				d.Bad++
			}
		}
		return d
	}
	for i := range want.Len() {
		g, w := got.Float(i), want.Float(i)
		if g == w || math.IsNaN(g) && math.IsNaN(w) {
			continue
		}
		abs := math.Abs(g - w)
		if !(abs <= atol+rtol*math.Abs(w)) {
			d.Bad++
		}
		if math.IsNaN(abs) {
			abs = math.MaxFloat64 // JSON has no NaN
		}
		d.MaxAbs, d.MaxRel = max(d.MaxAbs, min(abs, math.MaxFloat64)), max(d.MaxRel, min(abs/max(math.Abs(w), 1e-30), math.MaxFloat64))
	}
	return d
}
