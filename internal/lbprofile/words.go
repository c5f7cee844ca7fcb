package lbprofile

// The words of each prober. Where nothing is published, they are plain: the
// profile's Facts about Words say so.

var wordsELBv2 = []Word{
	{Passed, "", "healthy"},
	{WrongCode, "Target.ResponseCodeMismatch", "Health checks failed with these codes: [<code>]"},
	{WrongGRPC, "Target.ResponseCodeMismatch", "Health checks failed with these codes: [<grpc>]"},
	{AnswerTimeout, "Target.Timeout", "Request timed out"},
	{Failed, "Target.FailedHealthChecks", "Health checks failed"},
}

var wordsNLB = []Word{
	{Passed, "", "healthy"},
	{Failed, "Target.FailedHealthChecks", "Health checks failed"},
}

var wordsELB = []Word{
	{Passed, "", "InService"},
	{Failed, "Instance", "Instance has failed at least the UnhealthyThreshold number of health checks consecutively."},
}

var wordsRoute53 = []Word{
	{Passed, "", "Success: HTTP Status Code <code>, <reason>"},
	{Connected, "", "Success: connected"},
	{WrongCode, "Failure", "Failure: HTTP Status Code <code>, <reason>"},
	{WrongBody, "Failure", "Failure: HTTP Status Code <code>, but the search string is not in the first 5120 bytes of the body"},
	{NoName, "Failure", "Failure: DNS resolution failed"},
	{AnswerTimeout, "Failure", "Failure: Connection timed out"},
	{NoHandshake, "Failure", "Failure: the TLS handshake failed: <error>"},
	{NotHTTP, "Failure", "Failure: the answer is no valid HTTP: <error>"},
	{Failed, "Failure", "Failure: the connection failed: <error>"},
}

var wordsGCP = []Word{
	{Passed, "", "HEALTHY"},
	{WrongCode, "UNHEALTHY", "UNHEALTHY: HTTP response <status>"},
	{WrongBody, "UNHEALTHY", "UNHEALTHY: the expected response is not in the first 1024 bytes of the body"},
	{WrongGRPC, "UNHEALTHY", "UNHEALTHY: gRPC code <grpc> (<grpc-name>)"},
	{NotServing, "UNHEALTHY", "UNHEALTHY: gRPC health status <serving>"},
	{AnswerTimeout, "TIMEOUT", "TIMEOUT: no answer within <timeout>"},
	{Failed, "UNHEALTHY", "UNHEALTHY: <error>"},
}

var wordsAzureLB = []Word{
	{Passed, "", "Up_Probe_Success"},
	{WrongCode, "Down_Probe_HttpStatusCodeError", "A non-200 HTTP status code received: <status>"},
	{ConnectTimeout, "Down_Probe_TcpProbeTimeout", "TCP probe timeout"},
	{NoConnection, "Down_Probe_TcpProbeTimeout", "TCP probe timeout (no connection: <error>)"},
	{AnswerTimeout, "Down_Probe_HttpNoResponse", "Application isn't returning a response"},
	{NoAnswer, "Down_Probe_HttpNoResponse", "Application isn't returning a response"},
	{Failed, "Down_Probe_HttpEndpointUnreachable", "HTTP endpoint unreachable (<error>)"},
}

var wordsAppGateway = []Word{
	{Passed, "", "Healthy"},
	{WrongCode, "HTTP status code mismatch", "Status code of the backend's HTTP response did not match the probe setting. Expected:<expected> Received:<code>."},
	{WrongBody, "HTTP response body mismatch", "Body of the backend's HTTP response did not match the probe setting. Received response body doesn't contain <wanted>."},
	{NoName, "DNS resolution error", "Application Gateway could not create a probe for this backend."},
	{ConnectTimeout, "TCP connect error", "Application Gateway could not connect to the backend."},
	{NoConnection, "TCP connect error", "Application Gateway could not connect to the backend."},
	{AnswerTimeout, "Backend server timeout", "Time taken by the backend to respond to application gateway's health probe is more than the timeout threshold in the probe setting."},
	{NotTrusted, "Unhealthy", "The backend's certificate is not trusted: <error>"},
	{Failed, "Unhealthy", "Unhealthy: <error>"},
}

