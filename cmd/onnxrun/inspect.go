package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/onnx"
	"github.com/onnxrun/onnxrun/runtime/ops"
)

// modelInfo is what inspect tells.
type modelInfo struct {
	onnx.Info
	Inputs         []valueInfo    `json:"inputs"`
	Outputs        []valueInfo    `json:"outputs"`
	Nodes          int            `json:"nodes"`
	Parameters     int            `json:"parameters"`
	ParameterBytes int            `json:"parameter_bytes"`
	MACs           string         `json:"macs"`
	Activations    string         `json:"activation_bytes"` // of all values that nodes compute
	Operators      map[string]int `json:"operators"`
	Unsupported    map[string]int `json:"unsupported,omitempty"`
	NodeList       []nodeInfo     `json:"node_list,omitempty"`
}

type valueInfo struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

type nodeInfo struct {
	Name string      `json:"name"`
	Op   string      `json:"op"`
	In   []valueInfo `json:"in"`
	Out  []valueInfo `json:"out"`
}

func inspectCmd() *cobra.Command {
	var nodes bool
	var f runFlags
	c := &cobra.Command{
		Use:   "inspect MODEL",
		Short: "Show inputs, outputs, operators, parameters and cost of a model",
		Example: `  onnxrun inspect model.onnx
  onnxrun inspect model.onnx --set batch=1 --nodes
  onnxrun inspect model.onnx --json`,
		Args: args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, a []string) error {
			g, err := open(a[0])
			if err != nil {
				return err
			}
			set, err := f.symbols(g.Inputs)
			if err != nil {
				return err
			}
			m := inspect(g, set, nodes)
			if done, err := asJSON(c, m); done {
				return err
			}
			return printModel(c, m)
		},
	}
	c.Flags().BoolVar(&nodes, "nodes", false, "list every node with the types of its inputs and outputs")
	c.Flags().StringArrayVar(&f.set, "set", nil, "size of a symbolic dimension, as batch=8; may be repeated")
	return c
}

func inspect(g *graph.Graph, set map[string]int, nodes bool) *modelInfo {
	m := &modelInfo{Info: onnx.Describe(g), Operators: map[string]int{}, Unsupported: map[string]int{}}
	bind := func(s string) (int, bool) { n, ok := set[s]; return n, ok }
	for _, v := range g.Inputs {
		m.Inputs = append(m.Inputs, valueInfo{v.Name, v.Type.String()})
		for i, d := range v.Type.Shape {
			v.Type.Shape[i] = d.Bind(bind)
		}
	}
	macs, acts := graph.Size(0), graph.Size(0)
	g.Walk(func(in *graph.Graph, n *graph.Node) bool {
		m.Nodes++
		name := n.Op.Name
		if n.Op.Domain != "" {
			name = n.Op.Domain + "::" + name
		}
		m.Operators[name]++
		if !n.Op.Known() {
			m.Unsupported[name]++
		}
		if in == g { // types inside nodes come with the node; a fault of the model is check's to report
			_ = graph.InferNode(ops.Registry(), n)
		}
		macs = macs.Add(graph.MACs(n))
		for _, v := range n.Out {
			if v != nil && v.Type.Ranked && v.Type.DType.Size() > 0 {
				size := graph.Size(v.Type.DType.Size())
				for _, d := range v.Type.Shape {
					size = size.Mul(d)
				}
				acts = acts.Add(size)
			}
		}
		if nodes {
			m.NodeList = append(m.NodeList, nodeInfo{n.Label(), n.Op.String(), infos(n.In), infos(n.Out)})
		}
		return true
	})
	count := func(g *graph.Graph) {
		for _, v := range g.Consts {
			m.Parameters += v.Const.Len()
			m.ParameterBytes += v.Const.MemBytes()
		}
	}
	count(g)
	g.Walk(func(_ *graph.Graph, n *graph.Node) bool { n.Subgraphs(count); return true })
	for _, v := range g.Outputs {
		m.Outputs = append(m.Outputs, valueInfo{v.Name, v.Type.String()})
	}
	m.MACs, m.Activations = macs.String(), acts.String()
	return m
}

func infos(vs []*graph.Value) []valueInfo {
	out := make([]valueInfo, len(vs))
	for i, v := range vs {
		if v != nil {
			out[i] = valueInfo{v.Name, v.Type.String()}
		}
	}
	return out
}

func printModel(c *cobra.Command, m *modelInfo) error {
	w := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
	if m.Producer != "" {
		fmt.Fprintf(w, "producer\t%s %s\n", m.Producer, m.ProducerVersion)
	}
	var opsets []string
	for _, d := range slices.Sorted(maps.Keys(m.Opsets)) {
		opsets = append(opsets, fmt.Sprintf("%s %d", cmp.Or(d, "ai.onnx"), m.Opsets[d]))
	}
	fmt.Fprintf(w, "format\tIR %d, opset %s\n", m.IRVersion, strings.Join(opsets, ", "))
	for _, v := range m.Inputs {
		fmt.Fprintf(w, "input\t%s %s\n", v.Name, v.Type)
	}
	for _, v := range m.Outputs {
		fmt.Fprintf(w, "output\t%s %s\n", v.Name, v.Type)
	}
	fmt.Fprintf(w, "nodes\t%d\n", m.Nodes)
	fmt.Fprintf(w, "parameters\t%d, %d bytes\n", m.Parameters, m.ParameterBytes)
	fmt.Fprintf(w, "MACs\t%s\n", m.MACs)
	fmt.Fprintf(w, "activations\t%s bytes\n", m.Activations)
	for _, name := range slices.Sorted(maps.Keys(m.Operators)) {
		note := ""
		if m.Unsupported[name] > 0 {
			note = "  not supported"
		}
		fmt.Fprintf(w, "operator\t%s × %d%s\n", name, m.Operators[name], note)
	}
	for _, n := range m.NodeList {
		fmt.Fprintf(w, "node\t%s %s (%s) -> (%s)\n", n.Name, n.Op, join(n.In), join(n.Out))
	}
	return w.Flush()
}

func join(vs []valueInfo) string {
	s := make([]string, len(vs))
	for i, v := range vs {
		s[i] = strings.TrimSpace(v.Name + " " + v.Type)
	}
	return strings.Join(s, ", ")
}
