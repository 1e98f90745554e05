package adapter

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/onnxrun/onnxrun/finetune"
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// prompt is what a model reads before its tokens: embeddings, or keys and values of every attention.
type prompt struct {
	param  *finetune.Param // [tokens, features]
	tokens *tokens         // prompt tuning
	heads  *heads          // prefix tuning
}

// tokens is where a model embeds its tokens.
type tokens struct {
	ids    *graph.Value   // the input
	inputs []*graph.Value // all inputs with an element for each token
	site   *site
	table  *Layer
}

// laying are the operators that only lay out anew.
var laying = []string{"Identity", "Cast", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Expand", "Clip"}

// source is the input of the graph whose elements v has, or nil.
func source(g *graph.Graph, v *graph.Value) *graph.Value {
	for v.Def != nil && v.Def.Op.Domain == "" && slices.Contains(laying, v.Def.Op.Name) && v.Def.In[0] != nil {
		v = v.Def.In[0]
	}
	if slices.Contains(g.Inputs, v) {
		return v
	}
	return nil
}

// findTokens finds the token embedding: of the tables whose rows an input of [batch, sequence] integers picks, the largest.
func (s *Set) findTokens(c *Config) (*tokens, error) {
	g := s.Model.Graph
	var best *tokens
	for _, l := range s.layers {
		if l.Kind != Embedding || c.Embedding != "" && l.Name != c.Embedding {
			continue
		}
		for _, at := range l.sites {
			in := source(g, at.node.In[1])
			if in == nil || len(in.Type.Shape) != 2 || len(at.out.Type.Shape) != 3 || best != nil && best.table.In >= l.In {
				continue
			}
			best = &tokens{ids: in, site: at, table: l}
		}
	}
	if best == nil {
		return nil, fmt.Errorf("no token embedding in the model: looked for a Gather of rows of a constant by an input of [batch, sequence]%s", suffix(" in the module ", c.Embedding))
	}
	length := best.ids.Type.Shape[1]
	if length.IsInt() {
		return nil, fmt.Errorf("the input %q has the fixed length %s: prompts want a model whose sequence length is free", best.ids.Name, length)
	}
	for _, v := range g.Inputs {
		if strings.Contains(strings.ToLower(v.Name), "past") {
			return nil, fmt.Errorf("the model goes on from a past, %q: it would read the prompt again with each part of a sequence; prompts want a model of whole sequences", v.Name)
		}
		if d := v.Type.Shape; len(d) == 2 && d[1].Equal(length) || v == best.ids {
			best.inputs = append(best.inputs, v)
		}
	}
	return best, nil
}

func suffix(before, s string) string {
	if s == "" {
		return ""
	}
	return before + fmt.Sprintf("%q", s)
}

const promptName = "prompt_encoder.%s.embedding.weight"

func (a *Adapter) freshPrompt(rng *rand.Rand) error {
	t, err := a.set.findTokens(&a.Config)
	if err != nil {
		return err
	}
	n, w := a.Config.VirtualTokens, t.table.weight.Value.Const
	var x *tensor.Tensor
	if a.Config.Init == VocabInit {
		var v []float64
		for range n {
			row := rng.IntN(t.table.In)
			for j := range t.table.Out {
				v = append(v, w.Float(row*t.table.Out+j))
			}
		}
		x = ofFloats(w.DType(), v, n, t.table.Out)
	} else {
		x = filled(w.DType(), rng.NormFloat64, n, t.table.Out)
	}
	a.prompt = &prompt{param: a.param(newParam(fmt.Sprintf(promptName, a.Name), x)), tokens: t}
	return nil
}

// loadPrompt takes what a file holds for prompt or prefix tuning.
func (a *Adapter) loadPrompt(x *tensor.Tensor) error {
	n := a.Config.VirtualTokens
	p := &prompt{}
	var d tensor.DType
	var width int
	var err error
	if a.Config.Type == PromptTuning {
		if p.tokens, err = a.set.findTokens(&a.Config); err != nil {
			return err
		}
		d, width = p.tokens.table.weight.Value.Const.DType(), p.tokens.table.Out
	} else {
		if p.heads, err = a.set.findHeads(); err != nil {
			return err
		}
		d = p.heads.list[0].product.Out[0].Type.DType
		width = p.heads.unit()
		if x.Rank() == 2 && x.Dim(1) > 0 && x.Dim(1)%width == 0 {
			p.heads.own = x.Dim(1) / width
		}
		if width *= p.heads.own; p.heads.count%p.heads.own != 0 {
			return fmt.Errorf("prefixes for %d heads where there are %d", p.heads.own, p.heads.count)
		}
	}
	if x, err = toType(x, d, promptKey, n, width); err != nil {
		return err
	}
	p.param = a.param(newParam(fmt.Sprintf(promptName, a.Name), x))
	a.prompt = p
	return nil
}

// apply puts the prompt into the graph, whose sequences may be longer then.
func (p *prompt) apply(e *edit) {
	types := e.types()
	e.undo = append(e.undo, types)
	if p.tokens != nil {
		p.applyTokens(e)
	} else {
		p.applyHeads(e)
	}
	if e.err() == nil {
		if err := e.m.Infer(); err != nil {
			e.b.Fail(fmt.Errorf("the graph is not made for longer sequences: %w", err))
		}
	}
}

// types is a function that gives all values back the types that they have now.
func (e *edit) types() func() {
	was := map[*graph.Value]graph.Type{}
	for _, n := range e.m.Graph.Nodes {
		for _, v := range n.Out {
			if v != nil {
				was[v] = v.Type
			}
		}
	}
	return func() {
		for v, t := range was {
			v.Type = t
		}
	}
}

// applyTokens makes every input longer by as many tokens in front as there are in the prompt, so that positions, masks and shapes follow by themselves; then
// the embeddings of those tokens are replaced.
func (p *prompt) applyTokens(e *edit) {
	n, width := p.param.Value.Const.Dim(0), p.param.Value.Const.Dim(1)
	uses := usesOf(e.m.Graph)
	for _, v := range p.tokens.inputs {
		longer := e.build(nil, false, func() *graph.Value { return e.lengthen(v, n) })
		if e.err() != nil {
			return
		}
		for _, u := range uses[v] {
			e.setIn(u.node, u.index, longer)
		}
	}
	e.wrap(p.tokens.site.out, func(was *graph.Value) *graph.Value {
		rows := e.op("Reshape", p.param.Value, e.b.Ints(1, n, width))
		rows = e.op("Expand", rows, e.op("Concat", e.batch(was), e.b.Ints(n, width), graph.Int("axis", 0)))
		return e.op("Concat", rows, e.slice(was, 1, n, maxEnd), graph.Int("axis", 1))
	})
}

// lengthen puts n tokens before those of an input, [batch, sequence]: seen by masks, in consecutive positions, else 0.
func (e *edit) lengthen(v *graph.Value, n int) *graph.Value {
	first := make([]float64, n)
	name := strings.ToLower(v.Name)
	rest := v
	for i := range first {
		switch {
		case strings.Contains(name, "mask"):
			first[i] = 1
		case strings.Contains(name, "position"):
			first[i] = float64(i)
		}
	}
	if strings.Contains(name, "position") {
		rest = e.op("Add", v, e.b.Scalar(v.Type.DType, float64(n)))
	}
	front := e.op("Cast", e.b.Const(ofFloats(tensor.Float32, first, 1, n)), graph.Int("to", int(v.Type.DType)))
	front = e.op("Expand", front, e.op("Concat", e.batch(v), e.b.Ints(n), graph.Int("axis", 0)))
	return e.op("Concat", front, rest, graph.Int("axis", 1))
}

// batch is the first extent of v, as a vector.
func (e *edit) batch(v *graph.Value) *graph.Value {
	return e.op("Gather", e.op("Shape", v), e.b.Ints(0))
}

const maxEnd = 1<<31 - 1

// slice is v between start and end along an axis.
func (e *edit) slice(v *graph.Value, axis, start, end int) *graph.Value {
	if e.m.Graph.Opsets[""] < 10 {
		return e.op("Slice", v, graph.Ints("axes", int64(axis)), graph.Ints("starts", int64(start)), graph.Ints("ends", int64(end)))
	}
	return e.op("Slice", v, e.b.Ints(start), e.b.Ints(end), e.b.Ints(axis))
}

// describe fills in what PEFT's configuration says of prompts.
func (p *prompt) describe(w *wire) {
	w.Tokens, w.Submodules = p.param.Value.Const.Dim(0), 1
	if p.tokens != nil {
		w.Dim = p.param.Value.Const.Dim(1)
		return
	}
	w.Layers, w.Heads = len(p.heads.list), p.heads.own
	w.Dim = p.heads.own * p.heads.size
	w.Hidden = w.Dim
}
