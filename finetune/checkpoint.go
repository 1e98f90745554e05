package finetune

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/onnxrun/onnxrun/graph/tensor/safetensors"
)

// Checkpoints is a folder of states of a training, from which it goes on. A file is written under another name, flushed to the disk and then renamed, so
// that the folder holds whole files only, whenever the process ends; what damages one later is found by its checksum, and the one before it is used.
type Checkpoints struct {
	Dir  string
	Keep int // how many of the last ones stay; 0 is 2
}

// The files: safetensors with a checksum among their metadata.
const (
	checkpointPrefix = "step-"
	checkpointSuffix = ".safetensors"
	bestName         = "best" + checkpointSuffix
	writingName      = ".writing" // always the same: what a process leaves that is killed meanwhile, the next one overwrites
	checksumKey      = "crc32c"
)

// Save writes the state of that step, then removes those that are too old. When it fails, the older ones are still there.
func (c *Checkpoints) Save(step int, f *safetensors.File) error {
	if err := os.MkdirAll(c.Dir, 0o777); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	if err := writeFile(c.path(step), f); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	steps, err := c.Steps()
	if err != nil {
		return err
	}
	keep := c.Keep
	if keep <= 0 {
		keep = 2
	}
	for _, s := range steps[:max(0, len(steps)-keep)] {
		if s < step {
			if err := os.Remove(c.path(s)); err != nil {
				return fmt.Errorf("checkpoint: %w", err)
			}
		}
	}
	return nil
}

// SaveBest writes the state with the best metric so far, beside the last ones.
func (c *Checkpoints) SaveBest(f *safetensors.File) error {
	if err := os.MkdirAll(c.Dir, 0o777); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	if err := writeFile(filepath.Join(c.Dir, bestName), f); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	return nil
}

// Best is the state that SaveBest wrote last; an error of kind os.ErrNotExist when it wrote none.
func (c *Checkpoints) Best() (*safetensors.File, error) {
	return readFile(filepath.Join(c.Dir, bestName))
}

// Last is the state of the last step that is whole, nil when there is none. It passes over damaged files; refused says which, and why.
func (c *Checkpoints) Last() (f *safetensors.File, refused, err error) {
	steps, err := c.Steps()
	if err != nil {
		return nil, nil, err
	}
	for _, s := range slices.Backward(steps) {
		f, err := readFile(c.path(s))
		if err == nil {
			return f, refused, nil
		}
		refused = errors.Join(refused, err)
	}
	return nil, refused, nil
}

// Steps are the steps of which there is a file, in rising order.
func (c *Checkpoints) Steps() ([]int, error) {
	list, err := os.ReadDir(c.Dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	var steps []int
	for _, e := range list {
		name, ok := strings.CutPrefix(e.Name(), checkpointPrefix)
		name, also := strings.CutSuffix(name, checkpointSuffix)
		if n, err := strconv.Atoi(name); ok && also && err == nil && n >= 0 {
			steps = append(steps, n)
		}
	}
	slices.Sort(steps)
	return steps, nil
}

func (c *Checkpoints) path(step int) string {
	return filepath.Join(c.Dir, fmt.Sprintf("%s%09d%s", checkpointPrefix, step, checkpointSuffix))
}

// writeFile replaces the file of that name as a whole, or leaves it as it was.
func writeFile(name string, f *safetensors.File) (err error) {
	meta := maps.Clone(f.Metadata)
	if meta == nil {
		meta = map[string]string{}
	}
	meta[checksumKey] = checksum(f)
	tmp, err := os.Create(filepath.Join(filepath.Dir(name), writingName))
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			tmp.Close()
			os.Remove(tmp.Name())
		}
	}()
	w := bufio.NewWriterSize(tmp, 1<<20)
	if err := safetensors.Write(w, &safetensors.File{Tensors: f.Tensors, Metadata: meta}); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if err := tmp.Sync(); err != nil {
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), name); err != nil {
		return err
	}
	syncDir(filepath.Dir(name))
	return nil
}

// syncDir flushes the new name to the disk, where the system can: the file itself is whole with or without it.
func syncDir(dir string) {
	if d, err := os.Open(dir); err == nil {
		d.Sync()
		d.Close()
	}
}

func readFile(name string) (*safetensors.File, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	f, err := safetensors.Read(file, info.Size())
	if err != nil {
		return nil, fmt.Errorf("checkpoint %s: %w", name, err)
	}
	want := f.Metadata[checksumKey]
	delete(f.Metadata, checksumKey)
	if got := checksum(f); got != want {
		return nil, fmt.Errorf("checkpoint %s is damaged: its checksum is %s, it says %q", name, got, want)
	}
	return f, nil
}

// checksum is over all that the file says: names, types, shapes, elements and metadata.
func checksum(f *safetensors.File) string {
	h := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	text := func(s string) {
		binary.Write(h, binary.LittleEndian, uint64(len(s)))
		io.WriteString(h, s)
	}
	for _, k := range slices.Sorted(maps.Keys(f.Metadata)) {
		text(k)
		text(f.Metadata[k])
	}
	list := slices.Clone(f.Tensors) // empty ones change places in a file
	slices.SortFunc(list, func(a, b safetensors.Named) int { return strings.Compare(a.Name, b.Name) })
	for _, t := range list {
		text(t.Name)
		text(t.Value.DType().Short())
		for _, n := range t.Value.Shape() {
			binary.Write(h, binary.LittleEndian, int64(n))
		}
		h.Write(t.Value.Bytes())
	}
	return fmt.Sprintf("%08x", h.Sum32())
}
