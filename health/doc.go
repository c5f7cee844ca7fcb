// Package health answers a load balancer's health check truthfully.
//
// A server adds an honest endpoint in a few lines:
//
//	checks := &health.Registry{Checks: []health.Check{
//		{Name: "database", Run: sqlcheck.Query(db, "select 1")},
//	}}
//	go func() {
//		if err := checks.Run(ctx); err != nil {
//			log.Print(err)
//		}
//	}()
//	mux.Handle("/health_check", &health.Handler{Registry: checks})
//
// # What it guarantees
//
// Answering never runs a check. Checks run in the background, each on its own
// clock; [Handler] reads the last results. A thousand balancers that ask every
// second cost the database nothing.
//
// Nothing stale is green. A result that is older than its freshness bound is
// [Unknown], and so is a check that has not run yet. Unknown is not in service.
//
// A stuck check has failed at its timeout, even when it ignores its context, and
// never has more than one run in flight.
//
// A shared failure never empties the balancer. A failing check of a thing that
// all servers share ([Shared]) makes the verdict [Warn]: alarmed, and still in
// service.
//
// # Softer and slower checks
//
// A check may take several results in a row to change its mind
// (UnhealthyThreshold, HealthyThreshold), may say that things are worse without
// failing ([Degraded]), and may be one that only warns (WarnOnly). A failure
// never makes a check greener: one that has not passed yet, or not for longer
// than its results count, stays Unknown while its failures are too few to fail it.
//
// # Starting
//
// Starting is told apart from failing. A server in its StartupGrace that has
// not been in service yet is not ill; it gets no traffic either.
//
// # Kubernetes
//
// [Handler.Livez], [Handler.Readyz] and [Handler.Startupz] answer from the same
// registry, for a mux of one's own:
//
//	h := &health.Handler{Registry: checks}
//	mux.Handle("/livez", h.Livez())
//	mux.Handle("/readyz", h.Readyz())
//	mux.Handle("/startupz", h.Startupz())
//
// # Concurrency
//
// A [Registry] is configured before Run and not changed afterwards. All its
// methods, and [Handler], may be used from any goroutine, before, while and
// after Run runs.
//
// The package needs nothing but the standard library and this module.
package health
