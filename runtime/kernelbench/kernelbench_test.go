package kernelbench

import (
	"testing"
	"time"
)

// TestCases: every case compiles, runs, and knows its work.
func TestCases(t *testing.T) {
	if testing.Short() {
		t.Skip("some cases are large")
	}
	p := Peak{Threads: 2, GFLOPS: 100, ReadGBs: 10}
	for _, c := range Cases {
		r, err := Run(c, p, 0)
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
		} else if r.Micros <= 0 || r.GBs <= 0 || r.Percent <= 0 || !c.Memory && r.GFLOPS <= 0 {
			t.Errorf("%s: %+v", c.Name, r)
		}
	}
}

func TestMeasure(t *testing.T) {
	if p := Measure(1); p.Threads != 1 || p.GFLOPS <= 0 || p.ReadGBs <= 0 {
		t.Errorf("%+v", p)
	}
}

// BenchmarkKernel reports the share of the peak for every case.
func BenchmarkKernel(b *testing.B) {
	for _, threads := range []int{1, 2} {
		p := Measure(threads)
		for _, c := range Cases {
			b.Run(c.Name+map[int]string{1: "/1", 2: "/2"}[threads], func(b *testing.B) {
				for b.Loop() {
					r, err := Run(c, p, 200*time.Millisecond)
					if err != nil {
						b.Fatal(err)
					}
					b.ReportMetric(r.Percent, "%peak")
					b.ReportMetric(r.GFLOPS, "GFLOP/s")
					b.ReportMetric(r.GBs, "GB/s")
				}
			})
		}
	}
}
