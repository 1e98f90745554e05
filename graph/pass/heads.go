package pass

import (
	"slices"
	"strings"

	"github.com/onnxrun/onnxrun/graph"
)

// heads is an operand of attention in memory: a value whose axes have the meanings of letters, see the operator FusedAttention. Its extents along
// b, h and s are batch, heads and seq; copies is how often each head is repeated.
type heads struct {
	base                    *graph.Value
	letters                 string
	sizes                   []graph.Dim // of the letters
	batch, heads, seq, size graph.Dim
	copies                  graph.Dim
	factor                  float64 // by which the elements are multiplied
}

// operand reads v, [batch, heads, seq, size], [batch·heads, seq, size] or the same with more axes of the batch in front, from the farthest
// memory in which it lies. With across, the last two axes are size and seq. With joint, the axes of batch and heads are not told apart.
func operand(v *graph.Value, across, joint bool) *heads {
	if v.Type.Rank() < 3 {
		return nil
	}
	var h *heads
	_, factor := viewed(v, func(w *view) bool {
		h = headsOf(w, across, joint)
		return h != nil
	})
	if h != nil {
		h.factor = factor
	}
	return h
}

func headsOf(w *view, across, joint bool) *heads {
	n := len(w.axes)
	seq, size := w.axes[n-2], w.axes[n-1]
	if across {
		seq, size = size, seq
	}
	lead := slices.DeleteFunc(slices.Concat(w.axes[:n-2]...), func(a *atom) bool { return a.size.Is(1) })
	batch, head := lead, []*atom(nil)
	switch {
	case joint:
	case n > 3:
		head = w.axes[n-3]
		batch = slices.DeleteFunc(slices.Concat(w.axes[:n-3]...), func(a *atom) bool { return a.size.Is(1) })
	case len(lead) > 0: // the last atom that is no copy
		k := len(lead) - 1
		for k > 0 && lead[k].repeat {
			k--
		}
		batch, head = lead[:k], lead[k:]
	}
	h := &heads{base: w.base, copies: graph.Size(1)}
	for k := len(head) - 1; k >= 0 && head[k].repeat; k-- {
		h.copies = h.copies.Mul(head[k].size)
		head = head[:k]
	}
	h.batch, h.heads, h.seq, h.size = axisSize(batch), axisSize(head), axisSize(seq), axisSize(size)
	role := map[*atom]byte{}
	for i, axis := range [][]*atom{batch, head, seq, size} {
		last := -1
		for _, a := range axis {
			if a.size.Is(1) {
				continue
			}
			at := slices.Index(w.atoms, a)
			if a.repeat || a.fixed >= 0 || at < last {
				return nil
			}
			last = at
			role[a] = "bhsd"[i]
		}
	}
	var letters strings.Builder
	for _, a := range w.atoms {
		letter := role[a]
		switch {
		case a.fixed > 9:
			return nil
		case a.fixed >= 0:
			letter = byte('0' + a.fixed)
		case a.size.Is(1):
			letter = '0'
		case letter == 0:
			return nil
		}
		s := letters.String()
		if k := len(h.sizes) - 1; k >= 0 && s[k] == letter && letter >= 'a' { // one axis in the end
			h.sizes[k] = h.sizes[k].Mul(a.size)
			continue
		}
		if letter >= 'a' && strings.IndexByte(s, letter) >= 0 {
			return nil
		}
		letters.WriteByte(letter)
		h.sizes = append(h.sizes, a.size)
	}
	h.letters = letters.String()
	return h
}

// value is the base with one axis for each letter. That may be the value made for another operand.
func (h *heads) value(b *graph.Builder, other *heads, made *graph.Value) *graph.Value {
	if other != nil && other.base == h.base && slices.EqualFunc(other.sizes, h.sizes, graph.Dim.Equal) {
		return made
	}
	return reshaped(b, h.base, h.sizes)
}

// reshaped is x with the given shape, of as many elements.
func reshaped(b *graph.Builder, x *graph.Value, shape []graph.Dim) *graph.Value {
	from := x.Type.Shape
	if slices.EqualFunc(from, shape, graph.Dim.Equal) {
		return x
	}
	parts := make([]graph.Arg, 0, len(shape)+1)
	target, open, fixed := make([]int, len(shape)), 0, true
	for i, d := range shape {
		n, ok := d.Int()
		j := slices.IndexFunc(from, func(f graph.Dim) bool { return f.Equal(d) })
		switch {
		case ok:
			target[i] = n
		case i < len(from) && from[i].Equal(d):
			target[i], j = 0, i
		case open == 0:
			target[i] = -1
			open++
		default:
			fixed = false
		}
		switch {
		case ok:
			parts = append(parts, b.Ints(n))
		case j >= 0:
			parts = append(parts, b.Op("Shape", x, graph.Int("start", j), graph.Int("end", j+1)))
		default:
			parts = append(parts, b.Ints(-1))
		}
	}
	if fixed {
		return b.Op("Reshape", x, b.Ints(target...))
	}
	return b.Op("Reshape", x, b.Op("Concat", append(parts, graph.Int("axis", 0))...))
}
