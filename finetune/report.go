package finetune

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/onnxrun/onnxrun/finetune/autodiff"
	"github.com/onnxrun/onnxrun/graph"
)

// Report is what can be said of a model before it is trained.
type Report struct {
	Params    []ParamReport  `json:"params"` // that may train, in the order of the file
	Modules   []ModuleReport `json:"modules"`
	Elements  int            `json:"elements"`
	Bytes     int            `json:"bytes"`
	Operators []string       `json:"operators"` // between parameters and outputs, that have gradients
	Missing   []string       `json:"missing"`   // those that have none
	Folded    []string       `json:"folded"`    // what the exporter left out or folded into other things
}

// ParamReport is one parameter.
type ParamReport struct {
	Name      string `json:"name"`
	Constant  string `json:"constant"` // in the file
	Type      string `json:"type"`
	Transform string `json:"transform,omitempty"`
	Elements  int    `json:"elements"`
}

// ModuleReport is the parameters whose names agree up to the last dot.
type ModuleReport struct {
	Name     string `json:"name"`
	Elements int    `json:"elements"`
}

// Report says what of the model can train.
func (m *Model) Report() (*Report, error) {
	if err := m.Infer(); err != nil {
		return nil, err
	}
	r := &Report{}
	sizes := map[string]int{}
	var values []*graph.Value
	for _, p := range m.Params {
		if p.Stat {
			continue
		}
		t := p.Value.Const
		r.Params = append(r.Params, ParamReport{p.Name, p.Value.Name, t.String(), string(p.Transform), t.Len()})
		r.Elements += t.Len()
		r.Bytes += t.MemBytes()
		sizes[p.Module()] += t.Len()
		values = append(values, p.Value)
	}
	for _, s := range m.Modules() {
		r.Modules = append(r.Modules, ModuleReport{s, sizes[s]})
	}
	m.operators(r, values)
	m.folded(r)
	return r, nil
}

// operators are those on the way from a parameter to an output.
func (m *Model) operators(r *Report, params []*graph.Value) {
	has, lacks := map[string]bool{}, map[string]bool{}
	for _, n := range autodiff.Path(m.Graph, m.Graph.Outputs, params) {
		switch name := n.Op.Name; {
		case n.Op.Grad != nil || n.Op.Expand != nil || n.HasSubgraphs():
			has[name] = true
		case name == "SplitToSequence" || name == "SequenceAt": // becomes a Split
			has[name] = true
		default:
			lacks[fmt.Sprintf("%s (node %q)", n.Op, n.Label())] = true
		}
	}
	for s := range has {
		r.Operators = append(r.Operators, s)
	}
	for s := range lacks {
		r.Missing = append(r.Missing, s)
	}
	sort.Strings(r.Operators)
	sort.Strings(r.Missing)
}

// folded looks for the traces of what exporters do to a network in evaluation mode.
func (m *Model) folded(r *Report) {
	biased, norms, dropouts, attention := 0, 0, 0, 0
	m.Graph.Walk(func(_ *graph.Graph, n *graph.Node) bool {
		if n.Op.Domain != "" {
			return true
		}
		switch n.Op.Name {
		case "Conv":
			if len(n.In) > 2 && n.In[2] != nil && n.In[2].Const != nil && n.In[1] != nil && !strings.Contains(n.In[1].Name, ".") {
				biased++
			}
		case "BatchNormalization":
			norms++
		case "Dropout":
			dropouts++
		case "Softmax", "Attention":
			attention++
		}
		return true
	})
	if biased > 0 && norms == 0 {
		r.Folded = append(r.Folded, fmt.Sprintf("%d convolutions have weights without a name and a bias: most likely a BatchNormalization was folded into each. They train as they are, without statistics "+
			"of batches; to keep the layers, export with training=TrainingMode.PRESERVE or do_constant_folding=False", biased))
	}
	if dropouts == 0 && (attention > 0 || norms > 0) {
		r.Folded = append(r.Folded, "no Dropout is in the graph: exporters remove it. The training has none, unless an adapter brings its own")
	}
	transposed := 0
	for _, p := range m.Params {
		if p.Transform != Same {
			transposed++
		}
	}
	if transposed > 0 {
		r.Folded = append(r.Folded, fmt.Sprintf("%d weights lie in another layout than PyTorch's, and are named after it all the same", transposed))
	}
	if m.halves != nil {
		r.Folded = append(r.Folded, "the file has float16 or bfloat16: the model trains in float32, and is rounded again when it is saved")
	}
	if n := len(m.weightsInNodes()); n > 0 {
		r.Folded = append(r.Folded, fmt.Sprintf("%d constants of many elements are nodes or have no name and do not train, as position embeddings of a fixed length: %v", n, firstFew(m.weightsInNodes())))
	}
}

// weightsInNodes are Constant nodes that look like weights.
func (m *Model) weightsInNodes() []string {
	const many = 256
	var list []string
	m.Graph.Walk(func(_ *graph.Graph, n *graph.Node) bool {
		if n.Op.Domain == "" && n.Op.Name == "Constant" {
			if t := n.Tensor("value"); t != nil && t.DType().IsFloat() && t.Len() >= many {
				list = append(list, n.Out[0].Name)
			}
		}
		return true
	})
	return list
}

func firstFew(s []string) []string {
	if len(s) > 4 {
		return append(slices.Clone(s[:4]), "…")
	}
	return s
}
