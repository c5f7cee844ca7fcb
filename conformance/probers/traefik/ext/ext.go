// Package ext stands in for Traefik's package of that name, a hook for other
// products to put fields of their own into its configuration. It is a module
// within Traefik's repository that was never published, so that nobody but
// Traefik itself can be built with it. In Traefik these types are empty too.
package ext

// HTTP is embedded in the configuration of everything HTTP.
type HTTP struct{}

// DeepCopyInto copies it.
func (*HTTP) DeepCopyInto(*HTTP) {}

// Router is embedded in the configuration of a router.
type Router struct{}

// DeepCopyInto copies it.
func (*Router) DeepCopyInto(*Router) {}
