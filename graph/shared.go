package graph

import "sync"

var sharing sync.Mutex // guards Node.shared of all nodes: it is asked for once per plan

// Shared is what a kernel derives from the attributes of its node alone. build makes it for the first of all runs; it stays with the node, whatever
// the shapes are. Runs may use it at the same time, so that nobody may change it.
func Shared[T any](n *Node, build func(*Node) (T, error)) (T, error) {
	sharing.Lock()
	defer sharing.Unlock()
	if x, ok := n.shared.(T); ok {
		return x, nil
	}
	x, err := build(n)
	if err == nil {
		n.shared = x
	}
	return x, err
}
