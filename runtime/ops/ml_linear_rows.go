package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// linearModel are the attributes of a linear model as its kernels want them.
type linearModel struct {
	coefficients, intercepts []float32
	packed                   []float32 // coefficients transposed, where kernels use vectors
	narrow                   bool      // few rows of them
	n, features              int       // rows of coefficients
	post                     kernel.PostTransform
	classes                  treeClasses
}

func readLinear(n *graph.Node) (*linearModel, error) {
	m := &linearModel{coefficients: n.Floats("coefficients"), intercepts: n.Floats("intercepts")}
	var ok bool
	if m.post, ok = kernel.FindPostTransform(n.Str("post_transform")); !ok {
		return nil, graph.Invalidf("post_transform %q", n.Str("post_transform"))
	}
	if n.Op.Name == "LinearClassifier" {
		m.classes = treeClasses{ints: n.Ints("classlabels_ints"), strs: n.Strs("classlabels_strings")}
		var err error
		if m.n, _, _, err = linearClasses(n); err != nil {
			return nil, err
		}
	} else {
		m.n = n.Int("targets")
	}
	m.features = len(m.coefficients) / m.n
	if kernel.Active() > kernel.Go && m.features > 0 {
		m.packed = make([]float32, kernel.PackedLen(m.features, m.n))
		panels, _ := kernel.Panels(m.n)
		kernel.PackB(m.packed, m.coefficients, m.features, m.n, m.features, true, 0, panels)
		m.narrow = kernel.NarrowFits(m.features, m.n)
	}
	return m, nil
}

// linearRows is how many rows go together; rows at a distance of 4 KB are only read where they lie in groups of up to 8.
const linearRows = 256

// scores computes dst (rows, n) from rows of x, the first of which has the number lo.
func (m *linearModel) scores(dst []float32, x *tensor.Tensor, lo, rows int) {
	if x.DType() == tensor.Float32 && m.packed != nil {
		data := tensor.Data[float32](x)
		if m.narrow {
			kernel.NarrowGemm(dst[:rows*m.n], data[lo*m.features:], m.features, m.packed, m.intercepts, m.features, m.n)
			return
		}
		for step := 0; rows > 0; rows -= step {
			step = rows
			if m.features%1024 == 0 {
				step = min(rows, 8)
			}
			g := kernel.PackedGemm{M: step, N: m.n, K: m.features, A: data[lo*m.features:], B: m.packed, C: dst, Lda: m.features, Ldc: m.n, Bias: m.intercepts}
			if len(m.intercepts) == 0 {
				g.Bias = nil
			}
			g.Plan()
			blocks, panels := g.Grid()
			for i := range blocks {
				g.Run(i, 0, panels)
			}
			lo, dst = lo+step, dst[step*m.n:]
		}
		return
	}
	for r := range rows {
		for k := range m.n {
			s := 0.0
			if len(m.intercepts) > 0 {
				s = float64(m.intercepts[k])
			}
			for i, w := range m.coefficients[k*m.features : (k+1)*m.features] {
				s += float64(w) * x.Float((lo+r)*m.features+i)
			}
			dst[r*m.n+k] = float32(s)
		}
	}
}

// linearTask computes rows of a linear classifier (labels) or regressor.
type linearTask struct {
	*linearModel
	x, labels, y *tensor.Tensor
	width        int       // scores that a row has in y
	scratch      []float32 // of each worker
	piece        int
}

// runLinear computes all rows; width is how many scores y has for each.
func runLinear(c *graph.Ctx, labels, y *tensor.Tensor, width int) error {
	m, _ := c.Memo.(*linearModel)
	if m == nil {
		var err error
		if m, err = graph.Shared(c.Node, readLinear); err != nil {
			return err
		}
		c.Memo = m
	}
	rows, _ := treeSize(c.In[0])
	piece := min(linearRows, max(rows, 1))
	scratch, err := recurrentScratch[float32](c, c.Exec().Workers(), piece, max(m.n, width))
	if err != nil {
		return err
	}
	graph.Parallel(c, rows, piece, linearTask{m, c.In[0], labels, y, width, scratch, piece})
	return nil
}

// Do computes rows lo to hi-1.
func (t *linearTask) Do(worker, lo, hi int) {
	each := t.piece * max(t.n, t.width)
	var s []float32
	for ; lo < hi; lo += t.piece {
		rows := min(t.piece, hi-lo)
		if s = t.scratch[worker*each:][:each]; t.y != nil && t.width == t.n { // no copy
			s = tensor.Data[float32](t.y)[lo*t.n:][:rows*t.n]
		}
		t.scores(s, t.x, lo, rows)
		if t.labels != nil {
			t.label(s, lo, rows)
		}
		if t.y == nil {
			continue
		}
		y := tensor.Data[float32](t.y)[lo*t.width:][:rows*t.width]
		switch {
		case t.width > t.n: // the score of the second class makes that of the first
			for r := range rows {
				v, to := s[r], y[2*r:][:2]
				if to[0], to[1] = 1-v, v; t.post == kernel.PostLogistic {
					to[0] = -v
					kernel.Post(t.post, to)
				}
			}
		case t.labels == nil && t.n == 1 && t.post != kernel.PostProbit: // one target is only transformed by PROBIT, as in ONNX Runtime
		default:
			kernel.PostRows(t.post, y, t.n)
		}
	}
}

// label finds the class of every row.
func (t *linearTask) label(s []float32, lo, rows int) {
	plain := t.labels.DType() == tensor.Int64 && len(t.classes.ints) >= t.n && t.n > 1
	var to []int64
	if plain {
		to = tensor.Data[int64](t.labels)[lo:][:rows]
	}
	for r := range rows {
		row, which := s[r*t.n:][:t.n], 0
		if t.n == 1 {
			if row[0] > 0 {
				which = 1
			}
		}
		best := row[0]
		for i, v := range row[1:] {
			if v > best {
				best, which = v, i+1
			}
		}
		if plain {
			to[r] = t.classes.ints[which]
		} else {
			t.classes.label(t.labels, lo+r, which, len(t.classes.ints) <= which)
		}
	}
}
