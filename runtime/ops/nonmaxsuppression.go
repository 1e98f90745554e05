package ops

import (
	"slices"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// NonMaxSuppression walks, for every batch and class, through the boxes from the highest score down and selects those that
// overlap none of the selected ones by more than the threshold: rows of batch, class and box.
var nonMaxSuppression = family(
	&graph.Op{
		Name: "NonMaxSuppression", Since: 11,
		Sig: `(boxes:f32, scores:f32, max_output_boxes_per_class?:i64, iou_threshold?:f32, score_threshold?:f32) -> (selected_indices:i64)
			center_point_box int = 0`,
		Infer: inferNonMaxSuppression, Run: runNonMaxSuppression,
	},
	&graph.Op{Since: 10},
)

func inferNonMaxSuppression(c *graph.Infer) error {
	boxes, ok1 := c.Shape(0)
	scores, ok2 := c.Shape(1)
	if ok1 && (len(boxes) != 3 || boxes[2].IsInt() && !boxes[2].Is(4)) || ok2 && len(scores) != 3 {
		return graph.Shapef("boxes %s with scores %s, want [batch,box,4] and [batch,class,box]", graph.ShapeString(boxes), graph.ShapeString(scores))
	}
	if ok1 && ok2 {
		for k, j := range []int{0, 2} { // batch, box
			if a, b := boxes[k], scores[j]; a.IsInt() && b.IsInt() && !a.Equal(b) {
				return graph.Shapef("boxes %s with scores %s", graph.ShapeString(boxes), graph.ShapeString(scores))
			}
		}
	}
	c.SetTensor(0, tensor.Int64, graph.Unknown(), graph.Size(3))
	return nil
}

type nmsArgs struct {
	boxes      []kernel.Box
	scores     []float32
	rank       []kernel.Ranked // n for each worker
	keep       []int64         // most for each class of each batch
	kept       []int64
	n, classes int
	most       int
	iou        float32
	least      float32
	limited    bool // only scores above least
}

func runNonMaxSuppression(c *graph.Ctx) error {
	bs, ss := c.In[0].Shape(), c.In[1].Shape()
	if len(bs) != 3 || len(ss) != 3 || bs[2] != 4 || bs[0] != ss[0] || bs[1] != ss[2] {
		return graph.Shapef("boxes %s with scores %s", c.In[0], c.In[1])
	}
	batches, classes, n := ss[0], ss[1], ss[2]
	a := nmsArgs{scores: tensor.Data[float32](c.In[1]), n: n, classes: classes}
	if c.Has(2) {
		most, err := oneInt(c.In[2], "max_output_boxes_per_class")
		if err != nil {
			return err
		}
		a.most = min(max(most, 0), n)
	}
	var err error
	if a.iou, _, err = oneFloat(c.Input(3), "iou_threshold"); err != nil {
		return err
	}
	if a.least, a.limited, err = oneFloat(c.Input(4), "score_threshold"); err != nil {
		return err
	}
	total := 0
	if a.most > 0 && batches*classes > 0 {
		if err := a.run(c, tensor.Data[float32](c.In[0]), batches); err != nil {
			return err
		}
		for _, k := range a.kept {
			total += int(k)
		}
	}
	y, err := c.Alloc(0, tensor.Int64, total, 3)
	if err != nil || y == nil {
		return err
	}
	out := tensor.Data[int64](y)[:0]
	for g, k := range a.kept {
		for _, box := range a.keep[g*a.most:][:k] {
			out = append(out, int64(g/classes), int64(g%classes), box)
		}
	}
	return nil
}

func (a *nmsArgs) run(c *graph.Ctx, boxes []float32, batches int) error {
	flat, err := graph.Scratch[float32](c, batches*a.n*5)
	if err != nil {
		return err
	}
	a.boxes = kernel.Boxes(flat, boxes, c.Node.Bool("center_point_box"))
	if a.rank, err = rankScratch(c, c.Exec().Workers()*a.n); err != nil {
		return err
	}
	if a.keep, err = graph.Scratch[int64](c, batches*a.classes*a.most); err != nil {
		return err
	}
	if a.kept, err = graph.Scratch[int64](c, batches*a.classes); err != nil {
		return err
	}
	clear(a.kept)
	graph.For(c, batches*a.classes, 1, *a, nmsClasses)
	return c.Exec().Stopped()
}

func nmsClasses(a *nmsArgs, worker, lo, hi int) {
	for g := lo; g < hi; g++ {
		rank := a.rank[worker*a.n : worker*a.n]
		for i, s := range a.scores[g*a.n : (g+1)*a.n] {
			if !a.limited || s > a.least {
				rank = append(rank, kernel.Ranked{Key: kernel.DescendingKey(s), Index: i})
			}
		}
		slices.SortFunc(rank, kernel.CompareRanked)
		boxes := a.boxes[g/a.classes*a.n:][:a.n]
		a.kept[g] = int64(kernel.Suppress(a.keep[g*a.most:(g+1)*a.most], rank, boxes, a.iou))
	}
}

// oneFloat is the only element of an optional number, and whether it is there.
func oneFloat(t *tensor.Tensor, what string) (float32, bool, error) {
	if t == nil {
		return 0, false, nil
	}
	if t.Len() != 1 || t.DType() != tensor.Float32 {
		return 0, false, graph.Shapef("%s is %s, want one number", what, t)
	}
	return tensor.Data[float32](t)[0], true, nil
}
