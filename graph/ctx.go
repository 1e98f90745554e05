package graph

import (
	"unsafe"

	"github.com/onnxrun/onnxrun/graph/tensor"
)

// Ctx is what Run sees of one execution of its node. In[i] is nil where an optional input is absent. Out[i] is nil where
// nobody wants the output, and also before [Ctx.Alloc] where its size was not known before the run; all other
// outputs are there, of the shape that Infer gave, with undefined contents, which Run must write in full.
type Ctx struct {
	Node    *Node
	In, Out []*tensor.Tensor
	Memo    any // kept from one run to the next while the shapes stay the same; for what is derived from them

	exec Exec
	jobs []Task
	next int
}

// Exec is what an executor does for running nodes.
type Exec interface {
	// Alloc is a new tensor of undefined contents out of the run's budget.
	Alloc(d tensor.DType, shape []int) (*tensor.Tensor, error)
	// Scratch is memory of undefined contents that is the node's until its Run returns.
	Scratch(bytes int) ([]byte, error)
	// Charge takes memory that Run allocates by itself (strings, lists) out of the run's budget.
	Charge(bytes int) error
	// Workers is the largest number of threads that Parallel uses.
	Workers() int
	// Parallel calls t.Do for pieces of at most grain of the n items, on several threads, and returns when all are done,
	// or early when the run is stopped. Which thread takes a piece does not matter to the results.
	Parallel(t Task, n, grain int)
	// Call runs a graph that is an attribute of the node.
	Call(n *Node, g *Graph, in []*tensor.Tensor) ([]*tensor.Tensor, error)
	// Stopped is the reason to give up, or nil.
	Stopped() error
	// Seed is a new number for operators that draw random ones.
	Seed() uint64
}

// Task is work on the items lo to hi-1 of a range; worker is below Exec.Workers, and no two calls with the same worker run at once.
type Task interface{ Do(worker, lo, hi int) }

// NewCtx is for executors, which may use it for any number of runs, one at a time.
func NewCtx(n *Node, exec Exec) *Ctx {
	return &Ctx{Node: n, In: make([]*tensor.Tensor, len(n.In)), Out: make([]*tensor.Tensor, len(n.Out)), exec: exec}
}

// Begin makes the context ready for one more run of its node.
func (c *Ctx) Begin(exec Exec) { c.exec, c.next = exec, 0 }

// Exec is the executor.
func (c *Ctx) Exec() Exec { return c.exec }

// Has reports whether input i is there.
func (c *Ctx) Has(i int) bool { return i < len(c.In) && c.In[i] != nil }

// Input is input i, or nil.
func (c *Ctx) Input(i int) *tensor.Tensor {
	if i < len(c.In) {
		return c.In[i]
	}
	return nil
}

// Wants reports whether somebody reads output i.
func (c *Ctx) Wants(i int) bool { return c.Node.Wants(i) }

// Alloc makes output i, whose size only Run knows. An output that is there already with that type and shape is kept.
// It returns nil without an error when nobody wants the output.
func (c *Ctx) Alloc(i int, d tensor.DType, shape ...int) (*tensor.Tensor, error) {
	if !c.Wants(i) {
		return nil, nil
	}
	if t := c.Out[i]; t != nil && t.DType() == d && t.Shape().Equal(shape) {
		return t, nil
	}
	t, err := c.exec.Alloc(d, shape)
	if err == nil {
		c.Out[i] = t
	}
	return t, err
}

// Scratch is a slice of n elements with undefined contents that lasts until Run returns.
func Scratch[T tensor.Elem](c *Ctx, n int) ([]T, error) {
	var z T
	size := int(unsafe.Sizeof(z))
	if n < 0 || n > int(^uint(0)>>1)/size {
		return nil, Limitf("scratch of %d elements", n)
	}
	b, err := c.exec.Scratch(n * size)
	if err != nil || n == 0 {
		return nil, err
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), n), nil
}

// Parallel calls args.Do for pieces of the items 0 to n-1, each piece at most grain long, on several threads. The arguments are copied to memory
// that is kept from run to run, so that nothing is allocated; a function literal in their place would be, in generic code.
// Choose grain for 20 µs to 1 ms of work: cancellation is seen between pieces. What Do computes for an item must not depend
// on the piece it is in or on the worker (whose number only selects scratch memory).
func Parallel[A any, P interface {
	*A
	Task
}](c *Ctx, n, grain int, args A) {
	var j P
	if c.next < len(c.jobs) {
		j, _ = c.jobs[c.next].(P)
	}
	if j == nil {
		j = new(A)
		c.jobs = append(c.jobs[:min(c.next, len(c.jobs))], j)
	}
	c.next++
	*j = args
	c.exec.Parallel(j, n, max(grain, 1))
	var zero A
	*j = zero
}

type forArgs[A any] struct {
	args A
	body func(a *A, worker, lo, hi int)
}

func (j *forArgs[A]) Do(worker, lo, hi int) { j.body(&j.args, worker, lo, hi) }

// For is [Parallel] with a function in place of a method, for code that is not generic: body must not capture variables.
func For[A any](c *Ctx, n, grain int, args A, body func(a *A, worker, lo, hi int)) {
	Parallel(c, n, grain, forArgs[A]{args, body})
}
