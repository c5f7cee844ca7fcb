package cause

// table is every cause, in the order of the experiments' vocabulary: what fails,
// what passes and fails, what passes without being true.
var table = []Cause{
	hostNotAllowed, vhostMismatch, canonicalHostRedirect, httpsRedirect, httpsRedirectIgnored, trailingSlash, pathRedirect,
	loginRedirect, redirectLoop, authRequired, forbiddenSource, forbiddenClient, forbiddenPath, notFound, methodNotAllowed,
	httpVersionRejected, needsForwardedHeader, successCodeMismatch, appError, dependencyDown, maintenanceMode, rateLimited,
	connectionLimit, upstreamDown, upstreamTimeout, upstreamBadResponse, wrongProtocolTLS, wrongProtocolPlain, clientCertRequired,
	sniRequired, tlsIncompatible, proxyProtocolExpected, http2Only, notHTTP, malformedResponse, truncatedResponse, closedNoResponse,
	noResponse, refused, wrongPort, boundToOtherAddress, ipv6Only, filtered, workerSaturated, slowResponse, coldStart, flapping,
	healthy, defaultPage, catchAll, frontAnswers, cached, errorInBody, shallowCheck, siteHostRefused,
}
