package finetune

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/onnx"
)

// More ways in which a constant may lie in the graph; a leading axis counts directions.
const (
	LSTMGates Transform = "lstm_gates" // blocks of rows in ONNX's order i, o, f, c, where PyTorch has i, f, g, o
	GRUGates  Transform = "gru_gates"  // z, r, h, where PyTorch has r, z, n
	LSTMBias  Transform = "lstm_bias"  // both bias vectors, one after the other, in the order of LSTMGates
	GRUBias   Transform = "gru_bias"
)

// anonymous are the names that exporters give to what they computed from parameters: val_51 and onnx::MatMul_153 are transposed weights.
var anonymous = regexp.MustCompile(`^(val_\d+|onnx::\w+|\d+|\w+_folded)$`)

// Module is the name of the PyTorch module whose code a node stands in, "" at the root of the model. Exporters tell it: torch.export in the node's metadata,
// TorchScript in the node's name, which is a path of modules that ends in the operator: /encoder/layer.0/attention/query/MatMul.
func Module(n *graph.Node) (name string, ok bool) {
	if s, ok := onnx.NodeMetadata(n)["pkg.torch.onnx.name_scopes"]; ok {
		path := quoted(s)
		if len(path) < 2 {
			return "", false
		}
		return path[len(path)-2], true
	}
	if !strings.HasPrefix(n.Name, "/") {
		return "", false
	}
	path := strings.Split(n.Name[1:], "/")
	path = path[:len(path)-1]
	var parts []string
	for i, s := range path {
		if i+1 < len(path) && strings.HasPrefix(path[i+1], s+".") {
			continue // /layer2/down/down.0: the second names its parent again
		}
		parts = append(parts, s)
	}
	return strings.Join(parts, "."), true
}

// traced is the name that torch.export gave to the operation, as linear_3, "" when it is not known.
func traced(n *graph.Node) string {
	path := quoted(onnx.NodeMetadata(n)["pkg.torch.onnx.name_scopes"])
	if len(path) == 0 {
		return ""
	}
	return path[len(path)-1]
}

// quoted are the strings of a list as Python prints it.
func quoted(s string) []string {
	var list []string
	for {
		i := strings.IndexAny(s, `'"`)
		if i < 0 {
			return list
		}
		j := strings.IndexByte(s[i+1:], s[i])
		if j < 0 {
			return list
		}
		list = append(list, s[i+1:i+1+j])
		s = s[i+j+2:]
	}
}

// use is an input of a node.
type use struct {
	node  *graph.Node
	index int
}

// uses lists who reads a value, in the order of the graph.
func uses(g *graph.Graph) map[*graph.Value][]use {
	m := map[*graph.Value][]use{}
	g.Walk(func(_ *graph.Graph, n *graph.Node) bool {
		for i, v := range n.In {
			if v != nil {
				m[v] = append(m[v], use{n, i})
			}
		}
		return true
	})
	return m
}

// namer finds again the names that parameters had in PyTorch.
type namer struct {
	uses  map[*graph.Value][]use
	taken map[string]bool
	cells map[string]int // recurrent nodes of a module seen so far: the layers of an LSTM are nodes of one module
	layer map[*graph.Node]int
}

// name sets the names and transforms of all parameters.
func (m *Model) name() {
	f := &namer{uses: uses(m.Graph), taken: map[string]bool{}, cells: map[string]int{}, layer: map[*graph.Node]int{}}
	for _, p := range m.Params {
		f.taken[p.Name] = true
	}
	m.Graph.Walk(func(_ *graph.Graph, n *graph.Node) bool {
		if s, ok := Module(n); ok && recurrent(n) {
			f.layer[n] = f.cells[s]
			f.cells[s]++
		}
		return true
	})
	for _, p := range m.Params {
		name, how := "", Same
		if anonymous.MatchString(p.Name) {
			name, how = f.find(p.Value)
		} else {
			p.Transform = f.orientation(p.Value)
			name, how = f.tied(p)
		}
		if name == "" || f.taken[name] {
			continue
		}
		f.taken[name] = true
		p.Name, p.Transform = name, how
	}
}

// tied is the name of a parameter that several modules share: that of the module which reads it first, as PyTorch lists it. The exporter may have kept
// another: GPT-2's embedding is called after the output layer that uses it too.
func (f *namer) tied(p *Param) (string, Transform) {
	i := strings.LastIndexByte(p.Name, '.')
	if i < 0 {
		return "", Same
	}
	var modules []string
	for _, u := range f.readers(p.Value, 0) {
		if s, ok := Module(u.node); ok {
			modules = append(modules, s)
		}
	}
	if k := slices.Index(modules, p.Name[:i]); k < 1 || modules[0] == "" {
		return "", Same
	}
	return modules[0] + p.Name[i:], p.Transform
}

// orientation tells whether a weight that has its name lies with its axes exchanged: where every layer multiplies by it as it is, [inputs, outputs], which PyTorch's linear
// layers do not. Some tools rename and transpose what exporters folded. Products that PyTorch's own code writes as such, and Gemm, which is what
// exporters make of addmm (as of GPT-2's layers), do take PyTorch's tensor as it is.
func (f *namer) orientation(v *graph.Value) Transform {
	if v.Const.Rank() != 2 || !strings.HasSuffix(v.Name, "weight") || len(f.uses[v]) == 0 {
		return Same
	}
	for _, u := range f.uses[v] {
		if u.node.Op.Domain != "" || u.node.Op.Name != "MatMul" || u.index != 1 || isProduct(u.node) {
			return Same
		}
	}
	return Transpose
}

