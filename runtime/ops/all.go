package ops

import "github.com/onnxrun/onnxrun/graph"

// all lists every operator, sorted by name. A new operator is its file and a line here.
var all = [][]*graph.Op{
	relu,
	softmax,
}
