package step

// machine is whom a token names that is no CI's.
const machine = "pipeline@example.com"

// genericEnviron is that of a machine that runs no CI which is known.
func (s *Step) genericEnviron(p Places) map[string]string {
	return map[string]string{"SIGSTORE_ID_TOKEN": p.Token}
}

func genericClaims(*Step) map[string]any {
	return map[string]any{"sub": machine, "email": machine, "email_verified": true}
}
