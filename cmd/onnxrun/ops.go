package main

import (
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/onnxrun/onnxrun/finetune/autodiff"
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/runtime/ops"
)

// opInfo is one operator in the list of all.
type opInfo struct {
	Domain   string              `json:"domain"`
	Name     string              `json:"name"`
	Versions []int               `json:"versions"`
	Kernel   bool                `json:"kernel"`
	Gradient string              `json:"gradient,omitempty"` // "rule", "bodies", "expansion", or none
	Types    map[string][]string `json:"types"`
}

func opsCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "ops [NAME…]",
		Short: "List the operators with their versions, types, and how they are differentiated",
		Example: `  onnxrun ops
  onnxrun ops Softmax Conv --json`,
		RunE: func(c *cobra.Command, names []string) error {
			list, err := opList(names)
			if err != nil {
				return err
			}
			if done, err := asJSON(c, list); done {
				return err
			}
			w := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "operator\tversions\tgradient\ttypes")
			for _, o := range list {
				name := o.Name
				if o.Domain != "" {
					name = o.Domain + "::" + name
				}
				var types []string
				for _, v := range slices.Sorted(maps.Keys(o.Types)) {
					types = append(types, v+": "+strings.Join(o.Types[v], " "))
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", name, strings.Trim(fmt.Sprint(o.Versions), "[]"), o.Gradient, strings.Join(types, "; "))
			}
			fmt.Fprintf(w, "%d operators\n", len(list))
			return w.Flush()
		},
	}
}

func opList(names []string) ([]*opInfo, error) {
	var list []*opInfo
	var known []string
	for _, o := range ops.Registry().All() {
		if n := len(list); n == 0 || list[n-1].Domain != o.Domain || list[n-1].Name != o.Name {
			list = append(list, &opInfo{Domain: o.Domain, Name: o.Name})
			known = append(known, o.Name)
		}
		e := list[len(list)-1]
		e.Versions = append(e.Versions, o.Since)
		e.Kernel, e.Gradient, e.Types = o.Run != nil, gradientOf(o), typeNames(o)
	}
	for _, n := range names {
		if !slices.Contains(known, n) {
			return nil, usagef("there is no operator %q%s", n, nearest(n, known))
		}
	}
	if len(names) > 0 {
		list = slices.DeleteFunc(list, func(o *opInfo) bool { return !slices.Contains(names, o.Name) })
	}
	return list, nil
}

// gradientOf says how an operator is differentiated: by a rule, through the graphs inside it, or through the operators that it expands to, as far as these have gradients.
func gradientOf(o *graph.Op) string {
	switch {
	case o.Grad != nil:
		return "rule"
	case autodiff.Flow(o):
		return "bodies"
	case o.Expand != nil:
		return "expansion"
	}
	return ""
}

func typeNames(o *graph.Op) map[string][]string {
	out := map[string][]string{}
	for v, set := range o.Signature().Types {
		for _, t := range set {
			name := t.DType.Short()
			if t.Wrap != "" {
				name = t.Wrap + "(" + name + strings.Repeat(")", 1+strings.Count(t.Wrap, "("))
			}
			out[v] = append(out[v], name)
		}
	}
	return out
}

func versionCmd() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Show the version of onnxrun and of the ONNX standard it follows",
		Example: "  onnxrun version --json",
		Args:    args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			v := map[string]string{"onnxrun": "devel", "onnx_opset": "28", "onnx_ir": "13"}
			if info, ok := debug.ReadBuildInfo(); ok {
				v["go"] = info.GoVersion
				if info.Main.Version != "" && info.Main.Version != "(devel)" {
					v["onnxrun"] = info.Main.Version
				}
			}
			if done, err := asJSON(c, v); done {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "onnxrun %s (%s), ONNX opset %s, IR %s\n", v["onnxrun"], v["go"], v["onnx_opset"], v["onnx_ir"])
			return nil
		},
	}
}
