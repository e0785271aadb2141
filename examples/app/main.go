// Command app is what the examples build.
package main

import (
	"fmt"
	"runtime/debug"
)

func main() {
	revision := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				revision = s.Value
			}
		}
	}
	fmt.Println("app of commit", revision)
}
