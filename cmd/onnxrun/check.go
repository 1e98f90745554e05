package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/onnx"
	"github.com/onnxrun/onnxrun/runtime/ops"
)

// finding is one fault of a model with its place.
type finding struct {
	Place string `json:"place"`
	Kind  string `json:"kind"` // unsupported, invalid or limit
	Text  string `json:"text"`
	err   error
}

func checkCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "check MODEL",
		Short: "Find all that is wrong with a model, and all operators that are not supported",
		Example: `  onnxrun check model.onnx
  onnxrun check model.onnx --json`,
		Args: args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, a []string) error {
			found := findings(a[0])
			done, err := asJSON(c, map[string]any{"model": a[0], "findings": found})
			if err != nil {
				return err
			}
			if !done {
				for _, f := range found {
					fmt.Fprintf(c.OutOrStdout(), "%s: %s: %s\n", f.Place, f.Kind, f.Text)
				}
				if len(found) == 0 {
					fmt.Fprintln(c.OutOrStdout(), "ok")
				}
			}
			if len(found) == 0 {
				return nil
			}
			worst := found[0].err // an invalid model matters more than one that is not supported
			for _, f := range found {
				if errors.Is(f.err, graph.ErrInvalid) || errors.Is(f.err, graph.ErrShape) || errors.Is(f.err, graph.ErrType) {
					worst = f.err
				}
			}
			return fmt.Errorf("%d findings: %w", len(found), worst)
		},
	}
}

func findings(path string) []finding {
	g, err := onnx.Load(path)
	if err != nil {
		return []finding{asFinding(path, err)}
	}
	var out []finding
	if err := graph.Resolve(ops.Registry(), g); err != nil {
		out = append(out, asFinding(path, err))
	}
	for _, n := range graph.Unresolved(g) {
		out = append(out, finding{Place: fmt.Sprintf("node %q", n.Label()), Kind: "unsupported", Text: "operator " + n.Op.String(), err: graph.ErrUnsupported})
	}
	if err := graph.Verify(g); err != nil {
		out = append(out, asFinding("graph", err))
	}
	for _, n := range g.Nodes {
		if !n.Op.Known() {
			continue
		}
		for _, err := range graph.CheckNode(n) {
			out = append(out, asFinding(fmt.Sprintf("node %q (%s)", n.Label(), n.Op), err))
		}
		if err := graph.InferNode(ops.Registry(), n); err != nil {
			out = append(out, asFinding(fmt.Sprintf("node %q (%s)", n.Label(), n.Op), err))
		}
	}
	return out
}

func asFinding(place string, err error) finding {
	kind := "invalid"
	switch {
	case errors.Is(err, graph.ErrUnsupported):
		kind = "unsupported"
	case errors.Is(err, graph.ErrLimit):
		kind = "limit"
	}
	var at *graph.OpError
	text := err.Error()
	if errors.As(err, &at) {
		place, text = fmt.Sprintf("node %q (%s)", at.Node, at.Op), at.Err.Error()
	}
	return finding{Place: place, Kind: kind, Text: text, err: err}
}
