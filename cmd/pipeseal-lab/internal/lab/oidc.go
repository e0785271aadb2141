package lab

import (
	"cmp"
	"crypto"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Issuer is one of the identities the OIDC service issues tokens as: the last segment of
// the issuer's URL.
type Issuer string

// The issuers: one for each CI that has tokens, and one for plain workload tokens.
const (
	GitHub    Issuer = "github"
	GitLab    Issuer = "gitlab"
	Jenkins   Issuer = "jenkins"
	Forgejo   Issuer = "forgejo"
	Buildkite Issuer = "buildkite"
	CircleCI  Issuer = "circleci"
	Azure     Issuer = "azure"
	Bitbucket Issuer = "bitbucket"
	Codefresh Issuer = "codefresh"
	// Kubernetes is a cluster, for its pods.
	Kubernetes Issuer = "kubernetes"
	Generic    Issuer = "generic"
)

// Issuers are all of them.
func Issuers() []Issuer {
	return []Issuer{GitHub, GitLab, Jenkins, Forgejo, Buildkite, CircleCI, Azure, Bitbucket, Codefresh, Kubernetes, Generic}
}

const (
	// Audience is the one Fulcio accepts where it is told no other.
	Audience = "sigstore"
	// tokenLife is how long a token is good for, as on GitHub and GitLab about.
	tokenLife = 10 * time.Minute
)

// Token says how a token differs from what its issuer would put in it by default.
type Token struct {
	// Audience is the claim aud, "" for the issuer's default.
	Audience string
	// Life is how long the token is good for, 0 for ten minutes; negative means that it
	// ended that long ago.
	Life time.Duration
	// Claims replace claims of the same name or come in addition; "" takes one away.
	Claims map[string]string
}

// issuer signs tokens. All identities share one key.
type issuer struct {
	base   string
	signer jose.Signer
	jwks   []byte
	claims map[Issuer]map[string]any
	// changes applies to every token before what its request asks for.
	changes Token
	bearer  string
	// audience is the one Fulcio accepts.
	audience string
	now      func() time.Time
}

func newIssuer(base string, k *keys, o Options) (*issuer, error) {
	public := jose.JSONWebKey{Key: k.oidc.Public(), Algorithm: string(jose.ES256), Use: "sig"}
	thumb, err := public.Thumbprint(crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("name the OIDC issuer's key: %w", err)
	}
	public.KeyID = base64.RawURLEncoding.EncodeToString(thumb)
	jwks, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{public}})
	if err != nil {
		return nil, fmt.Errorf("write the OIDC issuer's key set: %w", err)
	}
	signer, err := jose.NewSigner(
		jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: k.oidc, KeyID: public.KeyID}},
		(&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return nil, fmt.Errorf("sign as the OIDC issuer: %w", err)
	}
	return &issuer{base: base, signer: signer, jwks: jwks, claims: o.Claims, changes: o.Token, bearer: rand.Text(), audience: cmp.Or(o.Audience, Audience), now: time.Now}, nil
}

func (i *issuer) url(as Issuer) string { return i.base + "/" + string(as) }

// handler serves discovery and keys of every identity (OpenID Connect Discovery 1.0,
// section 4), GitHub's token endpoint, which asks for the bearer token, and the test
// endpoint /token?issuer=NAME, which asks for nothing.
func (i *issuer) handler() http.Handler {
	mux := http.NewServeMux()
	for _, as := range Issuers() {
		self := i.url(as)
		mux.HandleFunc("GET /"+string(as)+"/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
			answerJSON(w, http.StatusOK, map[string]any{
				"issuer":                                self,
				"jwks_uri":                              self + "/jwks",
				"subject_types_supported":               []string{"public"},
				"response_types_supported":              []string{"id_token"},
				"id_token_signing_alg_values_supported": []string{string(jose.ES256)},
				"scopes_supported":                      []string{"openid"},
			})
		})
		mux.HandleFunc("GET /"+string(as)+"/jwks", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Write(i.jwks)
		})
	}
	mux.HandleFunc("GET /"+string(GitHub)+"/token", func(w http.ResponseWriter, r *http.Request) {
		scheme, given, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if !strings.EqualFold(scheme, "bearer") || subtle.ConstantTimeCompare([]byte(given), []byte(i.bearer)) != 1 {
			answerJSON(w, http.StatusUnauthorized, map[string]string{"message": "ACTIONS_ID_TOKEN_REQUEST_TOKEN is not this lab's"})
			return
		}
		i.answer(w, GitHub, r.URL.Query())
	})
	mux.HandleFunc("GET /token", func(w http.ResponseWriter, r *http.Request) {
		i.answer(w, Issuer(r.URL.Query().Get("issuer")), r.URL.Query())
	})
	return mux
}

