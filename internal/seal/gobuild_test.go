package seal

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pipeseal/pipeseal/internal/build"
	"github.com/pipeseal/pipeseal/internal/subject"
)

func TestGoMaterials(t *testing.T) {
	got := goMaterials(&subject.GoBuild{
		Toolchain: "go1.26.8",
		Modules: []subject.GoModule{
			{Path: "github.com/Acme/Lib", Version: "v1.2.3+incompatible", Sum: "ab"},
			{Path: "example.com/vendored", Version: "v0.1.0"},
			{Path: "example.com/workspace", Version: "(devel)"},
			{Path: "example.com/dir", Version: "v1.0.0", Replace: &subject.GoModule{Path: "./dir"}},
			{Path: "example.com/old", Version: "v1.0.0", Sum: "cd", Replace: &subject.GoModule{Path: "example.com/fork", Version: "v2.0.0", Sum: "ef"}},
		},
	})
	want := []build.Material{
		{Name: "go1.26.8", URI: "pkg:golang/stdlib@1.26.8"},
		{Name: "github.com/Acme/Lib@v1.2.3+incompatible", URI: "pkg:golang/github.com/acme/lib@v1.2.3%2Bincompatible", Digest: map[string]string{"dirHash": "ab"}},
		{Name: "example.com/vendored@v0.1.0", URI: "pkg:golang/example.com/vendored@v0.1.0"},
		{Name: "example.com/workspace", URI: "pkg:golang/example.com/workspace"},
		{Name: "example.com/dir => ./dir", URI: "pkg:golang/example.com/dir"},
		{Name: "example.com/fork@v2.0.0", URI: "pkg:golang/example.com/fork@v2.0.0", Digest: map[string]string{"dirHash": "ef"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := packageURL("stdlib", "1.27-devel_abc X:boringcrypto"); got != "pkg:golang/stdlib@1.27-devel_abc%20X:boringcrypto" {
		t.Error(got)
	}
}
