package main

import (
	"fmt"
	"os"
	goruntime "runtime"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/onnx"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/runtime/ops"
)

// runFlags are what all verbs that run a model take.
type runFlags struct {
	threads int
	timeout time.Duration
	memory  string
	set     []string
	seed    uint64
	data    string
	exact   bool
	image   imageFlags
}

func (f *runFlags) add(c *cobra.Command) {
	fl := c.Flags()
	fl.IntVar(&f.threads, "threads", 0, "threads for one run (default: one per processor)")
	fl.DurationVar(&f.timeout, "timeout", 0, "give up after this time, for example 2s (default: none)")
	fl.StringVar(&f.memory, "max-memory", "", "memory for the tensors of a run, for example 256MB (default: half of the machine's)")
	fl.StringArrayVar(&f.set, "set", nil, "size of a symbolic dimension, as batch=8; may be repeated")
	fl.Uint64Var(&f.seed, "seed", 1, "seed of random inputs and of operators that draw random numbers")
	fl.BoolVar(&f.exact, "exact", false, "compute every convolution as a sum of products, where another algorithm would be faster")
	fl.StringVar(&f.data, "data", "", "folder with input_0.pb, input_1.pb … (and output_0.pb …)")
	f.image.add(fl)
}

// limits are those of the command: half of the machine's memory unless --max-memory says otherwise.
func (f *runFlags) limits() (runtime.Limits, error) {
	if f.memory == "" {
		return runtime.Limits{MaxPeakBytes: machineMemory() / 2}, nil
	}
	n, err := parseBytes(f.memory)
	if err != nil {
		return runtime.Limits{}, usagef("--max-memory %s: want a size such as 256MB", f.memory)
	}
	return runtime.Limits{MaxPeakBytes: n}, nil
}

// threadCount is the number of threads that a run uses.
func (f *runFlags) threadCount() int {
	if f.threads > 0 {
		return f.threads
	}
	return goruntime.GOMAXPROCS(0)
}

func (f *runFlags) options() ([]runtime.Option, error) {
	lim, err := f.limits()
	if err != nil {
		return nil, err
	}
	o := []runtime.Option{runtime.WithLimits(lim), runtime.WithSeed(f.seed)}
	if f.threads < 0 {
		return nil, usagef("--threads %d", f.threads)
	}
	if f.threads > 0 {
		o = append(o, runtime.WithThreads(f.threads))
	}
	if f.exact {
		o = append(o, runtime.WithExactConv())
	}
	return o, nil
}

// open loads a model and resolves its operators.
func open(path string) (*graph.Graph, error) {
	g, err := onnx.Load(path)
	if err != nil {
		return nil, err
	}
	return g, graph.Resolve(ops.Registry(), g)
}

func (f *runFlags) compile(path string, more ...runtime.Option) (*runtime.Session, error) {
	g, err := open(path)
	if err != nil {
		return nil, err
	}
	return f.session(g, more...)
}

func (f *runFlags) session(g *graph.Graph, more ...runtime.Option) (*runtime.Session, error) {
	o, err := f.options()
	if err != nil {
		return nil, err
	}
	return runtime.Compile(g, append(o, more...)...)
}

func parseBytes(s string) (int64, error) {
	t := strings.TrimSuffix(strings.ToUpper(strings.TrimSpace(s)), "B")
	shift := 0
	for i, unit := range []string{"K", "M", "G", "T"} {
		if u, ok := strings.CutSuffix(strings.TrimSuffix(t, "I"), unit); ok {
			t, shift = u, 10*(i+1)
			break
		}
	}
	v, err := strconv.ParseFloat(strings.TrimSpace(t), 64)
	if err != nil || v < 0 || v*float64(int64(1)<<shift) > 1<<62 {
		return 0, fmt.Errorf("size %q", s)
	}
	return int64(v * float64(int64(1)<<shift)), nil
}

// machineMemory is the memory of the machine in bytes, or 8 GB where the system does not tell.
func machineMemory() int64 {
	b, err := os.ReadFile("/proc/meminfo")
	if err == nil {
		for _, line := range strings.Split(string(b), "\n") {
			var kb int64
			if n, _ := fmt.Sscanf(line, "MemTotal: %d kB", &kb); n == 1 {
				return kb << 10
			}
		}
	}
	return 8 << 30
}

// nearest is the name most like s, for messages.
func nearest(s string, names []string) string {
	best, at := "", len(s)/2+2
	for _, n := range names {
		if d := distance(strings.ToLower(s), strings.ToLower(n)); d < at {
			best, at = n, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// distance is Levenshtein's: insertions, deletions and substitutions that turn a into b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		prev := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			prev, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, prev+cost)
		}
	}
	return row[len(b)]
}
