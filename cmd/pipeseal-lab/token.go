package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/pipeseal/pipeseal/cmd/pipeseal-lab/internal/step"
)

const (
	tokenTimeout = 30 * time.Second
	maxToken     = 64 << 10
)

func tokenCommand(p process) *cobra.Command {
	var flags tokenFlags
	var ci string
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Print an identity token of a running lab",
		Long:  "Print an identity token of the running lab that PIPESEAL_LAB_TOKEN_URL names: source the env file of \"up\" first.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if ci != "" {
				if err := checkCI(ci); err != nil {
					return err
				}
			}
			token, err := fetchToken(cmd.Context(), lookup(p.environ, "PIPESEAL_LAB_TOKEN_URL"), ci, &flags)
			if err != nil {
				return failed(err, exitFailed)
			}
			_, err = fmt.Fprintln(p.stdout, token)
			return failed(err, exitFailed)
		},
	}
	cmd.Flags().StringVar(&ci, "ci", "", "whose token it is (default: the one the variable names)")
	flags.bind(cmd.Flags(), "")
	return cmd
}

func fetchToken(ctx context.Context, at, ci string, flags *tokenFlags) (string, error) {
	u, err := url.Parse(at)
	if at == "" || err != nil {
		return "", &exit{exitUsage, errors.New("PIPESEAL_LAB_TOKEN_URL is not set: source the env file that \"pipeseal-lab up\" writes")}
	}
	changes, err := flags.changes()
	if err != nil {
		return "", err
	}
	query := u.Query()
	if ci != "" {
		query.Set("issuer", string(step.IssuerOf(step.CI(ci))))
	}
	if changes.Audience != "" {
		query.Set("aud", changes.Audience)
	}
	if changes.Life != 0 {
		query.Set("ttl", changes.Life.String())
	}
	for name, value := range changes.Claims {
		query.Set("claim."+name, value)
	}
	u.RawQuery = query.Encode()
	ctx, cancel := context.WithTimeout(ctx, tokenTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", fmt.Errorf("ask the lab for a token: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxToken))
	if err != nil {
		return "", fmt.Errorf("ask the lab for a token: %w", err)
	}
	var answer struct{ Value, Message string }
	if err := json.Unmarshal(body, &answer); err != nil {
		return "", fmt.Errorf("ask the lab for a token: it answered %s", resp.Status)
	}
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("ask the lab for a token: it answered %s: %s", resp.Status, answer.Message)
	}
	return answer.Value, nil
}
