package strictjson_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/pipeseal/pipeseal/internal/strictjson"
)

func TestCheck(t *testing.T) {
	for in, why := range map[string]string{
		`{"a":1,"b":[{"a":2}]}`: "",
		` [1,"x",null,true] `:   "",
		`"text"`:                "",
		`{"a":1,"a":2}`:         "occurs twice",
		`{"a":1,"A":2}`:         "occurs twice",
		`{"x":[{"a":1,"a":2}]}`: "occurs twice",
		`{} {}`:                 "follows",
		`{}x`:                   "follows",
		``:                      "EOF",
		`{"a":`:                 "EOF",
		`{"a" 1}`:               "invalid",
		"{\"a\":\"\xff\"}":      "UTF-8",
		strings.Repeat("[", 17) + strings.Repeat("]", 17): "",
		strings.Repeat("[", 18) + strings.Repeat("]", 18): "deeply",
	} {
		err := strictjson.Check([]byte(in))
		if why == "" && err != nil || why != "" && (err == nil || !strings.Contains(err.Error(), why)) {
			t.Errorf("%.40q: got %v, want %q", in, err, why)
		}
	}
	for in, ok := range map[string]bool{`{}`: true, "\n {\"a\":1}": true, `[]`: false, `1`: false, `null`: false} {
		if err := strictjson.Object([]byte(in)); (err == nil) != ok {
			t.Errorf("object %q: %v", in, err)
		}
	}
}

func FuzzCheck(f *testing.F) {
	f.Add([]byte(`{"a":[1,{"b":null}],"c":"\u0041"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if strictjson.Check(data) == nil && !json.Valid(data) {
			t.Errorf("%q is no JSON, and passed", data)
		}
	})
}
