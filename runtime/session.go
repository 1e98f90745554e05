// Package runtime compiles graphs and runs them.
package runtime

import (
	"context"
	"fmt"
	goruntime "runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/pass"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
	"github.com/onnxrun/onnxrun/runtime/internal/pool"
	"github.com/onnxrun/onnxrun/runtime/ops"
)

// Session is a compiled graph. Any number of goroutines may run it at once.
type Session struct {
	opts    options
	g       *graph.Graph
	reg     *graph.Registry
	prog    *program
	inputs  []*graph.Value
	outputs []*graph.Value
	seed    atomic.Uint64

	mu   sync.Mutex
	free []*run    // runs at rest, with their plans, least recently used first
	idle []*memory // that no run is in
}

type options struct {
	threads  int
	limits   Limits
	registry *graph.Registry
	passes   []pass.Pass
	exact    bool
	profile  func(Event)
	seed     uint64
}

// Option changes how a graph is compiled.
type Option func(*options)

// WithThreads sets the number of threads for one run; the default is one per processor.
func WithThreads(n int) Option { return func(o *options) { o.threads = n } }

// WithLimits bounds what a run may take.
func WithLimits(l Limits) Option { return func(o *options) { o.limits = l } }

// WithRegistry replaces the operators, to add one's own.
func WithRegistry(r *graph.Registry) Option { return func(o *options) { o.registry = r } }

// WithPasses replaces the rewrites that precede a run, [pass.Execution]. Without [pass.Expand] in them, only graphs run whose operators all have kernels.
func WithPasses(p ...pass.Pass) Option { return func(o *options) { o.passes = p } }

// WithExactConv computes every convolution as a sum of products, in float32. Otherwise 3 × 3 convolutions may be done by Winograd's minimal filtering,
// where that is faster: rounding errors are about twice as large, and an infinity or NaN of the input spreads to results up to 3 pixels further away.
func WithExactConv() Option { return func(o *options) { o.exact = true } }

// WithProfile calls f after every node, from the goroutine of the run.
func WithProfile(f func(Event)) Option { return func(o *options) { o.profile = f } }

// WithSeed starts the random numbers of operators that do not bring a seed of their own.
func WithSeed(seed uint64) Option { return func(o *options) { o.seed = seed } }

// Reseed starts the random numbers anew, as [WithSeed] does for a new session: runs that follow one another draw the same numbers again.
func (s *Session) Reseed(seed uint64) { s.seed.Store(seed) }

// Event is one execution of a node.
type Event struct {
	Node  *graph.Node
	Start time.Time
	Took  time.Duration
	In    []*tensor.Tensor // valid until the hook returns
	Out   []*tensor.Tensor // valid until the hook returns
}

// Compile makes g ready to run. It does not change g. When operators are not supported, the error names all of their nodes.
func Compile(g *graph.Graph, opts ...Option) (*Session, error) {
	o := options{threads: goruntime.GOMAXPROCS(0)}
	for _, f := range opts {
		f(&o)
	}
	if o.passes == nil {
		o.passes = pass.Execution(pass.Target{Vector: kernel.Active() > kernel.Go, Exact: o.exact, Threads: threads(o.threads)})
	}
	if o.registry == nil {
		o.registry = ops.Registry()
	}
	g = g.Clone()
	s := &Session{opts: o, g: g, reg: o.registry, inputs: g.Inputs, outputs: g.Outputs}
	s.seed.Store(o.seed)
	if err := graph.Resolve(o.registry, g); err != nil {
		return nil, err
	}
	if err := unsupported(g); err != nil {
		return nil, err
	}
	if err := graph.Verify(g); err != nil {
		return nil, err
	}
	if err := pass.Apply(o.registry, g, o.passes); err != nil {
		return nil, err
	}
	if err := unsupported(g); err != nil {
		return nil, err
	}
	s.prog = newProgram(o.registry, g, nil)
	return s, nil
}

// threads are those of the process, so many of them.
type threads int

func (n threads) Workers() int { return int(n) }

func (n threads) Parallel(t graph.Task, items, grain int) { pool.Run(t, items, grain, int(n), never) }

func never() bool { return false }

// unsupported is one error that names every node whose operator has no definition.
func unsupported(g *graph.Graph) error {
	var list []string
	g.Walk(func(_ *graph.Graph, n *graph.Node) bool {
		if !n.Op.Known() {
			list = append(list, fmt.Sprintf("%s (node %q)", n.Op, n.Label()))
		}
		return true
	})
	if list == nil {
		return nil
	}
	return graph.Unsupportedf("operators without a definition: %s", strings.Join(list, ", "))
}

// Graph is the graph as it runs, after all passes. The caller must not change it.
func (s *Session) Graph() *graph.Graph { return s.g }

// Inputs are the inputs that a run takes, in the order of the model.
func (s *Session) Inputs() []*graph.Value { return s.inputs }

// Outputs are the outputs that a run gives, in the order of the model.
func (s *Session) Outputs() []*graph.Value { return s.outputs }