var wordsCloudflare = []Word{
	{Passed, "", "No failure"},
	{WrongCode, "Response code mismatch error", "Response code mismatch error (<status>, expected <expected>)"},
	{WrongBody, "Response body mismatch error", "Response body mismatch error"},
	{NoName, "DNS Unknown Host", "DNS Unknown Host"},
	{ConnectTimeout, "TCP connection failed", "TCP connection failed"},
	{NoConnection, "TCP connection failed", "TCP connection failed"},
	{AnswerTimeout, "HTTP timeout occurred", "HTTP timeout occurred"},
	{NotTrusted, "TLS untrusted certificate error", "TLS untrusted certificate error"},
	{NoHandshake, "TLS protocol error", "TLS protocol error"},
	{BrokenOff, "Connection Reset by Peer", "Connection Reset by Peer"},
	{NotHTTP, "HTTP Invalid Response", "HTTP Invalid Response"},
	{NoAnswer, "HTTP Invalid Response", "HTTP Invalid Response"},
	{Failed, "Other Failure", "Other Failure (<error>)"},
}

// plainWords are ours, for probers of which no words are published.
func plainWords(up, down string) []Word {
	return []Word{
		{Passed, "", up},
		{WrongCode, down, "<status>, expected <expected>"},
		{WrongBody, down, "the body does not hold what it must"},
		{TooManyHops, down, "more redirects than it follows"},
		{BadRedirect, down, "a redirect to <location>, which leads nowhere"},
		{NoName, down, "the name has no address"},
		{NoConnection, down, "no connection to <address>: <error>"},
		{ConnectTimeout, down, "no connection to <address> within <timeout>"},
		{NoHandshake, down, "the TLS handshake failed: <error>"},
		{NotTrusted, down, "the certificate does not verify: <error>"},
		{TLSTimeout, down, "no TLS handshake within <timeout>"},
		{NoAnswer, down, "the connection was closed without an answer"},
		{BrokenOff, down, "the connection was reset without an answer"},
		{AnswerTimeout, down, "no answer within <timeout>"},
		{NotHTTP, down, "the answer is no HTTP: <line>"},
		{BodyCut, down, "the body breaks off: <error>"},
		{BodyTimeout, down, "the body does not end within <timeout>"},
		{WrongGRPC, down, "gRPC code <grpc> (<grpc-name>)"},
		{NotServing, down, "gRPC health status <serving>"},
		{Failed, down, "<error>"},
	}
}

var wordsHAProxy = []Word{
	{Passed, "", "L7OK/<code> Layer7 check passed"},
	{WrongCode, "L7STS/<code>", "Layer7 wrong status, code: <code>, info: \"<reason>\""},
	{WrongBody, "L7RSP", "Layer7 invalid response, info: \"HTTP content check did not match\""},
	{NoName, "L4CON", "Layer4 connection problem, info: \"the name has no address\""},
	{NoConnection, "L4CON", "Layer4 connection problem, info: \"<errno>\""},
	{ConnectTimeout, "L4TOUT", "Layer4 timeout"},
	{NoHandshake, "L6RSP", "Layer6 invalid response, info: \"SSL handshake failure\""},
	{TLSTimeout, "L6TOUT", "Layer6 timeout"},
	{BrokenOff, "SOCKERR", "Socket error, info: \"Connection reset by peer\""},
	{AnswerTimeout, "L7TOUT", "Layer7 timeout"},
	{Failed, "L7RSP", "Layer7 invalid response (<error>)"},
}

var wordsHAProxyTCP = []Word{
	{Passed, "", "L4OK Layer4 check passed"},
	{Shaken, "", "L6OK Layer6 check passed"},
	{NoName, "L4CON", "Layer4 connection problem, info: \"the name has no address\""},
	{NoHandshake, "L6RSP", "Layer6 invalid response, info: \"SSL handshake failure\""},
	{ConnectTimeout, "L4TOUT", "Layer4 timeout"},
	{TLSTimeout, "L6TOUT", "Layer6 timeout"},
	{Failed, "L4CON", "Layer4 connection problem, info: \"<errno>\""},
}

