package subject

import (
	"slices"
	"testing"

	"github.com/pipeseal/pipeseal/internal/fault"
)

func TestImages(t *testing.T) {
	const hex = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	images, others, err := Images(t.TempDir(), []string{
		"registry.example.com/acme/app:v1", "dist/*", "oci:localhost:5000/acme/app@" + hex, "registry.example.com/acme/app:v1", "app", "checksums:SUMS", "digest:app@" + hex,
	})
	var names []string
	for _, i := range images {
		names = append(names, i.String())
	}
	if err != nil || !slices.Equal(names, []string{"registry.example.com/acme/app:v1", "localhost:5000/acme/app@" + hex}) ||
		!slices.Equal(others, []string{"dist/*", "app", "checksums:SUMS", "digest:app@" + hex}) {
		t.Errorf("%q, %q, %v", names, others, err)
	}
	for _, arg := range []string{"", "!app", "registry.example.com/acme/app", "https://registry.example.com/acme/app:v1", "registry.example.com/ACME:v1"} {
		if _, _, err := Images(t.TempDir(), []string{arg}); fault.KindOf(err) != fault.Usage || fault.HintOf(err) == "" {
			t.Errorf("%q: %v", arg, err)
		}
	}
}
