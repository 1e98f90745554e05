package adapter

import (
	"fmt"
	"math/rand/v2"

	"github.com/onnxrun/onnxrun/finetune"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

type prompt struct{ param *finetune.Param }

func (p *prompt) apply(e *edit)                      {}
func (p *prompt) describe(w *wire)                   {}
func (a *Adapter) freshPrompt(rng *rand.Rand) error  { return fmt.Errorf("%s is not supported", a.Config.Type) }
func (a *Adapter) freshPrefix(rng *rand.Rand) error  { return fmt.Errorf("%s is not supported", a.Config.Type) }
func (a *Adapter) loadPrompt(t *tensor.Tensor) error { return fmt.Errorf("%s is not supported", a.Config.Type) }
