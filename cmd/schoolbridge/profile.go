//go:build profile

package main

import (
	"os"
	"os/signal"
	"runtime"
	"runtime/pprof"
	"syscall"
)

// A build with the tag profile, which bench/wifi makes, writes a CPU profile of
// what it does between SIGUSR1 and SIGUSR2 to the file that the environment
// names, and beside it, with .heap behind the name, one of what is in memory then and
// of what was ever allocated. It is in init so that main knows nothing of it.
func init() {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGUSR1, syscall.SIGUSR2)
	go func() {
		var file *os.File
		for s := range signals {
			switch {
			case s == syscall.SIGUSR1 && file == nil:
				if f, err := os.Create(os.Getenv("SCHOOLBRIDGE_CPUPROFILE")); err == nil && pprof.StartCPUProfile(f) == nil {
					file = f
				}
			case s == syscall.SIGUSR2 && file != nil:
				pprof.StopCPUProfile()
				_ = file.Close()
				if f, err := os.Create(file.Name() + ".heap"); err == nil {
					runtime.GC() // the profile is of the last collection
					_ = pprof.WriteHeapProfile(f)
					_ = f.Close()
				}
				file = nil
			}
		}
	}()
}
