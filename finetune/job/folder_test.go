package job

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/onnxrun/onnxrun/finetune/data"
)

// flowers writes a table of three kinds of flowers, of which only some are there.
func flowers(t *testing.T, name string, kinds ...int) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("id,width,color,kind\n")
	for i := range 90 {
		k := kinds[i%len(kinds)]
		fmt.Fprintf(&b, "n%d,%.2f,%s,%s\n", i, float64(k)+float64(i%7)/20, []string{"blue", "red"}[(i+k)%2], []string{"aster", "iris", "rose"}[k])
	}
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(b.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	return file
}

func flowerJob(t *testing.T, dir string) Job {
	return Job{New: Spec{"mlp", map[string]any{"sizes": []int{3, 16, 3}}}, Out: dir, LR: 0.03, Epochs: 8, Metrics: []string{"accuracy"},
		Data: Data{Train: flowers(t, "all.csv", 0, 1, 2), Target: "kind", Holdout: 0.2, Columns: map[string]data.Column{"id": {Kind: data.Skip}}}}
}

// TestFolder: a job that is given again goes on, or tells the same; one with other settings is refused; the file in the folder is the job.
func TestFolder(t *testing.T) {
	ctx := context.Background()
	job := flowerJob(t, t.TempDir())
	first, err := job.Run(ctx, io.Discard)
	if err != nil || first.Valid["accuracy"] < 0.9 {
		t.Fatal(first, err)
	}
	again, err := job.Run(ctx, io.Discard)
	if err != nil || again.Updates != first.Updates || again.Valid["loss"] != first.Valid["loss"] {
		t.Errorf("%+v, then %+v, %v", first, again, err)
	}
	more := job
	more.Epochs, more.Patience = 9, 5
	if r, err := more.Run(ctx, io.Discard); err != nil || r.Updates <= first.Updates {
		t.Errorf("more epochs: %+v, %v", r, err)
	}
	for want, change := range map[string]func(*Job){
		"lr is 0.5 and was 0.03":      func(j *Job) { j.LR = 0.5 },
		"seed is 3 and was not given": func(j *Job) { j.Seed = 3 },
		"data.columns.color.kind": func(j *Job) {
			j.Data.Columns = map[string]data.Column{"id": {Kind: data.Skip}, "color": {Kind: data.Index}}
			j.New.Params["sizes"] = []int{2, 16, 3}
		},
		"optimizer.momentum is 0.9 and": func(j *Job) { j.Optimizer = Spec{"SGD", map[string]any{"momentum": 0.9}} },
	} {
		other := flowerJob(t, job.Out)
		other.Data.Train = job.Data.Train
		change(&other)
		if _, err := other.Run(ctx, io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	repeated, err := ReadFile(filepath.Join(job.Out, JobFile))
	if err != nil {
		t.Fatal(err)
	}
	repeated.Out, repeated.Epochs = t.TempDir(), 8
	if r, err := repeated.Run(ctx, io.Discard); err != nil || r.Valid["loss"] != first.Valid["loss"] {
		t.Errorf("from the file %+v, %v; want %+v", r, err, first)
	}
}

// TestEvaluateLikeTrained: in a table with two of three kinds the numbers of the kinds are those of the training.
func TestEvaluateLikeTrained(t *testing.T) {
	job := flowerJob(t, t.TempDir())
	if _, err := job.Run(context.Background(), io.Discard); err != nil {
		t.Fatal(err)
	}
	held := Job{Model: filepath.Join(job.Out, ModelFile), Data: Data{Train: flowers(t, "two.csv", 2, 1)}, Metrics: []string{"accuracy", "confusion"}}
	e, err := held.Evaluate(context.Background())
	if err != nil || e.Samples != 90 || e.Values["accuracy"] < 0.9 || e.Tables["confusion"] == "" {
		t.Errorf("%+v, %v", e, err)
	}
}

// TestStopped: a job that is stopped says so, with an error of the context's kind.
func TestStopped(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	job := flowerJob(t, t.TempDir())
	_, err := job.Run(ctx, writer(func(b []byte) {
		if strings.Contains(string(b), "validation") {
			stop()
		}
	}))
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "goes on from there") {
		t.Error(err)
	}
}

type writer func([]byte)

func (w writer) Write(b []byte) (int, error) { w(b); return len(b), nil }

// TestRefusesData: what the data has that the model or the loss cannot mean is told before the training, or with its sample.
func TestRefusesData(t *testing.T) {
	file := flowers(t, "all.csv", 0, 1, 2)
	numbers := filepath.Join(t.TempDir(), "numbers.csv")
	if err := os.WriteFile(numbers, []byte("a,b,c,kind\n1,2,3,0\n2,3,4,3\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	halves := filepath.Join(t.TempDir(), "halves.csv")
	if err := os.WriteFile(halves, []byte("a,b,c,kind\n1,2,3,0\n2,3,4,0.5\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(t.TempDir(), "empty.csv")
	if err := os.WriteFile(empty, []byte("a,b,c,kind\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	skip := map[string]data.Column{"id": {Kind: data.Skip}}
	for want, change := range map[string]func(*Job){
		"3 classes, the model 2":          func(j *Job) { j.New.Params["sizes"] = []int{3, 2} },
		"of which the loss wants numbers": func(j *Job) { j.New.Params["sizes"] = []int{3, 1}; j.Loss.Name = "mse" },
		"sample 1: field y: class 3":      func(j *Job) { j.Data.Train, j.Data.Columns = numbers, nil },
		"by column: color 2, id 1, width 1": func(j *Job) {
			j.Data.Columns = map[string]data.Column{"id": {Kind: data.Index}}
			j.New.Params["sizes"] = []int{9, 3}
		},
		`no setting "rank"`:      func(j *Job) { j.Adapter = map[string]any{"rank": 8} },
		"0.5 is no whole number": func(j *Job) { j.Data.Train, j.Data.Columns = halves, nil },
		"no rows":                func(j *Job) { j.Data.Train, j.Data.Columns = empty, nil },
		"both want some":         func(j *Job) { j.Data.Train, j.Data.Columns, j.Data.Holdout = halves, nil, 0.1 },
	} {
		j := &Job{New: Spec{"mlp", map[string]any{"sizes": []int{3, 3}}}, Out: t.TempDir(), Data: Data{Train: file, Target: "kind", Columns: skip}}
		change(j)
		if _, err := j.Run(context.Background(), io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	over := &Job{Model: "../../testdata/lenet5/model.onnx", Out: "../../testdata/lenet5", Data: Data{Train: file}}
	if _, err := over.Run(context.Background(), io.Discard); err == nil || !strings.Contains(err.Error(), "take the place of") {
		t.Error(err)
	}
	_, err := Read(strings.NewReader("data: {wdith: 3, hieght: 4}\nlr: x\n"))
	if err == nil || !strings.Contains(err.Error(), `no key "wdith"; there are train, valid`) || !strings.Contains(err.Error(), `no key "hieght"; line 2`) {
		t.Error(err)
	}
}
