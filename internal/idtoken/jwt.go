package idtoken

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/pipeseal/pipeseal/internal/strictjson"
)

// MaxToken is how long a token may be, in bytes; those of the CIs are under 4 kB.
const MaxToken = 64 << 10

const lastSecond = 253402300799 // the end of the year 9999

// parse reads a JSON Web Token in compact form (RFC 7519; RFC 7515, 7.1): three
// base64url parts, the first two of them JSON objects in which no name comes twice. It
// verifies no signature, and believes nothing the header says. Its errors hold nothing
// of the token.
func parse(raw string) (Token, error) {
	if len(raw) > MaxToken {
		return Token{}, fmt.Errorf("is %d bytes long, more than %d", len(raw), MaxToken)
	}
	parts := strings.Split(raw, ".")
	if len(parts) != 3 || parts[2] == "" {
		return Token{}, errors.New("is not a signed JSON Web Token: it needs three parts with dots between")
	}
	header, err := object(parts[0])
	if err != nil {
		return Token{}, fmt.Errorf("has a header that %w", err)
	}
	if alg, ok := header["alg"].(string); !ok || alg == "" || strings.EqualFold(alg, "none") {
		return Token{}, errors.New("is not signed: its header names no algorithm")
	}
	if _, err := base64.RawURLEncoding.Strict().DecodeString(parts[2]); err != nil {
		return Token{}, errors.New("has a signature that is not base64url")
	}
	payload, err := object(parts[1])
	if err != nil {
		return Token{}, fmt.Errorf("has a payload that %w", err)
	}
	t := Token{Claims: payload, raw: raw}
	if t.Issuer, err = requiredText(payload, "iss"); err != nil {
		return Token{}, err
	}
	if t.Subject, err = requiredText(payload, "sub"); err != nil {
		return Token{}, err
	}
	if t.Audience, err = audience(payload["aud"]); err != nil {
		return Token{}, err
	}
	if t.Expiry, err = seconds(payload["exp"]); err != nil {
		return Token{}, err
	}
	return t, nil
}

func requiredText(payload map[string]any, claim string) (string, error) {
	s, ok := payload[claim].(string)
	if !ok || s == "" {
		return "", fmt.Errorf("has no claim %s, or one that is not text", claim)
	}
	return s, nil
}

// audience is a string or a list of them (RFC 7519, 4.1.3).
func audience(v any) ([]string, error) {
	switch v := v.(type) {
	case string:
		if v != "" {
			return []string{v}, nil
		}
	case []any:
		var all []string
		for _, e := range v {
			s, ok := e.(string)
			if !ok || s == "" {
				return nil, errors.New("has a claim aud that is not text or a list of texts")
			}
			all = append(all, s)
		}
		if len(all) > 0 {
			return all, nil
		}
	}
	return nil, errors.New("has no claim aud, or one that is not text or a list of texts")
}

// seconds is a NumericDate (RFC 7519, 2), which may have a fraction.
func seconds(v any) (time.Time, error) {
	n, ok := v.(json.Number)
	if !ok {
		return time.Time{}, errors.New("has no claim exp, or one that is not a number")
	}
	f, err := strconv.ParseFloat(n.String(), 64)
	if err != nil || f < 0 || f > lastSecond {
		return time.Time{}, errors.New("has a claim exp that is not a time")
	}
	return time.Unix(int64(f), 0).UTC(), nil
}

var errNotStrict = errors.New("is not a JSON object that means one thing: it is malformed, has a name twice, or is nested too deeply")

// object decodes one part: strict base64url of a JSON object that means one thing.
func object(part string) (map[string]any, error) {
	data, err := base64.RawURLEncoding.Strict().DecodeString(part)
	if err != nil {
		return nil, errors.New("is not base64url")
	}
	if err := strictjson.Object(data); err != nil {
		return nil, errNotStrict // without err, which quotes the token
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var o map[string]any
	if err := d.Decode(&o); err != nil {
		return nil, errors.New("is not JSON")
	}
	return o, nil
}