var wordsNginxPlus = []Word{
	{Passed, "", "peer is healthy"},
	{WrongCode, "unhealthy", "peer is unhealthy while checking status code, health check of peer <address> (<status>)"},
	{WrongBody, "unhealthy", "peer is unhealthy while checking body, health check of peer <address>"},
	{WrongGRPC, "unhealthy", "peer is unhealthy: gRPC code <grpc> (<grpc-name>)"},
	{NotServing, "unhealthy", "peer is unhealthy: gRPC health status <serving>"},
	{NoConnection, "unhealthy", "peer is unhealthy: connect() failed (<number>: <errno>)"},
	{AnswerTimeout, "unhealthy", "peer is unhealthy: upstream timed out"},
	{NoAnswer, "unhealthy", "peer is unhealthy: upstream prematurely closed connection"},
	{Failed, "unhealthy", "peer is unhealthy: <error>"},
}

var wordsEnvoy = []Word{
	{Passed, "", "healthy"},
	{WrongCode, "failed_active_hc", "/failed_active_hc, failure_type: ACTIVE (status <status>)"},
	{WrongBody, "failed_active_hc", "/failed_active_hc, failure_type: ACTIVE (payload_mismatch)"},
	{NotServing, "failed_active_hc", "/failed_active_hc, failure_type: ACTIVE (gRPC health status <serving>)"},
	{WrongGRPC, "failed_active_hc", "/failed_active_hc, failure_type: ACTIVE (gRPC code <grpc>)"},
	{AnswerTimeout, "active_hc_timeout", "/failed_active_hc/active_hc_timeout, failure_type: NETWORK_TIMEOUT"},
	{Failed, "failed_active_hc", "/failed_active_hc, failure_type: NETWORK (<error>)"},
}

var wordsTraefik = []Word{
	{Passed, "", "UP"},
	{WrongCode, "DOWN", "Health check failed. error=\"checking HTTP health: received error status code: <code>\""},
	{NotServing, "DOWN", "Health check failed. error=\"checking gRPC health: received gRPC status code: <serving>\""},
	{WrongGRPC, "DOWN", "Health check failed. error=\"checking gRPC health: gRPC health check failed: rpc error: code = <grpc-title> desc = <grpc-message>\""},
	{NoService, "DOWN", "Health check failed. error=\"checking gRPC health: gRPC server does not implement the health protocol: rpc error: code = Unimplemented desc = <grpc-message>\""},
	{Failed, "DOWN", "Health check failed. error=\"checking <kind> health: <kind-failed>: <go>\""},
}

var wordsCaddy = []Word{
	{Passed, "", "host is up"},
	{WrongCode, "unhealthy", "status code out of tolerances: status_code=<code> host=<target>"},
	{WrongBody, "unhealthy", "response body failed expectations: host=<target>"},
	{BodyCut, "unhealthy", "failed to read response body: host=<target> error=<go-inner>"},
	{BodyTimeout, "unhealthy", "failed to read response body: host=<target> error=context deadline exceeded (Client.Timeout or context cancellation while reading body)"},
	{AnswerTimeout, "unhealthy", "HTTP request failed: host=<target> error=<go><awaiting>"},
	{Failed, "unhealthy", "HTTP request failed: host=<target> error=<go>"},
}

var wordsVarnish = []Word{
	{Passed, "", "healthy <flags> \"<line>\""},
	{WrongCode, "sick", "sick <flags> \"<line>\""},
	{NoName, "sick", "no backend: the name has no address"},
	{NoConnection, "sick", "sick <flags> \"Open error <number> (<errno>)\""},
	{ConnectTimeout, "sick", "sick <flags> \"Open error 110 (Connection timed out)\""},
	{NoAnswer, "sick", "sick <flags> \"Empty response\""},
	{BrokenOff, "sick", "sick <flags> \"Read error 104 (Connection reset by peer)\""},
	{AnswerTimeout, "sick", "sick <flags> \"Poll error 110 (Connection timed out)\""},
	{NotHTTP, "sick", "sick <flags> \"<line>\""},
	{Failed, "sick", "sick <flags> <error>"},
}

