package onnx

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// suites are the folders with models that the environment names.
func suites(t *testing.T) []string {
	var out []string
	for _, v := range []string{"ONNXRUN_ZOO", "ONNXRUN_REAL", "ONNXRUN_CONFORMANCE"} {
		if dir := os.Getenv(v); dir != "" {
			out = append(out, dir)
		}
	}
	if out == nil {
		t.Skip("set ONNXRUN_ZOO, ONNXRUN_REAL or ONNXRUN_CONFORMANCE to folders with models")
	}
	return out
}

func eachFile(t *testing.T, suffix string, f func(t *testing.T, name string)) {
	n := 0
	for _, dir := range suites(t) {
		err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && strings.HasSuffix(name, suffix) && d.Name() != "stripped.onnx" {
				n++
				f(t, name)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
	t.Logf("%d files", n)
}

func TestLoadSuites(t *testing.T) {
	eachFile(t, ".onnx", func(t *testing.T, name string) {
		if _, err := Load(name); err != nil {
			t.Error(err)
		}
	})
}
