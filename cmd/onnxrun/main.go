// Command onnxrun runs, inspects, checks, compares, times and converts ONNX models.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"

	"github.com/spf13/cobra"

	"github.com/onnxrun/onnxrun/graph"
)

// Exit codes.
const (
	exitMismatch    = 1
	exitUsage       = 2
	exitInvalid     = 3
	exitUnsupported = 4
	exitLimit       = 5
	exitInterrupted = 130
)

// errMismatch is for results that differ from what was asked for.
var errMismatch = errors.New("results differ")

// usageError is a mistake in the command line.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := root().ExecuteContext(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "onnxrun:", err)
	}
	os.Exit(exitCode(err))
}

func exitCode(err error) int {
	var usage usageError
	var format *graph.FormatError
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errMismatch):
		return exitMismatch
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, graph.ErrLimit):
		return exitLimit
	case errors.As(err, &usage), errors.Is(err, fs.ErrNotExist):
		return exitUsage
	case errors.Is(err, graph.ErrUnsupported):
		return exitUnsupported
	case errors.Is(err, graph.ErrInvalid), errors.Is(err, graph.ErrShape), errors.Is(err, graph.ErrType), errors.As(err, &format):
		return exitInvalid
	}
	return exitUsage
}

func root() *cobra.Command {
	c := &cobra.Command{
		Use:   "onnxrun",
		Short: "Run, inspect, check, compare, time and convert ONNX models",
		Long: `onnxrun runs ONNX models on the CPU, in one static binary.

Exit codes: 0 ok, 1 results differ, 2 usage, 3 invalid model, 4 unsupported operator, 5 limit or deadline, 130 interrupted.`,
		SilenceUsage: true, SilenceErrors: true,
	}
	c.PersistentFlags().Bool("json", false, "print one JSON value instead of text")
	c.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	c.AddCommand(benchCmd(), checkCmd(), compareCmd(), convertCmd(), evalCmd(), inspectCmd(), mergeCmd(), newCmd(), opsCmd(), profileCmd(), runCmd(), trainCmd(), trainableCmd(), versionCmd())
	return c
}

// args is a check of the number of arguments whose failure is a usage error.
func args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, a []string) error {
		if err := check(c, a); err != nil {
			return usageError{fmt.Errorf("%w; see onnxrun %s --help", err, c.Name())}
		}
		return nil
	}
}

// asJSON prints v when --json asks for it.
func asJSON(c *cobra.Command, v any) (bool, error) {
	if on, _ := c.Flags().GetBool("json"); !on {
		return false, nil
	}
	return true, writeJSON(c.OutOrStdout(), v)
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
