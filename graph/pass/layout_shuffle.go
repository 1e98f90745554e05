package pass

import "github.com/onnxrun/onnxrun/graph"

// depthToSpace moves whole blocks of channels into the plane.
func (l *c16) depthToSpace(n *graph.Node) *graph.Value {
	channels, ok := channelsOf(n.Out[0])
	if !ok || channels%16 != 0 || n.Str("mode") == "CRD" {
		return nil
	}
	return l.b.Op(private+"::DepthToSpaceC16", l.block(n.In[0]), graph.Int("blocksize", n.Int("blocksize")), graph.Int("channels", channels))
}
