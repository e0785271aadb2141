package idtoken

import (
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	tok, err := parse(jwt(`{"iss":"i","sub":"s","aud":["a","b"],"exp":1763708700.9,"n":{"a":[1,null,true]}}`))
	if err != nil {
		t.Fatal(err)
	}
	if tok.Issuer != "i" || tok.Subject != "s" || !tok.For("b") || tok.For("c") || !tok.Expiry.Equal(time.Unix(1763708700, 0)) {
		t.Errorf("got %#v", tok)
	}
}

func TestParseRefuses(t *testing.T) {
	good := `{"iss":"i","sub":"s","aud":"a","exp":1}`
	for name, raw := range map[string]string{
		"empty":              "",
		"two parts":          b64("{}") + "." + b64(good),
		"four parts":         jwt(good) + ".x",
		"encrypted":          "a.b.c.d.e",
		"no signature":       b64(`{"alg":"RS256"}`) + "." + b64(good) + ".",
		"alg none":           b64(`{"alg":"None"}`) + "." + b64(good) + ".eA",
		"no alg":             b64(`{}`) + "." + b64(good) + ".eA",
		"alg twice":          b64(`{"alg":"none","alg":"RS256"}`) + "." + b64(good) + ".eA",
		"padded":             b64(`{"alg":"RS256"}`) + "." + b64(good) + "==.eA",
		"not base64":         b64(`{"alg":"RS256"}`) + ".***.eA",
		"signature":          b64(`{"alg":"RS256"}`) + "." + b64(good) + ".***",
		"header not object":  b64(`[]`) + "." + b64(good) + ".eA",
		"payload not JSON":   jwt("{"),
		"payload a list":     jwt(`[]`),
		"payload a text":     jwt(`"x"`),
		"trailing":           jwt(good + "{}"),
		"not UTF-8":          jwt("{\"iss\":\"\xff\",\"sub\":\"s\",\"aud\":\"a\",\"exp\":1}"),
		"claim twice":        jwt(`{"iss":"i","iss":"j","sub":"s","aud":"a","exp":1}`),
		"nested claim twice": jwt(`{"iss":"i","sub":"s","aud":"a","exp":1,"x":[{"a":1,"a":2}]}`),
		"deep":               jwt(`{"iss":"i","sub":"s","aud":"a","exp":1,"x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`),
		"no iss":             jwt(`{"sub":"s","aud":"a","exp":1}`),
		"iss a number":       jwt(`{"iss":1,"sub":"s","aud":"a","exp":1}`),
		"no sub":             jwt(`{"iss":"i","aud":"a","exp":1}`),
		"empty sub":          jwt(`{"iss":"i","sub":"","aud":"a","exp":1}`),
		"no aud":             jwt(`{"iss":"i","sub":"s","exp":1}`),
		"empty aud":          jwt(`{"iss":"i","sub":"s","aud":[],"exp":1}`),
		"aud of numbers":     jwt(`{"iss":"i","sub":"s","aud":[1],"exp":1}`),
		"no exp":             jwt(`{"iss":"i","sub":"s","aud":"a"}`),
		"exp a text":         jwt(`{"iss":"i","sub":"s","aud":"a","exp":"1"}`),
		"exp beyond time":    jwt(`{"iss":"i","sub":"s","aud":"a","exp":1e300}`),
		"exp before time":    jwt(`{"iss":"i","sub":"s","aud":"a","exp":-1}`),
		"large":              jwt(`{"x":"` + strings.Repeat("a", MaxToken) + `"}`),
	} {
		t.Run(name, func(t *testing.T) {
			if tok, err := parse(raw); err == nil {
				t.Errorf("accepted as %v", tok)
			} else if strings.Contains(err.Error(), signature) || len(err.Error()) > 200 {
				t.Errorf("%v", err)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add(token(nil))
	f.Add(jwt(`{"iss":"i","sub":"s","aud":["a","b"],"exp":1.5,"x":{"y":[null]}}`))
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, raw string) {
		tok, err := parse(raw)
		if err != nil {
			return
		}
		if tok.Issuer == "" || tok.Subject == "" || len(tok.Audience) == 0 || tok.Expiry.Year() > 9999 || tok.Raw() != raw {
			t.Errorf("got %v of %q", tok, raw)
		}
		if strings.ContainsAny(tok.Describe(), "\n\r\x00\x1b") {
			t.Errorf("unsafe: %q", tok.Describe())
		}
	})
}

// FuzzPayload fuzzes what the encoding would hide from the fuzzer.
func FuzzPayload(f *testing.F) {
	f.Add(`{"iss":"i","sub":"s","aud":["a","b"],"exp":1.5,"x":{"y":[null]}}`)
	f.Fuzz(func(t *testing.T, payload string) {
		if _, err := parse(jwt(payload)); err != nil && strings.Contains(err.Error(), signature) {
			t.Errorf("%v", err)
		}
	})
}
