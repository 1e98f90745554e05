package runtime_test

import (
	"archive/tar"
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/onnx"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

var update = flag.Bool("update", false, "rewrite manifests and goldens")

// suite is a folder of cases of the ONNX backend tests: the files of every case by name, as "node/test_abs" → "model.onnx" → bytes.
type suite map[string]map[string][]byte

// readSuite unpacks an archive in memory.
func readSuite(t *testing.T, file string) suite {
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := zstd.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	s := suite{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return s
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		parts := strings.SplitN(strings.TrimPrefix(path.Clean(h.Name), "./"), "/", 3)
		if len(parts) < 3 {
			continue
		}
		name := parts[0] + "/" + parts[1]
		if s[name] == nil {
			s[name] = map[string][]byte{}
		}
		if s[name][parts[2]], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
}

// runCase runs every data set of a case.
func runCase(files map[string][]byte) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("PANIC %v", p)
		}
	}()
	g, err := onnx.LoadBytes(files["model.onnx"])
	if err != nil {
		return err
	}
	tol := struct{ Rtol, Atol float64 }{1e-3, 1e-7}
	if b := files["data.json"]; b != nil {
		if err := json.Unmarshal(b, &tol); err != nil {
			return err
		}
	}
	s, err := runtime.Compile(g, runtime.WithLimits(runtime.Limits{MaxPeakBytes: 2 << 30}))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for k := 0; ; k++ {
		dir := fmt.Sprintf("test_data_set_%d/", k)
		if !hasDir(files, dir) {
			if k == 0 {
				return fmt.Errorf("no data")
			}
			return nil
		}
		feeds := map[string]*tensor.Tensor{}
		for i, v := range s.Inputs() {
			if feeds[v.Name], err = readValue(files[fmt.Sprintf("%sinput_%d.pb", dir, i)], v.Type); err != nil {
				return err
			}
		}
		got, err := s.Run(ctx, feeds)
		if err != nil {
			return err
		}
		for i, v := range s.Outputs() {
			b, ok := files[fmt.Sprintf("%soutput_%d.pb", dir, i)]
			if !ok {
				continue
			}
			want, err := readValue(b, v.Type)
			if err != nil {
				return err
			}
			if d := optest.Diff(got[v.Name], want, tol.Rtol, tol.Atol); d != "" {
				return fmt.Errorf("set %d, %s: %s", k, v.Name, d)
			}
		}
	}
}

func hasDir(files map[string][]byte, dir string) bool {
	for name := range files {
		if strings.HasPrefix(name, dir) {
			return true
		}
	}
	return false
}

func readValue(b []byte, t graph.Type) (*tensor.Tensor, error) {
	if len(b) == 0 {
		return tensor.OfElems(tensor.Optional)
	}
	_, x, err := onnx.ReadTensor(b, t)
	return x, err
}

// TestConformance runs the backend tests of the ONNX standard, those of the newest opset and those that older releases had. testdata/conformance.txt lists
// the cases that pass; testdata/conformance-known.txt those that fail although they use no operator that is missing, each with the reason.
func TestConformance(t *testing.T) {
	root := os.Getenv("ONNXRUN_CONFORMANCE")
	if root == "" {
		t.Skip("ONNXRUN_CONFORMANCE does not name the folder of the conformance archives; scripts/conformance.py makes them")
	}
	pass, known := readList(t, "testdata/conformance.txt"), readList(t, "testdata/conformance-known.txt")
	var passed []string
	for _, file := range []string{"onnx-1.23.2-backend.tar.zst", "onnx-older-backend.tar.zst"} {
		s := readSuite(t, filepath.Join(root, file))
		names := make([]string, 0, len(s))
		for n := range s {
			if s[n]["model.onnx"] != nil {
				names = append(names, n)
			}
		}
		sort.Strings(names)
		errs := make([]error, len(names))
		var wg sync.WaitGroup
		next := make(chan int)
		for range 2 {
			wg.Go(func() {
				for i := range next {
					errs[i] = runCase(s[names[i]])
				}
			})
		}
		for i := range names {
			next <- i
		}
		close(next)
		wg.Wait()
		ok := 0
		for i, n := range names {
			err := errs[i]
			switch {
			case err == nil:
				ok++
				passed = append(passed, n)
				if _, is := pass[n]; !is && !*update {
					t.Errorf("%s passes; add it with go test ./runtime -run Conformance -update", n)
				}
			case pass[n] != nil && !*update:
				t.Errorf("%s passed before: %v", n, err)
			case errors.Is(err, graph.ErrUnsupported) && strings.Contains(err.Error(), "without a definition"):
			case known[n] == nil:
				t.Errorf("%s: %v", n, err)
			}
		}
		t.Logf("%s: %d of %d pass", file, ok, len(names))
	}
	if *update {
		slices.Sort(passed)
		if err := os.WriteFile("testdata/conformance.txt", []byte(strings.Join(passed, "\n")+"\n"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// readList reads lines "name reason…".
func readList(t *testing.T, file string) map[string][]string {
	f, err := os.Open(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m := map[string][]string{}
	for s := bufio.NewScanner(f); s.Scan(); {
		if w := strings.Fields(s.Text()); len(w) > 0 && !strings.HasPrefix(w[0], "#") {
			m[w[0]] = w
		}
	}
	return m
}