// isProduct reports whether PyTorch's code was a product of matrices, as far as the exporter tells, and no layer.
func isProduct(n *graph.Node) bool {
	switch strings.TrimRight(traced(n), "_0123456789") {
	case "matmul", "bmm", "mm", "addmm", "einsum":
		return true
	}
	return false
}

// readers are the uses of v, those of what only lays it out anew in place of it.
func (f *namer) readers(v *graph.Value, depth int) []use {
	var list []use
	for _, u := range f.uses[v] {
		switch u.node.Op.Name {
		case "Transpose", "Identity", "Cast":
			if depth < 8 {
				list = append(list, f.readers(u.node.Out[0], depth+1)...)
				continue
			}
		}
		list = append(list, u)
	}
	return list
}

// roles are the names of the inputs of operators in PyTorch's modules.
var roles = map[string][]string{
	"Gemm": {"", "weight", "bias"}, "MatMul": {"", "weight"}, "Conv": {"", "weight", "bias"}, "ConvTranspose": {"", "weight", "bias"},
	"Gather": {"weight"}, "PRelu": {"", "weight"}, "LayerNormalization": {"", "weight", "bias"}, "InstanceNormalization": {"", "weight", "bias"},
	"GroupNormalization": {"", "weight", "bias"}, "RMSNormalization": {"", "weight"},
	"BatchNormalization": {"", "weight", "bias", "running_mean", "running_var"},
}

// find is the name of a constant that the exporter computed from a parameter, "" where the graph does not tell.
func (f *namer) find(v *graph.Value) (string, Transform) {
	for _, u := range f.uses[v] {
		if u.node.Op.Domain != "" {
			continue
		}
		if recurrent(u.node) {
			return f.cell(u)
		}
		names := roles[u.node.Op.Name]
		if u.index >= len(names) || names[u.index] == "" {
			continue
		}
		how := Same
		if u.node.Op.Name == "MatMul" || u.node.Op.Name == "Gemm" && u.index == 1 && !u.node.Bool("transB") {
			if v.Const.Rank() != 2 {
				continue
			}
			how = Transpose // what lies as PyTorch has it keeps its name
		}
		if s, ok := Module(u.node); ok && s != "" && f.plain(u.node, s) {
			return s + "." + names[u.index], how
		}
		if s := f.byBias(u.node); s != "" && names[u.index] == "weight" {
			return s, how
		}
	}
	return "", Same
}

// byBias is the name of the weight of a linear layer whose bias, which is not transposed, has kept its own.
func (f *namer) byBias(n *graph.Node) string {
	var bias *graph.Value
	switch {
	case n.Op.Name == "Gemm" && n.Has(2):
		bias = n.In[2]
	case n.Op.Name == "MatMul" && len(f.uses[n.Out[0]]) == 1:
		if add := f.uses[n.Out[0]][0]; add.node.Op.Name == "Add" {
			bias = add.node.In[1-add.index]
		}
	}
	if bias == nil || bias.Const == nil || bias.Const.Rank() != 1 || anonymous.MatchString(bias.Name) {
		return ""
	}
	if s, ok := strings.CutSuffix(bias.Name, "bias"); ok && s != "" {
		return s + "weight" // also in_proj_bias
	}
	return ""
}

// plain reports whether the module may be a layer with one weight: it has no other parameters, and the operation in it is not a product of its own.
func (f *namer) plain(n *graph.Node, module string) bool {
	if isProduct(n) {
		return false
	}
	for s := range f.taken {
		rest, ok := strings.CutPrefix(s, module+".")
		if ok && !slices.Contains([]string{"weight", "bias", "running_mean", "running_var"}, rest) {
			return false
		}
	}
	return true
}

func recurrent(n *graph.Node) bool {
	return n.Op.Domain == "" && (n.Op.Name == "LSTM" || n.Op.Name == "GRU")
}

// cell names a weight of a recurrent layer. A constant that holds several parameters is called after all of them, joined by +.
func (f *namer) cell(u use) (string, Transform) {
	module, ok := Module(u.node)
	if !ok || u.index < 1 || u.index > 3 {
		return "", Same
	}
	gates, bias := LSTMGates, LSTMBias
	if u.node.Op.Name == "GRU" {
		gates, bias = GRUGates, GRUBias
	}
	kinds, how := []string{[]string{"weight_ih", "weight_hh"}[min(u.index, 2)-1]}, gates
	if u.index == 3 {
		kinds, how = []string{"bias_ih", "bias_hh"}, bias
	}
	directions := []string{""}
	switch u.node.Str("direction") {
	case "reverse":
		directions = []string{"_reverse"}
	case "bidirectional":
		directions = []string{"", "_reverse"}
	}
	if module != "" {
		module += "."
	}
	var names []string
	for _, d := range directions {
		for _, k := range kinds {
			names = append(names, module+k+"_l"+strconv.Itoa(f.layer[u.node])+d)
		}
	}
	return strings.Join(names, "+"), how
}
