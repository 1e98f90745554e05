// Package ops holds the operators: one file each (or a tight family) with its definition, types, kernel, expansion,
// gradient and older versions, and its tests beside it.
package ops

import (
	"sync"

	"github.com/onnxrun/onnxrun/graph"
)

// Registry is all operators.
var Registry = sync.OnceValue(func() *graph.Registry {
	r, err := graph.NewRegistry(all...)
	if err != nil {
		panic(err) // a definition is there twice: TestRegistry finds it
	}
	return r
})

// family is an operator with its older versions. An older version names its Since and, in Sig, what is different in its
// signature from the version that follows it in time (the one listed before it). Without Run and Expand it
// computes as that version does.
func family(newest *graph.Op, older ...*graph.Op) []*graph.Op {
	out := []*graph.Op{newest}
	for i, o := range older {
		next := out[i]
		o.Domain, o.Name, o.Base = newest.Domain, newest.Name, next
		if o.Run == nil && o.Expand == nil {
			o.SameAs = next
			o.Run, o.Expand, o.Grad = next.Run, next.Expand, next.Grad
			o.View, o.InPlace, o.InPlaceFrom, o.InPlaceAll, o.Random = next.View, next.InPlace, next.InPlaceFrom, next.InPlaceAll, next.Random
			if o.Infer == nil {
				o.Infer = next.Infer
			}
		}
		out = append(out, o)
	}
	return out
}