var wordsApache = []Word{
	{Passed, "", "Health check <method> Status (0) for <target>."},
	{WrongCode, "HcFl", "Health check DISABLING <target>: response status <code>"},
	{NoConnection, "HcFl", "Health check DISABLING <target>: (<number>)<errno>"},
	{NoName, "HcFl", "Health check DISABLING <target>: DNS lookup failure"},
	{AnswerTimeout, "HcFl", "Health check DISABLING <target>: (70007)The timeout specified has expired"},
	{BodyTimeout, "HcFl", "Health check DISABLING <target>: (70007)The timeout specified has expired"},
	{Failed, "HcFl", "Health check DISABLING <target>: <error>"},
}

var wordsF5 = []Word{
	{Passed, "", "up"},
	{NoConnection, "down", "Could not connect: <errno>. No successful responses received before deadline."},
	{NoAnswer, "down", "The connection was closed without a response. No successful responses received before deadline."},
	{Failed, "down", "No successful responses received before deadline."},
}

var wordsKubelet = []Word{
	{Passed, "", "probe succeeded"},
	{RedirectUnseen, "", "Readiness probe warning: Probe terminated redirects, Response body: <body>"},
	{WrongCode, "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: <code>"},
	{BodyCut, "", "Readiness probe errored: <go-inner>; the result is thrown away"},
	{BodyTimeout, "", "Readiness probe errored: context deadline exceeded (Client.Timeout or context cancellation while reading body); the result is thrown away"},
	{AnswerTimeout, "Unhealthy", "Readiness probe failed: <go><awaiting>"},
	{Failed, "Unhealthy", "Readiness probe failed: <go>"},
}

var wordsKubeletTCP = []Word{
	{Passed, "", "probe succeeded"},
	{Failed, "Unhealthy", "Readiness probe failed: <go-inner>"},
}

var wordsKubeletGRPC = []Word{
	{Passed, "", "service healthy"},
	{NotServing, "Unhealthy", "Readiness probe failed: service unhealthy (responded with \"<serving>\")"},
	{NoService, "Unhealthy", "Readiness probe failed: error: this server does not implement the grpc health protocol (grpc.health.v1.Health): <grpc-message>"},
	{WrongGRPC, "Unhealthy", "Readiness probe failed: error: health rpc probe failed: rpc error: code = <grpc-title> desc = <grpc-message>"},
	{ConnectTimeout, "Unhealthy", "Readiness probe failed: timeout: failed to connect service \"<address>\" within <timeout>: context deadline exceeded"},
	{NoConnection, "Unhealthy", "Readiness probe failed: timeout: failed to connect service \"<address>\" within <timeout>: context deadline exceeded"},
	{NotHTTP, "Unhealthy", "Readiness probe failed: timeout: failed to connect service \"<address>\" within <timeout>: context deadline exceeded"},
	{AnswerTimeout, "Unhealthy", "Readiness probe failed: timeout: health rpc did not complete within <timeout>"},
	{Failed, "Unhealthy", "Readiness probe failed: error: health rpc probe failed: <go-inner>"},
}

var wordsConsul = []Word{
	{Passed, "", "passing: HTTP <method> <url>: <status> Output: <body>"},
	{Warned, "", "warning: HTTP <method> <url>: <status> Output: <body>"},
	{Connected, "", "passing: TCP connect <address>: Success"},
	{Serving, "", "passing: gRPC check <address>: success"},
	{NotServing, "critical", "gRPC check <address>: gRPC <address> serving status: <serving>"},
	{WrongGRPC, "critical", "gRPC check <address>: rpc error: code = <grpc-title> desc = <grpc-message>"},
	{WrongCode, "critical", "HTTP <method> <url>: <status> Output: <body>"},
	{AnswerTimeout, "critical", "<go><awaiting>"},
	{Failed, "critical", "<go>"},
}

