package subject_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/pipeseal/pipeseal/internal/subject"
)

// The two benchmarks of a file compare: hashing a file must cost what hashing memory costs.
func BenchmarkOneLargeFile(b *testing.B) {
	const size = 1 << 30
	dir := b.TempDir()
	p := filepath.Join(dir, "large")
	if err := os.WriteFile(p, nil, 0o644); err != nil {
		b.Fatal(err)
	}
	if err := os.Truncate(p, size); err != nil {
		b.Fatal(err)
	}
	// Once to fill the page cache: this is about hashing.
	if _, err := subject.Resolve(b.Context(), []string{"large"}, subject.Options{Dir: dir}); err != nil {
		b.Fatal(err)
	}
	b.Run("subject", func(b *testing.B) {
		b.SetBytes(size)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := subject.Resolve(b.Context(), []string{"large"}, subject.Options{Dir: dir}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("crypto/sha256", func(b *testing.B) {
		b.SetBytes(size)
		buf := make([]byte, 128<<10)
		for b.Loop() {
			h := sha256.New()
			for range size / len(buf) {
				h.Write(buf)
			}
			h.Sum(nil)
		}
	})
}

func BenchmarkTenThousandFiles(b *testing.B) {
	const count, size = 10_000, 16 << 10
	dir := b.TempDir()
	data := make([]byte, size)
	for i := range count {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("f%05d", i)), data, 0o644); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("subject", func(b *testing.B) {
		b.SetBytes(count * size)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := subject.Resolve(b.Context(), []string{"*"}, subject.Options{Dir: dir}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("crypto/sha256", func(b *testing.B) {
		b.SetBytes(count * size)
		for b.Loop() {
			done := make(chan bool)
			cores := runtime.GOMAXPROCS(0)
			for range cores {
				go func() {
					for range count / cores {
						sha256.Sum256(data)
					}
					done <- true
				}()
			}
			for range cores {
				<-done
			}
		}
	})
}
