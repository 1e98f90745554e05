package main

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// summary is what a person wants to know of an output.
type summary struct {
	Name  string   `json:"name"`
	Type  string   `json:"type"`
	Shape []int    `json:"shape"`
	Min   *float64 `json:"min,omitempty"`
	Max   *float64 `json:"max,omitempty"`
	Mean  *float64 `json:"mean,omitempty"`
	NaN   int      `json:"nan,omitempty"`
	First []any    `json:"first,omitempty"`
	Top   [][]hit  `json:"top,omitempty"`
}

type hit struct {
	Class int     `json:"class"`
	Label string  `json:"label,omitempty"`
	Value float64 `json:"value"`
}

func show(c *cobra.Command, values []*graph.Value, out map[string]*tensor.Tensor, random []string, top int, labels []string) error {
	var all []summary
	for _, v := range values {
		all = append(all, summarize(v.Name, out[v.Name], top, labels)...)
	}
	if done, err := asJSON(c, map[string]any{"outputs": all, "random_inputs": random}); done {
		return err
	}
	w := c.OutOrStdout()
	if len(random) > 0 {
		fmt.Fprintf(w, "no inputs were given, so they are random: %s\n", strings.Join(random, ", "))
	}
	for _, s := range all {
		printSummary(w, s)
	}
	return nil
}

func summarize(name string, t *tensor.Tensor, top int, labels []string) []summary {
	if t.DType().IsContainer() {
		out := []summary{{Name: name, Type: t.String()}}
		for i, e := range t.Elems() {
			if e != nil {
				out = append(out, summarize(fmt.Sprintf("%s.%d", name, i), e, top, labels)...)
			}
		}
		return out
	}
	s := summary{Name: name, Type: t.DType().String(), Shape: t.Shape()}
	if t.DType() == tensor.String {
		for _, x := range t.Strings()[:min(8, t.Len())] {
			s.First = append(s.First, x)
		}
		return []summary{s}
	}
	lo, hi, sum, n := math.Inf(1), math.Inf(-1), 0.0, 0
	for i := range t.Len() {
		x := t.Float(i)
		if i < 8 {
			s.First = append(s.First, jsonFloat(x))
		}
		if math.IsNaN(x) {
			s.NaN++
			continue
		}
		lo, hi, sum, n = min(lo, x), max(hi, x), sum+x, n+1
	}
	if n > 0 && !math.IsInf(lo, 0) && !math.IsInf(hi, 0) {
		mean := sum / float64(n)
		s.Min, s.Max, s.Mean = &lo, &hi, &mean
	}
	if top > 0 && t.Rank() > 0 {
		s.Top = topOf(t, top, labels)
	}
	return []summary{s}
}

// jsonFloat is x, or its name where JSON has no number for it.
func jsonFloat(x float64) any {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return fmt.Sprint(x)
	}
	return x
}

// maxRows bounds the rows of which --top shows classes.
const maxRows = 8

func topOf(t *tensor.Tensor, k int, labels []string) [][]hit {
	n := t.Dim(t.Rank() - 1)
	if n == 0 {
		return nil
	}
	var rows [][]hit
	for r := range min(t.Len()/n, maxRows) {
		row := make([]hit, n)
		for i := range row {
			row[i] = hit{Class: i, Value: t.Float(r*n + i)}
			if i < len(labels) {
				row[i].Label = labels[i]
			}
		}
		slices.SortStableFunc(row, func(a, b hit) int { return cmp.Compare(b.Value, a.Value) })
		rows = append(rows, row[:min(k, n)])
	}
	return rows
}

func printSummary(w io.Writer, s summary) {
	if s.Shape == nil {
		fmt.Fprintf(w, "%s: %s\n", s.Name, s.Type)
		return
	}
	fmt.Fprintf(w, "%s: %s%v", s.Name, s.Type, tensor.Shape(s.Shape))
	if s.Min != nil {
		fmt.Fprintf(w, "  min %.6g  max %.6g  mean %.6g", *s.Min, *s.Max, *s.Mean)
	}
	if s.NaN > 0 {
		fmt.Fprintf(w, "  %d NaN", s.NaN)
	}
	fmt.Fprintln(w)
	if s.Top == nil {
		first := make([]string, len(s.First))
		for i, x := range s.First {
			if f, ok := x.(float64); ok {
				first[i] = fmt.Sprintf("%.6g", f)
			} else {
				first[i] = fmt.Sprint(x)
			}
		}
		more := ""
		if n, _ := tensor.Shape(s.Shape).Size(); n > len(first) {
			more = " …"
		}
		fmt.Fprintf(w, "  %s%s\n", strings.Join(first, " "), more)
	}
	for r, row := range s.Top {
		if len(s.Top) > 1 {
			fmt.Fprintf(w, "  row %d\n", r)
		}
		for _, h := range row {
			name := fmt.Sprintf("class %d", h.Class)
			if h.Label != "" {
				name = h.Label
			}
			fmt.Fprintf(w, "  %-20s %.6g\n", name, h.Value)
		}
	}
}
