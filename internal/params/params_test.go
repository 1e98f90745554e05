package params

import (
	"reflect"
	"testing"
)

type base struct {
	LR    float64    `json:"lr"`
	Betas [2]float64 `json:"betas"`
}

type full struct {
	base
	Sizes  []int
	Nested bool       `json:"nesterov"`
	Hidden float64    `json:"-"`
	Call   func() int // not settable from outside
}

func TestSet(t *testing.T) {
	x := full{base: base{LR: 1}, Hidden: 5}
	err := Set(map[string]any{"betas": []any{0.8, 0.9}, "SIZES": []any{1, 2}, "nesterov": true}, &x)
	if want := (full{base: base{LR: 1, Betas: [2]float64{0.8, 0.9}}, Sizes: []int{1, 2}, Nested: true, Hidden: 5}); err != nil || !reflect.DeepEqual(x, want) {
		t.Errorf("%+v, %v", x, err)
	}
}

func TestSetRefuses(t *testing.T) {
	for key, c := range map[string]struct {
		value any
		want  string
	}{
		"lrr":      {1, `no parameter "lrr"; there are lr, betas, sizes, nesterov`},
		"hidden":   {1, `no parameter "hidden"; there are lr, betas, sizes, nesterov`},
		"lr":       {"x", `lr: want a number, have "x"`},
		"betas":    {[]any{0.9}, `betas: want 2 numbers, have [0.9]`},
		"sizes":    {[]any{0.5}, `sizes: want a list, each of it a whole number, have [0.5]`},
		"nesterov": {1, `nesterov: want true or false, have 1`},
	} {
		if err := Set(map[string]any{key: c.value}, &full{}); err == nil || err.Error() != c.want {
			t.Errorf("%s: %v, want %s", key, err, c.want)
		}
	}
	if err := Set(map[string]any{"x": 1}, &struct{}{}); err == nil || err.Error() != `no parameter "x"; it has none` {
		t.Error(err)
	}
}
