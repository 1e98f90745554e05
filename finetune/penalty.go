package finetune

import "github.com/onnxrun/onnxrun/graph"

// L1 is the penalty λ·Σ|p| over the parameters that match a pattern, all of them without any, for [Config].
func L1(lambda float64, patterns ...string) func(*Penalized) *graph.Value {
	return func(p *Penalized) *graph.Value {
		var sum *graph.Value
		for _, name := range p.Names {
			match := len(patterns) == 0
			for _, s := range patterns {
				match = match || Glob(s)(name)
			}
			if !match {
				continue
			}
			x := p.Op("ReduceL1", p.Value[name], graph.Int("keepdims", 0))
			if sum != nil {
				x = p.Op("Add", sum, x)
			}
			sum = x
		}
		if sum == nil {
			return nil
		}
		return p.Op("Mul", sum, p.Scalar(sum.Type.DType, lambda))
	}
}
