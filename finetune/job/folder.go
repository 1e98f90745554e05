package job

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/onnxrun/onnxrun/finetune"
)

// The files in the folder of a job.
const (
	ModelFile      = "model.onnx"
	JobFile        = "job.yaml" // the job with all that was found out of the data, such as columns and classes
	AdapterFolder  = "adapter"
	CheckpointsDir = "checkpoints"
	CSVFile        = "log.csv"
	JSONLFile      = "log.jsonl"
	ClassesFile    = "classes.txt"
	EventsDir      = "events"
)

func (j *Job) file(name string) string { return filepath.Join(j.Out, name) }

// write leaves the job in its folder.
func (j *Job) write() error {
	b, err := yaml.Marshal(j)
	if err != nil {
		return err
	}
	tmp := j.file("." + JobFile)
	if err := os.WriteFile(tmp, b, 0o666); err != nil {
		return err
	}
	return os.Rename(tmp, j.file(JobFile))
}

// free are settings that may change when a training goes on.
var free = []string{"out", "epochs", "updates", "patience", "keep_last", "eval_every", "save_every", "threads", "segments"}

// same refuses a folder whose checkpoints are of a training with other settings, from which going on would be neither the one nor the other.
func (j *Job) same() error {
	steps, err := (&finetune.Checkpoints{Dir: j.file(CheckpointsDir)}).Steps()
	if err != nil || len(steps) == 0 {
		return err
	}
	old, err := ReadFile(j.file(JobFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	was, err := old.settings()
	if err != nil {
		return err
	}
	is, err := j.settings()
	if err != nil {
		return err
	}
	all := maps.Clone(was)
	maps.Copy(all, is)
	var differ []string
	for _, k := range slices.Sorted(maps.Keys(all)) {
		if was[k] != is[k] && !slices.Contains(free, k) {
			differ = append(differ, fmt.Sprintf("%s is %s and was %s", k, orDefault(is[k]), orDefault(was[k])))
		}
	}
	if differ == nil {
		return nil
	}
	if n := len(differ) - 3; n > 0 {
		differ = append(differ[:3], fmt.Sprintf("and %d more", n))
	}
	return fmt.Errorf("%s has a training with other settings: %s; choose another folder for this one, or remove that to begin anew", j.Out, strings.Join(differ, ", "))
}

func orDefault(s string) string {
	if s == "" {
		return "not given"
	}
	return s
}

// settings are what the job says, by the keys of its file: "data.train", "lr".
func (j *Job) settings() (map[string]string, error) {
	b, err := yaml.Marshal(j)
	if err != nil {
		return nil, err
	}
	var tree map[string]any
	if err := yaml.Unmarshal(b, &tree); err != nil {
		return nil, err
	}
	flat := map[string]string{}
	var walk func(prefix string, m map[string]any)
	walk = func(prefix string, m map[string]any) {
		for k, v := range m {
			if inner, ok := v.(map[string]any); ok {
				walk(prefix+k+".", inner)
			} else {
				flat[prefix+k] = fmt.Sprint(v)
			}
		}
	}
	walk("", tree)
	return flat, nil
}

// likeTrained takes over, for a model in the folder of its training, how the data was read there and what it was trained by, where j does not say. So the numbers of classes and the
// columns of another file mean what they meant in training.
func (j *Job) likeTrained() error {
	if filepath.Base(j.Model) != ModelFile {
		return nil
	}
	old, err := ReadFile(filepath.Join(filepath.Dir(j.Model), JobFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	d, was := &j.Data, old.Data
	if d.Target == "" || d.Target == was.Target {
		d.Target = was.Target
		if d.Columns == nil {
			d.Columns = was.Columns
		}
	}
	if d.Inputs == nil {
		d.Inputs = was.Inputs
	}
	if d.Classes == nil {
		d.Classes = was.Classes
	}
	if d.Text == "" {
		d.Text, d.Vocab, d.Cased, d.Length = was.Text, or(d.Vocab, was.Vocab), was.Cased, max(d.Length, was.Length)
	}
	d.Missing = or(d.Missing, was.Missing)
	if d.Mean == nil && d.Std == nil {
		d.Mean, d.Std = was.Mean, was.Std
	}
	if d.Scale == 0 {
		d.Scale = was.Scale
	}
	d.Resize = d.Resize || was.Resize
	if j.Loss.Name == "" {
		j.Loss = old.Loss
		if j.Metrics == nil {
			j.Metrics = old.Metrics
		}
	}
	return nil
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
