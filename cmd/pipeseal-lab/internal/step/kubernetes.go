package step

const (
	namespace      = "ci"
	serviceAccount = "builder"
)

// kubernetesClaims are those of a pod's projected service account token (kubernetes.io/docs,
// "Managing Service Accounts"), which say nothing about what runs in the pod.
func kubernetesClaims(*Step) map[string]any {
	return map[string]any{
		"sub": "system:serviceaccount:" + namespace + ":" + serviceAccount,
		"kubernetes.io": map[string]any{
			"namespace":      namespace,
			"pod":            map[string]any{"name": "build-pod", "uid": stableUUID("pod")},
			"serviceaccount": map[string]any{"name": serviceAccount, "uid": stableUUID(serviceAccount)},
		},
	}
}
