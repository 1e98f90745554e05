package data

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/graph/tensor/imaging"
)

// PictureOptions say what becomes of pictures.
type PictureOptions struct {
	Height, Width int
	Gray          bool      // one channel, luminance; otherwise red, green and blue
	Scale         float64   // of pixels from 0 to 255; 0 is 1/255
	Mean, Std     []float64 // of the scaled pixels; one for all channels or one each
	Filter        imaging.Filter
	Classes       []string // sub-folders, in the order of their numbers; none takes all of them by name
}

// Folder is a folder of pictures.
type Folder struct {
	Classes []string
	opts    imaging.Options
	fields  []Field
	files   []string
	class   []int64
}

// Pictures has the .png, .jpg and .jpeg files in the sub-folders of a folder, one for each class: field "x" is float32 [channels,Height,Width], field "y" the number of the class,
// int64. Pictures are decoded when they are read; [Collect] keeps them.
func Pictures(dir string, o PictureOptions) (*Folder, error) {
	channels := 3
	if o.Gray {
		channels = 1
	}
	if o.Height <= 0 || o.Width <= 0 || o.Height > 1<<26/o.Width {
		return nil, fmt.Errorf("pictures of %d×%d: %w", o.Height, o.Width, tensor.ErrShape)
	}
	for _, v := range [][]float64{o.Mean, o.Std} {
		if len(v) > 1 && len(v) != channels {
			return nil, fmt.Errorf("%d numbers for %d channels: %w", len(v), channels, tensor.ErrShape)
		}
	}
	if slices.Contains(o.Std, 0) {
		return nil, fmt.Errorf("a standard deviation of 0")
	}
	f := &Folder{Classes: slices.Clone(o.Classes), opts: imaging.Options{Scale: o.Scale, Mean: o.Mean, Std: o.Std, Filter: o.Filter},
		fields: []Field{{"x", tensor.Float32, tensor.Shape{channels, o.Height, o.Width}}, {"y", tensor.Int64, tensor.Shape{}}}}
	if len(f.Classes) == 0 {
		list, err := os.ReadDir(dir)
		if err != nil {
			return nil, err
		}
		for _, e := range list {
			if e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
				f.Classes = append(f.Classes, e.Name())
			}
		}
	}
	for k, class := range f.Classes {
		if !filepath.IsLocal(class) {
			return nil, fmt.Errorf("class %q is no sub-folder", class)
		}
		list, err := os.ReadDir(filepath.Join(dir, class))
		if err != nil {
			return nil, err
		}
		for _, e := range list {
			if slices.Contains([]string{".png", ".jpg", ".jpeg"}, strings.ToLower(filepath.Ext(e.Name()))) && e.Type()&^os.ModeSymlink == 0 {
				f.files = append(f.files, filepath.Join(dir, class, e.Name()))
				f.class = append(f.class, int64(k))
			}
		}
	}
	if len(f.files) == 0 {
		return nil, fmt.Errorf("%s has no sub-folders with .png or .jpg files", dir)
	}
	return f, nil
}

func (f *Folder) Len() int        { return len(f.files) }
func (f *Folder) Fields() []Field { return f.fields }

// File is where sample i comes from.
func (f *Folder) File(i int) string { return f.files[i] }

// Read decodes the picture only when it is asked for.
func (f *Folder) Read(i int, _ uint64, dst []*tensor.Tensor) error {
	if dst[1] != nil {
		tensor.Data[int64](dst[1])[0] = f.class[i]
	}
	if dst[0] == nil {
		return nil
	}
	r, err := os.Open(f.files[i])
	if err != nil {
		return err
	}
	defer r.Close()
	img, err := imaging.Decode(r)
	if err != nil {
		return fmt.Errorf("%s: %w", f.files[i], err)
	}
	t, err := imaging.ToTensor(img, tensor.Float32, append([]int{1}, f.fields[0].Shape...), f.opts)
	if err != nil {
		return fmt.Errorf("%s: %w", f.files[i], err)
	}
	copy(dst[0].Bytes(), t.Bytes())
	return nil
}