// wordsDocker are what Docker makes of curl, which speaks of itself.
var wordsDocker = []Word{
	{Passed, "", "healthy: exit code 0"},
	{WrongCode, "unhealthy", "exit code 22: curl: (22) The requested URL returned error: <code>"},
	{NoName, "unhealthy", "exit code 6: curl: (6) Could not resolve host: <hostname>"},
	{NoConnection, "unhealthy", "exit code 7: curl: (7) Failed to connect to <hostname> port <port> after <dial-ms> ms: Couldn't connect to server"},
	{NoHandshake, "unhealthy", "exit code 35: curl: (35) SSL connect error (<error>)"},
	{NotTrusted, "unhealthy", "exit code 60: curl: (60) SSL certificate problem: <error>"},
	{NoAnswer, "unhealthy", "exit code 52: curl: (52) Empty reply from server"},
	{BrokenOff, "unhealthy", "exit code 56: curl: (56) Recv failure: Connection reset by peer"},
	{NotHTTP, "unhealthy", "exit code 1: curl: (1) Received HTTP/0.9 when not allowed"},
	{BodyCut, "unhealthy", "exit code 18: curl: (18) <cut>"},
	{BodyBroken, "unhealthy", "exit code 56: curl: (56) Illegal or missing hexadecimal sequence in chunked-encoding"},
	{AnswerTimeout, "unhealthy", "exit code -1: Health check exceeded timeout (<timeout>)"},
	{Failed, "unhealthy", "curl: <error>"},
}

var wordsKamal = []Word{
	{Passed, "", "healthy"},
	{WrongCode, "unhealthy", "Healthcheck failed: unexpected status (<code>)"},
	{AnswerTimeout, "unhealthy", "Healthcheck failed: request timed out"},
	{Failed, "unhealthy", "Healthcheck failed: <go>"},
}

var wordsBlackbox = []Word{
	{Passed, "", "probe_success 1, probe_http_status_code <code>"},
	{Connected, "", "probe_success 1"},
	{Unconnected, "probe_success 0", "probe_success 0: Error dialing TCP: <go>"},
	{Serving, "", "probe_success 1, probe_grpc_status_code <grpc>, SERVING"},
	{WrongCode, "probe_success 0", "probe_success 0: Invalid HTTP response status code, wanted 2xx, status_code=<code>"},
	{WrongBody, "probe_success 0", "probe_success 0: Body did not match regular expression"},
	{TooManyHops, "probe_success 0", "probe_success 0: Not following redirect; Invalid HTTP response status code, wanted 2xx, status_code=<code>"},
	{BodyCut, "probe_success 0", "probe_success 0: Failed to read HTTP response body: <go-inner>"},
	{BodyTimeout, "probe_success 0", "probe_success 0: Failed to read HTTP response body: context deadline exceeded"},
	{NotServing, "probe_success 0", "probe_success 0: gRPC health status <serving>"},
	{WrongGRPC, "probe_success 0", "probe_success 0: gRPC code <grpc> (<grpc-name>)"},
	{Failed, "probe_success 0", "probe_success 0: Error for <kind> request: <go>"},
}

var wordsGatus = []Word{
	{Passed, "", "[STATUS] == <expected>"},
	{Connected, "", "[CONNECTED] == true"},
	{Unconnected, "unhealthy", "[CONNECTED] (false) == true"},
	{WrongCode, "unhealthy", "[STATUS] (<code>) == <expected>"},
	{WrongBody, "unhealthy", "[BODY] (<body>) == pat(*<wanted>*)"},
	{BodyCut, "unhealthy", "error reading response body:<go-inner>"},
	{BodyTimeout, "unhealthy", "error reading response body:context deadline exceeded (Client.Timeout or context cancellation while reading body)"},
	{AnswerTimeout, "unhealthy", "<go><awaiting>"},
	{Failed, "unhealthy", "<go>"},
}

var wordsInservice = []Word{
	{Passed, "", "healthy"},
	{WrongCode, "Target.ResponseCodeMismatch", "Health checks failed with these codes: [<code>]"},
	{AnswerTimeout, "Target.Timeout", "Request timed out"},
	{BodyTimeout, "Target.Timeout", "Request timed out"},
	{Failed, "Target.FailedHealthChecks", "Health checks failed (<error>)"},
}