// answer writes a token as GitHub does: {"count":N,"value":TOKEN}.
func (i *issuer) answer(w http.ResponseWriter, as Issuer, query url.Values) {
	if i.claims[as] == nil {
		answerJSON(w, http.StatusNotFound, map[string]string{"message": fmt.Sprintf("there is no issuer %q", as)})
		return
	}
	t, status, err := parseToken(query)
	if err != nil {
		answerJSON(w, http.StatusBadRequest, map[string]string{"message": err.Error()})
		return
	}
	if status != 0 {
		answerJSON(w, status, map[string]string{"message": "refused, as the request's query asked for"})
		return
	}
	value, err := i.token(as, t)
	if err != nil {
		answerJSON(w, http.StatusInternalServerError, map[string]string{"message": err.Error()})
		return
	}
	answerJSON(w, http.StatusOK, map[string]any{"count": len(value), "value": value})
}

// parseToken reads a token request's query: audience, which aud overrides; ttl, a
// duration; claim.NAME; and status, with which to answer in the token's place. What else
// it holds is ignored, for GitHub's has an api-version.
func parseToken(query url.Values) (t Token, status int, err error) {
	t.Audience = query.Get("audience")
	if v := query.Get("aud"); v != "" {
		t.Audience = v
	}
	if v := query.Get("ttl"); v != "" {
		if t.Life, err = time.ParseDuration(v); err != nil || t.Life == 0 {
			return t, 0, fmt.Errorf("ttl=%q is no duration such as 5m or -5m", v)
		}
	}
	if v := query.Get("status"); v != "" {
		if status, err = strconv.Atoi(v); err != nil || status < 400 || status > 599 {
			return t, 0, fmt.Errorf("status=%q is no HTTP status from 400 to 599", v)
		}
	}
	t.Claims = map[string]string{}
	for key, values := range query {
		if name, ok := strings.CutPrefix(key, "claim."); ok && name != "" {
			t.Claims[name] = values[0]
		}
	}
	return t, status, nil
}

// token signs a token of the identity.
func (i *issuer) token(as Issuer, t Token) (string, error) {
	life := tokenLife
	for _, l := range []time.Duration{i.changes.Life, t.Life} {
		if l != 0 {
			life = l
		}
	}
	expires := i.now().Add(life)
	issued := i.now()
	if life < 0 {
		issued = expires.Add(-tokenLife)
	}
	claims := map[string]any{"aud": Audience}
	maps.Copy(claims, i.claims[as])
	maps.Copy(claims, map[string]any{
		"iss": i.url(as),
		"iat": issued.Unix(),
		"nbf": issued.Unix(),
		"exp": expires.Unix(),
		"jti": rand.Text(),
	})
	for _, aud := range []string{t.Audience, i.changes.Audience} {
		if aud != "" {
			claims["aud"] = aud
		}
	}
	for _, changes := range []map[string]string{i.changes.Claims, t.Claims} {
		for name, value := range changes {
			if value == "" {
				delete(claims, name)
			} else {
				claims[name] = value
			}
		}
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("write a token of %s: %w", as, err)
	}
	signed, err := i.signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("sign a token of %s: %w", as, err)
	}
	return signed.CompactSerialize()
}
