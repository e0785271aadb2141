package trust

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	prototrustroot "github.com/sigstore/protobuf-specs/gen/pb-go/trustroot/v1"
	"github.com/sigstore/sigstore-go/pkg/root"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/remote"
)

// MaxFile is the limit of a trust file or TUF target, in bytes.
const MaxFile = 4 << 20

// ClientTrustConfigMediaType is the version of trust files that is read (protobuf-specs,
// sigstore_trustroot.proto); a trusted root alone is root.TrustedRootMediaType01.
const ClientTrustConfigMediaType = "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json"

const fileHint = "name a Sigstore ClientTrustConfig or trusted root (JSON) with --trust FILE"

func loadFile(path string) (*Instance, error) {
	data, err := readLimited(path)
	if err != nil {
		return nil, fault.New(fault.Usage, "read trust file: %w", err).WithHint(fileHint)
	}
	i, err := Parse(data)
	if err != nil {
		return nil, fault.New(fault.Usage, "trust file %s: %w", remote.Printable(path), err).WithHint(fileHint)
	}
	i.Name, i.Origin = remote.Printable(filepath.Base(path)), "file "+remote.Printable(path)
	return i, nil
}

// readLimited reads a regular file of at most MaxFile bytes.
func readLimited(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil {
		return nil, err
	} else if info.IsDir() {
		return nil, fmt.Errorf("%s is a directory", remote.Printable(path))
	}
	data, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	if err == nil && len(data) > MaxFile {
		err = fmt.Errorf("%s is larger than %d bytes", remote.Printable(path), MaxFile)
	}
	return data, err
}

// Parse reads a ClientTrustConfig or a trusted root from its JSON form. Fields and media
// types that are not known are refused. Name and Origin are left for the caller.
func Parse(data []byte) (*Instance, error) {
	if len(data) > MaxFile {
		return nil, fmt.Errorf("larger than %d bytes", MaxFile)
	}
	var kind struct {
		MediaType *string `json:"mediaType"`
	}
	if err := json.Unmarshal(data, &kind); err != nil {
		return nil, fmt.Errorf("not JSON: %s", remote.Printable(err.Error()))
	}
	if kind.MediaType == nil {
		return nil, errors.New("it has no mediaType")
	}
	switch *kind.MediaType {
	case ClientTrustConfigMediaType:
		var c prototrustroot.ClientTrustConfig
		if err := decode(data, &c); err != nil {
			return nil, err
		}
		return newInstance(c.GetTrustedRoot(), c.GetSigningConfig())
	case root.TrustedRootMediaType01:
		var t prototrustroot.TrustedRoot
		if err := decode(data, &t); err != nil {
			return nil, err
		}
		return newInstance(&t, nil)
	}
	return nil, fmt.Errorf("mediaType %q is neither %q nor %q", remote.Printable(*kind.MediaType), ClientTrustConfigMediaType, root.TrustedRootMediaType01)
}

// decode reads the JSON form of a protobuf message, strictly.
func decode(data []byte, m proto.Message) error {
	if err := protojson.Unmarshal(data, m); err != nil {
		// protojson varies its white space on purpose.
		return errors.New(remote.Printable(strings.TrimPrefix(strings.ReplaceAll(err.Error(), "\u00a0", " "), "proto: ")))
	}
	return nil
}

// newInstance checks and assembles; s may be nil.
func newInstance(t *prototrustroot.TrustedRoot, s *prototrustroot.SigningConfig) (*Instance, error) {
	if t == nil {
		return nil, errors.New("it has no trustedRoot")
	}
	i := &Instance{namesLog: len(t.GetTlogs()) > 0, namesCTLog: len(t.GetCtlogs()) > 0}
	t.Tlogs = i.usable("transparency log", t.GetTlogs())
	t.Ctlogs = i.usable("certificate transparency log", t.GetCtlogs())
	material, err := root.NewTrustedRootFromProtobuf(t)
	if err != nil {
		return nil, fmt.Errorf("trusted root: %s", remote.Printable(err.Error()))
	}
	i.Material = material
	if s != nil {
		if err := checkSigning(s); err != nil {
			return nil, fmt.Errorf("signing config: %w", err)
		}
		if i.Signing, err = root.NewSigningConfigFromProtobuf(s); err != nil {
			return nil, fmt.Errorf("signing config: %s", remote.Printable(err.Error()))
		}
	}
	i.PublicGood = publicGood(i.Material, i.Signing)
	return i, nil
}

// usable leaves out the logs whose key has no start of validity: such a key was never
// valid, and a missing start must not read as "always". What they logged is refused when
// it is verified.
func (i *Instance) usable(what string, logs []*prototrustroot.TransparencyLogInstance) []*prototrustroot.TransparencyLogInstance {
	var out []*prototrustroot.TransparencyLogInstance
	for _, l := range logs {
		if l.GetPublicKey() != nil && l.GetPublicKey().GetValidFor().GetStart() == nil {
			i.Unusable = append(i.Unusable, what+" "+remote.Printable(l.GetBaseUrl())+": its key has no start of validity")
			continue
		}
		out = append(out, l)
	}
	return out
}
