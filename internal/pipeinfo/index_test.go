package pipeinfo

import (
	"os"
	"strings"
	"testing"
)

func TestLookupFindsTheStepOfAnOutput(t *testing.T) {
	d := create(t)
	loc := record(t, d, "build")
	sum := sumHex([]byte("output of build"))
	entries, err := d.Lookup(sum)
	if err != nil || len(entries) != 1 {
		t.Fatalf("%+v, %v", entries, err)
	}
	if e := entries[0]; e.Path != loc.Document || e.Digest.SHA256 != loc.SHA256 || e.Name != "app-build" {
		t.Errorf("%+v", e)
	}
	if entries, err := d.Lookup(sumHex(nil)); err != nil || len(entries) != 0 {
		t.Errorf("an unknown digest: %+v, %v", entries, err)
	}
	for _, bad := range []string{"", "../..", strings.ToUpper(sum), sum + "/x"} {
		if _, err := d.Lookup(bad); err == nil {
			t.Errorf("%q is looked up", bad)
		}
	}
}

func TestLookupPassesOverWhatIsNoEntry(t *testing.T) {
	d := create(t)
	loc := record(t, d, "build")
	sum := sumHex([]byte("output of build"))
	dir := indexRoot + "/" + sum + "/"
	good := files(t, d)[dir+entryFile(loc.Document)]
	for name, content := range map[string]string{
		"0.json":             string(good),
		"1.json":             "{",
		"2.json":             `{"type":"x"}`,
		"3.json":             strings.Repeat(" ", maxEntry) + string(good),
		entryFile("../../x"): strings.Replace(string(good), loc.Document, "../../x", 1),
	} {
		overwrite(t, d, dir+name, []byte(content))
	}
	if err := os.Mkdir(d.osPath(dir+"4.json"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(entryFile(loc.Document), d.osPath(dir+"5.json")); err != nil {
		t.Fatal(err)
	}
	entries, err := d.Lookup(sum)
	if err != nil || len(entries) != 1 || entries[0].Path != loc.Document {
		t.Errorf("%+v, %v", entries, err)
	}
}

func TestResumeListsWhatADeadWriterDidNot(t *testing.T) {
	d := create(t)
	r := begin(t, d, "build", "")
	if _, err := finish(t, r, newSigner("a", nil), nil); err != nil {
		t.Fatal(err)
	}
	r.Release()
	removeTree(t, d, indexRoot)
	r = begin(t, d, "build", r.Claim())
	if loc, err := finish(t, r, newSigner("a", nil), nil); err != nil || loc.New {
		t.Fatalf("%+v, %v", loc, err)
	}
	if entries, err := d.Lookup(sumHex([]byte("output of build"))); err != nil || len(entries) != 1 {
		t.Errorf("%+v, %v", entries, err)
	}
}
