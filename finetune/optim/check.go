package optim

import (
	"fmt"
	"math"
	"reflect"
)

// Check refuses hyper-parameters that cannot be meant, as PyTorch does: negative or infinite ones, and means that do not forget.
func Check(o Optimizer) error {
	v := reflect.Indirect(reflect.ValueOf(o))
	if v.Kind() != reflect.Struct {
		return nil
	}
	for i := range v.NumField() {
		name, f := v.Type().Field(i).Tag.Get("json"), v.Field(i)
		switch name {
		case "lr", "eps", "weight_decay", "momentum", "momentum_decay", "lr_decay", "initial_accumulator_value":
			for _, x := range numbers(f) {
				if !(x >= 0) || math.IsInf(x, 1) {
					return fmt.Errorf("%s is %v, want a number that is not negative", name, x)
				}
			}
		case "betas", "rho":
			for _, x := range numbers(f) {
				if !(x >= 0 && x < 1) && !(name == "rho" && x == 1) {
					return fmt.Errorf("%s: %v is not between 0 and 1", name, x)
				}
			}
		}
	}
	return nil
}

// numbers are those of a field, which is one or an array of them.
func numbers(f reflect.Value) []float64 {
	switch f.Kind() {
	case reflect.Float64:
		return []float64{f.Float()}
	case reflect.Array:
		var list []float64
		for i := range f.Len() {
			list = append(list, numbers(f.Index(i))...)
		}
		return list
	}
	return nil
}