// Run computes the outputs, by name, from the inputs, by name. The tensors that go in are read only; those that come out are the caller's.
func (s *Session) Run(ctx context.Context, feeds map[string]*tensor.Tensor) (map[string]*tensor.Tensor, error) {
	in := make([]*tensor.Tensor, len(s.inputs))
	for i, v := range s.inputs {
		t, ok := feeds[v.Name]
		if !ok {
			return nil, fmt.Errorf("no value for input %q, %s", v.Name, v.Type)
		}
		in[i] = t
	}
	if len(feeds) > len(in) {
		for name := range feeds {
			if !s.hasInput(name) {
				return nil, fmt.Errorf("the model has no input %q; it has %s", name, s.inputNames())
			}
		}
	}
	out := make([]*tensor.Tensor, len(s.outputs))
	if err := s.RunInto(ctx, in, out); err != nil {
		return nil, err
	}
	res := make(map[string]*tensor.Tensor, len(out))
	for i, v := range s.outputs {
		res[v.Name] = out[i]
	}
	return res, nil
}

func (s *Session) hasInput(name string) bool {
	for _, v := range s.inputs {
		if v.Name == name {
			return true
		}
	}
	return false
}

func (s *Session) inputNames() string {
	names := make([]string, len(s.inputs))
	for i, v := range s.inputs {
		names[i] = fmt.Sprintf("%q", v.Name)
	}
	return strings.Join(names, ", ")
}

// RunInto is Run by position: in[i] feeds Inputs()[i], and out[i] receives Outputs()[i]: it is written in place where it has the right type and
// shape, else replaced. With buffers that fit, a graph of fixed shapes runs without allocating. An output that the graph carries to an input may
// be handed that input's tensor, which then holds the next state: kernels write in place where nobody reads the old one any more. All other buffers must be apart.
func (s *Session) RunInto(ctx context.Context, in, out []*tensor.Tensor) error {
	if len(in) != len(s.inputs) || len(out) != len(s.outputs) {
		return fmt.Errorf("%d inputs and %d outputs for a model of %d and %d", len(in), len(out), len(s.inputs), len(s.outputs))
	}
	if err := s.check(in); err != nil {
		return err
	}
	r, err := s.take(in)
	if err != nil {
		return err
	}
	err = r.run(ctx, in, out)
	s.release(r)
	return err
}

// check holds the inputs against the types that the model declares. Sizes under the same symbol must agree.
func (s *Session) check(in []*tensor.Tensor) error {
	for i, v := range s.inputs {
		if in[i] == nil {
			return fmt.Errorf("no value for input %q, %s", v.Name, v.Type)
		}
		if err := fits(in[i], v.Type); err != nil {
			return fmt.Errorf("input %q: %w", v.Name, err)
		}
		for a, d := range v.Type.Shape {
			sym := d.Symbol()
			if sym == "" || !v.Type.Ranked {
				continue
			}
			for j, w := range s.inputs[:i+1] {
				for b, e := range w.Type.Shape {
					if e.Symbol() == sym && w.Type.Ranked && in[j].Dim(b) != in[i].Dim(a) {
						return fmt.Errorf("input %q: %w", v.Name, graph.Shapef("%s is %d here and %d in input %q", sym, in[i].Dim(a), in[j].Dim(b), w.Name))
					}
				}
			}
		}
	}
	return nil
}

func fits(t *tensor.Tensor, want graph.Type) error {
	if want.DType != tensor.Invalid && t.DType() != want.DType {
		return graph.Typef("is %s, the model wants %s", t, want)
	}
	if !want.Ranked || t.DType().IsContainer() {
		return nil
	}
	if t.Rank() != len(want.Shape) {
		return graph.Shapef("is %s, the model wants %s", t, want)
	}
	for a, d := range want.Shape {
		if n, ok := d.Int(); ok && n >= 0 && n != t.Dim(a) {
			return graph.Shapef("is %s, the model wants %s", t, want)
		}
	}
	return nil
}

// maxIdle bounds the runs that are kept: one for each goroutine that runs at once, or each set of sizes.
const maxIdle = 16

// take is a run for the sizes of in, with memory.
func (s *Session) take(in []*tensor.Tensor) (*run, error) {
	var r *run
	s.mu.Lock()
	for i := len(s.free) - 1; i >= 0 && r == nil; i-- {
		if s.free[i].pl.matches(in) {
			r = s.free[i]
			s.free = slices.Delete(s.free, i, i+1)
		}
	}
	s.mu.Unlock()
	if r == nil {
		var err error
		if r, err = newRun(s, s.prog, nil, &budget{lim: s.opts.limits}, in); err != nil {
			return nil, err
		}
	}
	return r, r.use(s.takeMemory(r))
}

// takeMemory is idle memory for r: that of its last run, or the largest, or new.
func (s *Session) takeMemory(r *run) *memory {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.idle) == 0 {
		return &memory{}
	}
	best := 0
	for i, m := range s.idle {
		if m == r.mem {
			best = i
			break
		}
		if len(m.arena) > len(s.idle[best].arena) {
			best = i
		}
	}
	m := s.idle[best]
	s.idle = slices.Delete(s.idle, best, best+1)
	return m
}

func (s *Session) release(r *run) {
	s.mu.Lock()
	if len(s.free) >= maxIdle {
		s.free = slices.Delete(s.free, 0, 1)
	}
	if len(s.idle) >= maxIdle {
		s.idle = slices.Delete(s.idle, 0, 1)
	}
	s.free = append(s.free, r)
	s.idle = append(s.idle, r.mem)
	s.mu.Unlock()
}

// Close gives the memory of idle runs back. The session stays usable.
func (s *Session) Close() {
	s.mu.Lock()
	s.free, s.idle = nil, nil
	s.mu.Unlock()
}

// ArenaBytes is the memory that one run at rest holds for intermediate values, and the number of plans.
func (s *Session) ArenaBytes() (bytes, plans int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.idle {
		bytes = max(bytes, len(m.arena))
	}
	return bytes, len(s.free)
}
