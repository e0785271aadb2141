package verify

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	protorekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"

	"github.com/pipeseal/pipeseal/internal/strictjson"
)

// bodies are the entries that are read, "kind version", with what in each must be there:
// paths of fields that hold a non-empty string.
var bodies = map[string][]string{
	"hashedrekord 0.0.1": {"spec.data.hash.algorithm", "spec.data.hash.value", "spec.signature.content", "spec.signature.publicKey.content"},
	"dsse 0.0.1":         {"spec.payloadHash.algorithm", "spec.payloadHash.value", "spec.signatures.0.signature", "spec.signatures.0.verifier"},
	"intoto 0.0.2":       {"spec.content.payloadHash.algorithm", "spec.content.payloadHash.value", "spec.content.envelope.signatures.0.sig", "spec.content.envelope.signatures.0.publicKey"},
	"hashedrekord 0.0.2": {"spec.hashedRekordV002.data.digest", "spec.hashedRekordV002.signature.content", "spec.hashedRekordV002.signature.verifier.keyDetails"},
}

// checkBody checks that an entry's body is of the kind that the entry says, and has the
// parts that a comparison needs: one signature, and no null where Rekor's types would follow it.
func checkBody(e *protorekor.TransparencyLogEntry) error {
	kind, version := e.GetKindVersion().GetKind(), e.GetKindVersion().GetVersion()
	required, ok := bodies[kind+" "+version]
	if !ok {
		return fmt.Errorf("entries of kind %q, version %q, are not known", show(kind), show(version))
	}
	if err := strictjson.Check(e.GetCanonicalizedBody()); err != nil {
		return fmt.Errorf("its body: %w", err)
	}
	var body any
	if err := json.Unmarshal(e.GetCanonicalizedBody(), &body); err != nil {
		return fmt.Errorf("its body is not JSON: %w", err)
	}
	if text(body, "kind") != kind || text(body, "apiVersion") != version {
		return errors.New("its body is of another kind than it says")
	}
	for _, path := range required {
		if text(body, path) == "" {
			return fmt.Errorf("its body has no %s", path)
		}
	}
	// Rekor v2 signs a checkpoint with its host as origin; one in Rekor v1's form would be
	// compared less strictly.
	if version == "0.0.2" && kind == "hashedrekord" {
		origin, _, _ := strings.Cut(e.GetInclusionProof().GetCheckpoint().GetEnvelope(), "\n")
		if strings.Contains(origin, " ") {
			return fmt.Errorf("its checkpoint's origin %q is no Rekor v2 log's", show(origin))
		}
	}
	return nil
}

// text is the string at a path of fields in parsed JSON, "" where there is none. The path
// element 0 is the only element of a list: of several, none is the one.
func text(v any, path string) string {
	for _, name := range strings.Split(path, ".") {
		switch t := v.(type) {
		case map[string]any:
			v = t[name]
		case []any:
			if len(t) != 1 || name != "0" {
				return ""
			}
			v = t[0]
		default:
			return ""
		}
	}
	s, _ := v.(string)
	return s
}
