//go:build linux || darwin

package finetune_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/onnxrun/onnxrun/finetune"
	"github.com/onnxrun/onnxrun/finetune/data"
	"github.com/onnxrun/onnxrun/finetune/loss"
	"github.com/onnxrun/onnxrun/finetune/optim"
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/models"
	"github.com/onnxrun/onnxrun/models/nn"
)

// The environment of a process that trains, and the number of kills when it is not the usual one.
const (
	crashDir     = "ONNXRUN_CRASH_DIR"
	crashUpdates = "ONNXRUN_CRASH_UPDATES"
	crashThreads = "ONNXRUN_CRASH_THREADS"
	crashLimit   = "ONNXRUN_CRASH_FILE_BYTES" // no file may become larger, as on a full disk
	crashKills   = "ONNXRUN_CRASH_KILLS"
)

// crashTrainer trains a small network with convolutions, dropout and batch normalization on pictures that are shuffled, moved and mirrored.
func crashTrainer(t *testing.T, updates, threads int, dir string) *finetune.Trainer {
	t.Helper()
	in := &graph.Value{Name: "image", Type: graph.Type{DType: tensor.Float32, Ranked: true, Shape: []graph.Dim{graph.Sym("batch"), graph.Size(1), graph.Size(8), graph.Size(8)}}}
	g, err := models.Build("crash", 5, []*graph.Value{in}, []string{"logits"}, func(n *nn.Net, in []*graph.Value) []*graph.Value {
		x := n.Relu(n.BatchNorm("bn", n.Conv2d("conv", in[0], 8, nn.Conv{Kernel: []int{3, 3}, Padding: []int{1, 1}})))
		x = n.Dropout(n.Relu(n.Linear("fc1", n.Flatten(x), 24)), 0.3)
		return []*graph.Value{n.Linear("fc2", x, 3)}
	})
	if err != nil {
		t.Fatal(err)
	}
	m, err := finetune.New(g)
	if err != nil {
		t.Fatal(err)
	}
	s, err := finetune.NewStep(m, finetune.Config{Loss: loss.NewCrossEntropy(), Optimizer: optim.NewAdamW(1e-3), EMA: 0.99, Threads: threads, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	const samples = 45
	rng := rand.New(rand.NewPCG(1, 2))
	x, y := make([]float32, samples*64), make([]int64, samples)
	for i := range x {
		x[i] = rng.Float32()
	}
	for i := range y {
		y[i] = int64(rng.IntN(3))
	}
	ds, err := data.Arrays(data.Array{Name: "image", Tensor: tensor.Must(tensor.Of(x, samples, 1, 8, 8))}, data.Array{Name: "y", Tensor: tensor.Must(tensor.Of(y, samples))})
	if err == nil {
		ds, err = data.Transform(ds, "image", data.RandomCrop{Pad: 1}, data.RandomFlip{P: 0.5})
	}
	if err != nil {
		t.Fatal(err)
	}
	l, err := data.NewLoader(ds, data.Options{Batch: 8, Shuffle: true, Seed: 9, Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	tr := &finetune.Trainer{Step: s, Data: l, Updates: updates}
	if dir != "" {
		tr.Checkpoints, tr.SaveEvery = &finetune.Checkpoints{Dir: dir}, 1
	}
	return tr
}

// TestCrashChild is the process that the tests below start and kill. It says when it resumes and after which updates.
func TestCrashChild(t *testing.T) {
	dir := os.Getenv(crashDir)
	if dir == "" {
		t.Skip("is started by other tests")
	}
	if n, err := strconv.Atoi(os.Getenv(crashLimit)); err == nil {
		signal.Ignore(syscall.SIGXFSZ)
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: uint64(n), Max: uint64(n)}); err != nil {
			t.Fatal(err)
		}
	}
	updates, _ := strconv.Atoi(os.Getenv(crashUpdates))
	threads, _ := strconv.Atoi(os.Getenv(crashThreads))
	tr := crashTrainer(t, updates, threads, dir)
	tr.Watch = func(p finetune.Progress) {
		switch {
		case p.Warning != nil:
			fmt.Println("refused", p.Warning)
		case p.Resumed:
			fmt.Println("resumed", p.Update)
		default:
			fmt.Println("update", p.Update)
		}
	}
	if _, err := tr.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// child is the command for a process that trains.
func child(t *testing.T, dir string, updates, threads, limit int) *exec.Cmd {
	t.Helper()
	c := exec.Command(os.Args[0], "-test.run=^TestCrashChild$")
	c.Env = append(os.Environ(), crashDir+"="+dir, crashUpdates+"="+strconv.Itoa(updates), crashThreads+"="+strconv.Itoa(threads))
	if limit > 0 {
		c.Env = append(c.Env, crashLimit+"="+strconv.Itoa(limit))
	}
	return c
}

// sameCheckpoint holds the last checkpoint of a folder against the state of a step.
func sameCheckpoint(t *testing.T, dir string, s *finetune.Step) {
	t.Helper()
	f, refused, err := (&finetune.Checkpoints{Dir: dir}).Last()
	if err != nil || refused != nil || f == nil {
		t.Fatal(f, refused, err)
	}
	want := s.State()
	if f.Metadata["updates"] != want.Metadata["updates"] {
		t.Errorf("%s updates, want %s", f.Metadata["updates"], want.Metadata["updates"])
	}
	for _, x := range want.Tensors {
		if y := f.Get(x.Name); y == nil || !bytes.Equal(x.Value.Bytes(), y.Bytes()) {
			t.Errorf("%s differs", x.Name)
		}
	}
	tidy(t, dir)
}

// tidy checks that no half files are left.
func tidy(t *testing.T, dir string) {
	t.Helper()
	if left, err := filepath.Glob(filepath.Join(dir, ".*")); err != nil || left != nil {
		t.Errorf("left over: %v, %v", left, err)
	}
}

// TestKill kills a training at moments of chance, again and again: it always goes on, loses one update at most, and ends as if nothing had happened.
func TestKill(t *testing.T) {
	kills := 15
	if n, err := strconv.Atoi(os.Getenv(crashKills)); err == nil {
		kills = n
	}
	updates := 4 * kills
	whole := crashTrainer(t, updates, 1, "")
	if _, err := whole.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))
	made, lost, killed := 0, 0, 0
	for life := 0; ; life++ {
		before := made
		made = 0 // unless it resumes
		c := child(t, dir, updates, 1+life%2, 0)
		out, err := c.StdoutPipe()
		if err == nil {
			err = c.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		// Some die while they start, most within the next updates or the files that these write.
		stop := func(after time.Duration) {
			time.AfterFunc(after, func() { c.Process.Kill() }) // SIGKILL: nothing can be done about it
		}
		left := rng.IntN(6)
		if killed < kills && left == 0 {
			stop(time.Duration(rng.IntN(60)) * time.Millisecond)
		}
		lines, began := bufio.NewScanner(out), false
		for lines.Scan() {
			word, rest, _ := strings.Cut(lines.Text(), " ")
			n, _ := strconv.Atoi(rest)
			switch word {
			case "refused":
				t.Error(rest)
			case "resumed":
				made = n
			case "update":
				if n != made+1 {
					t.Errorf("update %d after %d", n, made)
				}
				if !began && (n < before || n > before+2) { // the one before may have been made twice, or saved but not told
					t.Errorf("goes on with update %d, the last was %d", n, before)
				}
				if !began && n == before {
					lost++
				}
				began, made = true, n
				if left--; killed < kills && left == 0 {
					stop(time.Duration(rng.IntN(8000)) * time.Microsecond)
				}
			}
		}
		if !began {
			made = max(made, before)
		}
		if err := c.Wait(); err == nil {
			break
		}
		if c.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Fatal("the training failed by itself")
		}
		killed++
	}
	t.Logf("%d kills in %d updates, %d of them made twice", killed, updates, lost)
	if killed < kills*2/3 {
		t.Errorf("%d kills, want about %d: the training was over before", killed, kills)
	}
	sameCheckpoint(t, dir, whole.Step)
}

// TestFullDisk lets the file of a checkpoint end half-way: the training stops with an error, the last good checkpoint is still there, and goes on from it.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if b, err := child(t, dir, 3, 1, 0).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	info, err := os.Stat(filepath.Join(dir, "step-000000003.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	for _, limit := range []int{1, int(info.Size()) / 2, int(info.Size()) - 1} {
		b, err := child(t, dir, 8, 1, limit).CombinedOutput()
		if err == nil || !bytes.Contains(b, []byte("checkpoint: write ")) || !bytes.Contains(b, []byte("resumed 3")) {
			t.Errorf("files of at most %d bytes: %v\n%s", limit, err, b)
		}
		tidy(t, dir)
	}
	if b, err := child(t, dir, 8, 1, 0).CombinedOutput(); err != nil || !bytes.Contains(b, []byte("resumed 3")) {
		t.Fatalf("%v\n%s", err, b)
	}
	whole := crashTrainer(t, 8, 1, "")
	if _, err := whole.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	sameCheckpoint(t, dir, whole.Step)
}

// TestHundredAndHundred: 200 updates are 100, and 100 more by another process, for each number of threads.
func TestHundredAndHundred(t *testing.T) {
	var first *finetune.Step
	for threads := 1; threads <= 2; threads++ {
		whole := crashTrainer(t, 200, threads, "")
		if _, err := whole.Run(context.Background()); err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = whole.Step
		}
		sameState(t, first, whole.Step)
		dir := t.TempDir()
		for _, updates := range []int{100, 200} {
			tr := crashTrainer(t, updates, threads, dir)
			tr.SaveEvery = 100
			if _, err := tr.Run(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		sameCheckpoint(t, dir, whole.Step)
	}
}
