package lab

import (
	"io"

	fulciolog "github.com/sigstore/fulcio/pkg/log"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"k8s.io/klog/v2"
)

// LogTo has the upstream packages log to w; nil silences them. Left alone they write to
// stdout and stderr, between a command's lines. It changes those packages, so it is to be
// called once and before any lab is started.
func LogTo(w io.Writer) {
	klog.LogToStderr(false)
	if w == nil {
		fulciolog.Logger = zap.NewNop().Sugar()
		klog.SetOutput(io.Discard)
		return
	}
	fulciolog.Logger = zap.New(zapcore.NewCore(
		zapcore.NewConsoleEncoder(zap.NewDevelopmentEncoderConfig()), zapcore.AddSync(w), zap.InfoLevel)).Sugar()
	klog.SetOutput(w)
}
