package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// LinearRegressor is x·coefficientsᵀ + intercepts, transformed, for each target.
var linearRegressor = family(&graph.Op{
	Domain: "ai.onnx.ml", Name: "LinearRegressor", Since: 1,
	Sig:   "(X:T) -> (Y:f32); T = f32 f64 i32 i64; coefficients floats; intercepts floats; post_transform string = NONE; targets int = 1",
	Infer: inferLinearRegressor, Run: runLinearRegressor,
})

func inferLinearRegressor(c *graph.Infer) error {
	targets := c.Node.Int("targets")
	if err := linearFits(c, targets); err != nil {
		return err
	}
	return inferTrees(c, 0, tensor.Float32, targets)
}

// linearFits holds the attributes of a linear model against the features of input 0.
func linearFits(c *graph.Infer, targets int) error {
	n, b := len(c.Node.Floats("coefficients")), len(c.Node.Floats("intercepts"))
	if targets < 1 || n%targets != 0 || b != 0 && b != targets {
		return graph.Invalidf("%d coefficients and %d intercepts for %d targets", n, b, targets)
	}
	if s, ok := c.Shape(0); ok && len(s) > 0 && s[len(s)-1].IsInt() && !s[len(s)-1].Is(n/targets) {
		return graph.Shapef("%d coefficients of %d targets for %s", n, targets, c.Type(0))
	}
	return nil
}

func runLinearRegressor(c *graph.Ctx) error {
	return runLinear(c, nil, c.Out[0], c.Node.Int("targets"))
}

// LinearClassifier gives rows the label of the class with the highest score x·coefficientsᵀ + intercepts, and the scores. One row of coefficients for two labels is
// the score of the second; that of the first is made from it as ONNX Runtime does: 1 − s, or the logistic function of −s.
var linearClassifier = family(&graph.Op{
	Domain: "ai.onnx.ml", Name: "LinearClassifier", Since: 1,
	Sig: `(X:T1) -> (Y:T2, Z:f32)
		T1 = f32 f64 i32 i64; T2 = str i64
		classlabels_ints ints; classlabels_strings strings; coefficients floats!; intercepts floats; multi_class int = 0; post_transform string = NONE`,
	Infer: inferLinearClassifier, Run: runLinearClassifier,
})

// linearClasses is how many rows of coefficients there are, and columns of scores.
func linearClasses(n *graph.Node) (rows, scores int, text bool, err error) {
	labels, text, _ := classLabels(n, "classlabels_ints", "classlabels_strings")
	rows = len(n.Floats("intercepts"))
	if rows == 0 {
		rows = max(labels, 1)
	}
	scores = rows
	if rows == 1 && labels == 2 {
		scores = 2
	}
	if labels != 0 && labels != scores && !(rows == 1 && labels == 1) {
		err = graph.Invalidf("%d labels for %d scores", labels, scores)
	}
	return rows, scores, text, err
}

func inferLinearClassifier(c *graph.Infer) error {
	rows, scores, text, err := linearClasses(c.Node)
	if err != nil {
		return err
	}
	if err := linearFits(c, rows); err != nil {
		return err
	}
	return inferClassifier(c, scores, text)
}

func runLinearClassifier(c *graph.Ctx) error {
	_, width, _, err := linearClasses(c.Node)
	if err != nil {
		return err
	}
	var z *tensor.Tensor
	if len(c.Out) > 1 {
		z = c.Out[1]
	}
	return runLinear(c, c.Out[0], z, width)
}
