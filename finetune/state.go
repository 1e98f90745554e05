package finetune

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/onnxrun/onnxrun/finetune/schedule"
	"github.com/onnxrun/onnxrun/graph/tensor/safetensors"
)

// State is everything that the next update depends on: parameters, running statistics, what the optimizer remembers, averages, and the number of
// updates made. The tensors are the live ones.
func (s *Step) State() *safetensors.File {
	f := &safetensors.File{Metadata: map[string]string{"updates": strconv.Itoa(s.done)}}
	if p, ok := s.cfg.Schedule.(*schedule.Plateau); ok {
		if b, err := json.Marshal(p.State); err == nil { // numbers only
			f.Metadata["plateau"] = string(b)
		}
	}
	for _, p := range s.params {
		f.Tensors = append(f.Tensors, safetensors.Named{Name: "param/" + p.Name, Value: p.Value.Const})
	}
	f.Tensors = append(f.Tensors, s.state...)
	return f
}

// Restore sets the state to one that a step of the same configuration gave. When a tensor is missing or of another shape, nothing is changed.
func (s *Step) Restore(f *safetensors.File) error {
	done, err := strconv.Atoi(f.Metadata["updates"])
	if err != nil || done < 0 {
		return fmt.Errorf("the state says %q updates were made", f.Metadata["updates"])
	}
	own := s.State()
	for _, x := range own.Tensors {
		t := f.Get(x.Name)
		switch {
		case t == nil:
			return fmt.Errorf("the state has no %q: it is of another training", x.Name)
		case t.DType() != x.Value.DType() || !t.Shape().Equal(x.Value.Shape()):
			return fmt.Errorf("the state's %q is %s, want %s: it is of another training", x.Name, t, x.Value)
		}
	}
	if p, ok := s.cfg.Schedule.(*schedule.Plateau); ok {
		if err := json.Unmarshal([]byte(f.Metadata["plateau"]), &p.State); err != nil {
			return fmt.Errorf("the state of the schedule: %w", err)
		}
	}
	for _, x := range own.Tensors {
		copy(x.Value.Bytes(), f.Get(x.Name).Bytes())
	}
	s.done = done
	return nil
}
