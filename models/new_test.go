package models_test

import (
	"strings"
	"testing"

	"github.com/onnxrun/onnxrun/models"
)

func TestNew(t *testing.T) {
	for _, name := range models.Names() {
		p := map[string]any{}
		if name == "mlp" || name == "autoencoder" {
			p["sizes"] = []int{4, 3, 2}
		}
		if name == "alexnet" || strings.HasPrefix(name, "resnet") {
			continue // large: the rows below
		}
		if _, err := models.New(name, p, 1); err != nil {
			t.Error(err)
		}
	}
	g, err := models.New("resnet18", map[string]any{"classes": 7, "image": []int{32, 32}, "smallimage": true}, 1)
	if err != nil {
		t.Fatal(err)
	}
	if n, _ := g.Outputs[0].Type.Shape[1].Int(); n != 7 {
		t.Errorf("%d classes, want 7", n)
	}
	for name, p := range map[string]map[string]any{
		"mpl":     nil,
		"mlp":     {"size": []int{4, 2}},
		"lenet5":  {"classes": "ten"},
		"convnet": {"width": -1},
	} {
		if _, err := models.New(name, p, 1); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s of %v: error %v", name, p, err)
		}
	}
	if _, err := models.New("mlp", map[string]any{"sizes": []int{100000, 100000000}}, 1); err == nil || !strings.Contains(err.Error(), "at most") {
		t.Errorf("a model of 10¹³ parameters: error %v", err)
	}
}
